/** ENTER, PUSHA, POPA and BOUND. SDM vol 2. */
import { fault, VECTOR_BR } from "../fault";
import { loadData, storeData } from "../mmu/memory";
import { linearOf, probeOperand, readOperand } from "./segment";
import { peek, setStackPointer, stackMask } from "./stack";
import { finish, gpr, RBP, RSP, setRegister, SS } from "../state";
import { STACK_ACCESS } from "../mmu/translate";

/** Stores in the stack segment at an offset that need not be on top. */
function storeStack(offset: u64, size: i32, value: u64): void {
  storeData(linearOf(SS, offset, size, 1), size | STACK_ACCESS, value);
}

/** Raises unless `length` bytes below the top of the stack can be written; a wrapped range is left to its stores. */
function probeBelow(length: i32): void {
  const mask = stackMask();
  const low = (gpr(RSP) - <u64>length) & mask;
  if (low <= (gpr(RSP) & mask)) probeOperand(SS, low, length);
}

/** ENTER: `size` = operand size, `level` = nesting level. */
export function enter(size: i32, allocate: i32, level: i32): void {
  const depth = level & 31;
  const mask = stackMask();
  probeBelow(size * (1 + depth));
  let top = (gpr(RSP) - <u64>size) & mask;
  storeStack(top, size, gpr(RBP));
  const frame = top;
  for (let i = 1; i < depth; i++) {
    const from = (gpr(RBP) - <u64>(i * size)) & mask;
    const value = loadData(linearOf(SS, from, size, 0), size | STACK_ACCESS);
    top = (top - <u64>size) & mask;
    storeStack(top, size, value);
  }
  if (depth) {
    top = (top - <u64>size) & mask;
    storeStack(top, size, frame);
  }
  top = (top - <u64>(allocate & 0xffff)) & mask;
  // The new top must be writable, though nothing is stored there.
  probeOperand(SS, top, 1);
  setRegister(RBP, size, mask == 0xffff && size != 2 ? (gpr(RBP) & ~mask) | frame : frame);
  setStackPointer(top, mask);
  finish();
}

/** PUSHA, PUSHAD. */
export function pusha(size: i32): void {
  const mask = stackMask();
  probeBelow(size * 8);
  let top = gpr(RSP);
  for (let register = 0; register < 8; register++) {
    top = (top - <u64>size) & mask;
    storeStack(top, size, gpr(register));
  }
  setStackPointer(top, mask);
  finish();
}

/** POPA, POPAD: the slot of RSP is skipped. */
export function popa(size: i32): void {
  // All slots are read once before a register changes: a fault must leave no trace.
  for (let i = 0; i < 8; i++) peek(i * size, size);
  for (let i = 0; i < 8; i++) {
    const register = 7 - i;
    if (register != RSP) setRegister(register, size, peek(i * size, size));
  }
  setStackPointer(gpr(RSP) + <u64>(size * 8), stackMask());
  finish();
}

function signed(value: u64, size: i32): i64 {
  return size == 2 ? <i64><i16>value : <i64><i32>value;
}

/** BOUND: #BR when the index is outside the pair of limits in memory. */
export function bound(register: i32, size: i32, seg: i32, offset: i64): void {
  const lower = signed(readOperand(seg, offset, size), size);
  const upper = signed(readOperand(seg, offset + size, size), size);
  const index = signed(gpr(register), size);
  if (index < lower || index > upper) fault(VECTOR_BR, -1);
  finish();
}

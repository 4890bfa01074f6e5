/** The stack of the current code: addresses, pushes, pops. */
import { SEG_SS, SEG_ATTR } from "../../state/vcpu-layout";
import { linearOf } from "./segment";
import { loadData, storeData } from "../mmu/memory";
import { ATTR_DB, gpr, isCode64, RSP, setGpr, SS } from "../state";
import { STACK_ACCESS } from "../mmu/translate";

/** Bits of RSP that address the stack. */
export function stackMask(): u64 {
  if (isCode64()) return ~(<u64>0);
  return load<u32>(SEG_SS + SEG_ATTR) & ATTR_DB ? 0xffffffff : 0xffff;
}

/** Sets the addressing bits of RSP. */
export function setStackPointer(value: u64, mask: u64): void {
  if (mask == 0xffff) setGpr(RSP, (gpr(RSP) & ~mask) | (value & mask));
  else setGpr(RSP, value & mask);
}

/** Reads the slot `depth` bytes above the top of the stack. */
export function peek(depth: i32, size: i32): u64 {
  const offset = (gpr(RSP) + <u64>depth) & stackMask();
  return loadData(linearOf(SS, offset, size, 0), size | STACK_ACCESS);
}

/** Moves the top of the stack up by `bytes`. */
export function dropStack(bytes: i32): void { setStackPointer(gpr(RSP) + <u64>bytes, stackMask()); }

/** Pushes one value. */
export function push(size: i32, value: u64): void {
  const mask = stackMask();
  const top = (gpr(RSP) - <u64>size) & mask;
  storeData(linearOf(SS, top, size, 1), size | STACK_ACCESS, value);
  setStackPointer(top, mask);
}

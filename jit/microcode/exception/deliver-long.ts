/** Hot path: interrupts and exceptions in long mode. SDM vol 3, 6.14. */
import { CPL, EFLAGS, IDTR_BASE, IDTR_LIMIT, RIP } from "../../state/vcpu-layout";
import { updateContext } from "../context";
import {
  descDpl, descriptorAddress, DESC_CONFORMING, DESC_DB, DESC_L, DESC_P, fetchDescriptor, isCode, setAccessed,
  setFromDescriptor, setNull,
} from "../segment/descriptor";
import { fault, faultGp, VECTOR_GP, VECTOR_NP, VECTOR_SS } from "../fault";
import { framePointer, openFrame64, pushFrame } from "./frame";
import { loadSystem64, setOfLevel } from "../mmu/memory";
import {
  cpl, CS, FLAG_IF, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VM, gpr, isCanonical, RSP, segSelector, setGpr, SS,
} from "../state";
import { readTss64 } from "./tss";

function newStack(ist: i32, level: i32, ext: i32): u64 {
  if (ist) return readTss64(0x1c + (ist << 3), ext);
  return level < cpl() ? readTss64(4 + (level << 3), ext) : gpr(RSP);
}

/**
 * Delivers through the 64-bit IDT. `software` = the gate's DPL counts, `ext` = EXT bit, `error` = -1 or the code to push,
 * `flags` and `returnRip` = what is pushed.
 */
export function deliverLong(vector: i32, software: i32, ext: i32, error: i32, flags: i32, returnRip: u64): void {
  const gateError = (vector << 3) | 2 | ext;
  const offset = vector << 4;
  if (<u32>(offset + 15) > load<u32>(IDTR_LIMIT)) faultGp(gateError);
  const gate = loadSystem64(load<u64>(IDTR_BASE) + offset);
  const upper = loadSystem64(load<u64>(IDTR_BASE) + offset + 8);
  const kind = <i32>(gate >> 40) & 31;
  if (kind != 14 && kind != 15) faultGp(gateError);
  const oldLevel = cpl();
  if (software && descDpl(gate) < oldLevel) faultGp(gateError);
  if (!(gate & DESC_P)) fault(VECTOR_NP, gateError);
  const selector = <i32>(gate >> 16) & 0xffff;
  const target = (gate & 0xffff) | ((gate >> 32) & 0xffff0000) | (upper << 32);
  if (!(selector & 0xfffc)) faultGp(ext);
  const codeError = (selector & 0xfffc) | ext;
  const descriptor = fetchDescriptor(selector, VECTOR_GP, ext);
  const codeAddress = descriptorAddress;
  if (!isCode(descriptor) || descDpl(descriptor) > oldLevel || (descriptor & (DESC_L | DESC_DB)) != DESC_L) faultGp(codeError);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, codeError);
  const level = descriptor & DESC_CONFORMING ? oldLevel : descDpl(descriptor);
  const stack = newStack(<i32>(gate >> 32) & 7, level, ext);
  if (!isCanonical(stack)) fault(VECTOR_SS, ext);
  if (!isCanonical(target)) faultGp(ext);
  const marked = setAccessed(codeAddress, descriptor);
  openFrame64(stack & ~(<u64>15), error >= 0 ? 48 : 40, setOfLevel(level));
  pushFrame(8, segSelector(SS));
  pushFrame(8, gpr(RSP));
  pushFrame(8, <u64><u32>flags);
  pushFrame(8, segSelector(CS));
  pushFrame(8, returnRip);
  if (error >= 0) pushFrame(8, error);
  setGpr(RSP, framePointer());
  if (level != oldLevel) setNull(SS, level);
  setFromDescriptor(CS, (selector & 0xfffc) | level, marked);
  store<u64>(RIP, target);
  store<u32>(CPL, level);
  const cleared = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | (kind == 14 ? FLAG_IF : 0);
  store<i32>(EFLAGS, load<i32>(EFLAGS) & ~cleared);
  updateContext();
}

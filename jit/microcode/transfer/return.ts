/** Hot path: returns to a code segment of the same or less privilege, common to IRET and far RET. */
import { CPL, RIP } from "../../state/vcpu-layout";
import {
  descDpl, descLimit, descriptorAddress, DESC_CONFORMING, DESC_DB, DESC_L, DESC_P, fetchDescriptor, isCode, isWritableData,
  setAccessed, setFromDescriptor, setNull,
} from "../segment/descriptor";
import { fault, faultGp, VECTOR_GP, VECTOR_NP, VECTOR_SS } from "../fault";
import {
  ATTR_CODE, ATTR_CONFORMING, ATTR_DB, ATTR_L, ATTR_UNUSABLE, cpl, CS, DS, ES, FS, GS, isCanonical, isLongMode, segAttr, SS,
} from "../state";

let codeDescriptor: u64 = 0;
let stackDescriptor: u64 = 0;
let stackSelector: i32 = 0;
let hasStack: bool = false;

/** True when code of this descriptor runs in 64-bit mode. */
// @ts-ignore: decorator
@inline function isTarget64(descriptor: u64): bool { return isLongMode() && (descriptor & DESC_L) != 0; }

/** Raises #GP(0) unless `rip` is a possible address in a code segment. */
export function checkTarget(descriptor: u64, rip: u64): void {
  if (isTarget64(descriptor) ? !isCanonical(rip) : rip > <u64>descLimit(descriptor)) faultGp(0);
}

/** Raises #GP when a code descriptor has both L and D in long mode. */
export function checkCodeSize(descriptor: u64, error: i32): void {
  if (isLongMode() && (descriptor & (DESC_L | DESC_DB)) == (DESC_L | DESC_DB)) faultGp(error);
}

/** Checks the code segment to return to. */
export function checkReturnCode(selector: i32, rip: u64): void {
  const error = selector & 0xfffc;
  if (!error) faultGp(0);
  const descriptor = fetchDescriptor(selector, VECTOR_GP, 0);
  const level = selector & 3;
  const dpl = descDpl(descriptor);
  if (!isCode(descriptor) || level < cpl()) faultGp(error);
  if (descriptor & DESC_CONFORMING ? dpl > level : dpl != level) faultGp(error);
  checkCodeSize(descriptor, error);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, error);
  checkTarget(descriptor, rip);
  codeDescriptor = setAccessed(descriptorAddress, descriptor);
  hasStack = false;
}

/** Checks the stack segment to return to, after `checkReturnCode`. */
export function checkReturnStack(selector: i32, level: i32): void {
  const error = selector & 0xfffc;
  stackSelector = selector;
  hasStack = true;
  if (!error) {
    if (!isTarget64(codeDescriptor) || level == 3 || (selector & 3) != level) faultGp(0);
    stackDescriptor = 0;
    return;
  }
  const descriptor = fetchDescriptor(selector, VECTOR_GP, 0);
  if ((selector & 3) != level || descDpl(descriptor) != level || !isWritableData(descriptor)) faultGp(error);
  if (!(descriptor & DESC_P)) fault(VECTOR_SS, error);
  stackDescriptor = setAccessed(descriptorAddress, descriptor);
}

/** Empties a data segment that the less privileged code may not use. */
function dropPrivileged(seg: i32, level: i32): void {
  const attr = segAttr(seg);
  if (attr & ATTR_UNUSABLE || (attr & (ATTR_CODE | ATTR_CONFORMING)) == (ATTR_CODE | ATTR_CONFORMING)) return;
  if (<i32>(attr >> 13 & 3) < level) setNull(seg, 0);
}

/** Goes back: CS, SS if it was checked, RIP, CPL, data segments. The context is the caller's to update. */
export function commitReturn(selector: i32, rip: u64, level: i32): void {
  setFromDescriptor(CS, selector, codeDescriptor);
  if (hasStack) {
    if (stackDescriptor) setFromDescriptor(SS, stackSelector, stackDescriptor);
    else setNull(SS, stackSelector);
  }
  if (level > cpl()) {
    dropPrivileged(ES, level);
    dropPrivileged(DS, level);
    dropPrivileged(FS, level);
    dropPrivileged(GS, level);
  }
  store<u64>(RIP, rip);
  store<u32>(CPL, level);
}

/** Bits of the stack pointer that a return loads, after `commitReturn`: a 16-bit stack keeps the upper bits. */
export function returnMask(): u64 {
  if (isLongMode() && segAttr(CS) & ATTR_L) return ~(<u64>0);
  return segAttr(SS) & ATTR_DB ? 0xffffffff : 0xffff;
}

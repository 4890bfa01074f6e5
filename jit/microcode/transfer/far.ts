/** Far JMP, CALL and RET to code segments and in real-address mode. SDM vol 2. Gates and tasks: gate.ts. */
import { CPL, RIP } from "../../state/vcpu-layout";
import { updateContext } from "../context";
import {
  descDpl, descriptorAddress, DESC_CONFORMING, DESC_P, DESC_S, fetchDescriptor, isCode, setAccessed, setFromDescriptor,
} from "../segment/descriptor";
import { fault, faultGp, VECTOR_GP, VECTOR_NP } from "../fault";
import { pushReturn } from "../exception/frame";
import { callSystem, jumpSystem } from "./gate";
import { checkCodeSize, checkReturnCode, checkReturnStack, checkTarget, commitReturn, returnMask } from "./return";
import { loadParagraph } from "../segment/segment";
import { dropStack, peek, setStackPointer } from "../segment/stack";
import {
  cpl, CS, isParagraphMode, segLimit,
} from "../state";

/** Checks a code segment that a direct far JMP or CALL names; returns the descriptor, marked accessed. */
function checkDirect(selector: i32, descriptor: u64, offset: u64): u64 {
  const error = selector & 0xfffc;
  const level = cpl();
  const dpl = descDpl(descriptor);
  const address = descriptorAddress;
  if (!isCode(descriptor)) faultGp(error);
  if (descriptor & DESC_CONFORMING) {
    if (dpl > level) faultGp(error);
  } else if ((selector & 3) > level || dpl != level) faultGp(error);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, error);
  checkCodeSize(descriptor, error);
  checkTarget(descriptor, offset);
  return setAccessed(address, descriptor);
}

function enterCode(selector: i32, descriptor: u64, offset: u64): void {
  setFromDescriptor(CS, (selector & 0xfffc) | cpl(), descriptor);
  store<u64>(RIP, offset);
  updateContext();
}

function enterParagraph(selector: i32, offset: u64): void {
  loadParagraph(CS, selector);
  store<u64>(RIP, offset);
  updateContext();
}

/** Far JMP. */
export function farJump(target: i32, offset: i64, size: i32): void {
  const selector = target & 0xffff;
  if (isParagraphMode()) {
    if (<u64>offset > <u64>segLimit(CS)) faultGp(0);
    enterParagraph(selector, offset);
    return;
  }
  if (!(selector & 0xfffc)) faultGp(0);
  const descriptor = fetchDescriptor(selector, VECTOR_GP, 0);
  if (descriptor & DESC_S) enterCode(selector, checkDirect(selector, descriptor, offset), offset);
  else jumpSystem(selector, descriptor);
}

/** Far CALL. */
export function farCall(target: i32, offset: i64, size: i32): void {
  const selector = target & 0xffff;
  if (isParagraphMode()) {
    if (<u64>offset > <u64>segLimit(CS)) faultGp(0);
    pushReturn(size);
    enterParagraph(selector, offset);
    return;
  }
  if (!(selector & 0xfffc)) faultGp(0);
  const descriptor = fetchDescriptor(selector, VECTOR_GP, 0);
  if (!(descriptor & DESC_S)) {
    callSystem(selector, descriptor);
    return;
  }
  const marked = checkDirect(selector, descriptor, offset);
  pushReturn(size);
  enterCode(selector, marked, offset);
}

/** Far RET; `pop` = bytes of parameters to drop. */
export function farReturn(size: i32, pop: i32): void {
  const rip = peek(0, size);
  const selector = <i32>peek(size, size) & 0xffff;
  if (isParagraphMode()) {
    if (rip > <u64>segLimit(CS)) faultGp(0);
    dropStack(size * 2 + pop);
    enterParagraph(selector, rip);
    return;
  }
  checkReturnCode(selector, rip);
  const level = selector & 3;
  if (level > load<i32>(CPL)) {
    const pointer = peek(size * 2 + pop, size);
    const stack = <i32>peek(size * 3 + pop, size) & 0xffff;
    checkReturnStack(stack, level);
    commitReturn(selector, rip, level);
    setStackPointer(pointer + <u64>pop, returnMask());
  } else {
    dropStack(size * 2 + pop);
    commitReturn(selector, rip, level);
  }
  updateContext();
}

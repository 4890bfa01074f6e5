/** Far transfers through call gates, task gates and task-state segments. SDM vol 3, 5.8.3 to 5.8.6. */
import { CPL, NEXT_RIP, RIP } from "../../state/vcpu-layout";
import { updateContext } from "../context";
import {
  descBase, descDpl, descKind, descLimit, descriptorAddress, DESC_CONFORMING, DESC_DB, DESC_L, DESC_P, fetchDescriptor,
  fetchUpperHalf, isCode, setAccessed, setFromDescriptor, setNull,
} from "../segment/descriptor";
import { fault, faultGp, VECTOR_GP, VECTOR_NP, VECTOR_SS } from "../fault";
import { getEflags } from "../flags";
import { frameBits, framePointer, openFrame, openFrame64, pushFrame, pushReturn } from "../exception/frame";
import { setOfLevel } from "../mmu/memory";
import { checkTarget } from "./return";
import { peek, setStackPointer } from "../segment/stack";
import { cpl, CS, gpr, isCanonical, isLongMode, RSP, segSelector, setGpr, SS } from "../state";
import { enterTask, switchTask, TASK_CALL, TASK_JUMP } from "../exception/task";
import { innerAttr, innerDescriptor, innerPointer, innerSelector, readInnerStack, readTss64 } from "../exception/tss";

/** What `openGate` found. */
let gateOffset: u64 = 0;
let gateSelector: i32 = 0;
let codeDescriptor: u64 = 0;

function checkPrivilege(selector: i32, descriptor: u64): void {
  const dpl = descDpl(descriptor);
  if (dpl < cpl() || dpl < (selector & 3)) faultGp(selector & 0xfffc);
}

function switchTo(selector: i32, reason: i32): void {
  switchTask(selector, reason, 0, getEflags(), load<u64>(NEXT_RIP));
  enterTask();
}

/** Goes through a task gate or TSS descriptor; true if it was one. */
function isTask(selector: i32, descriptor: u64, reason: i32): bool {
  const kind = descKind(descriptor);
  if (isLongMode() || (kind != 5 && kind != 1 && kind != 9)) return false;
  checkPrivilege(selector, descriptor);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, selector & 0xfffc);
  switchTo(kind == 5 ? <i32>(descriptor >> 16) & 0xffff : selector, reason);
  return true;
}

/** Checks a call gate and the code segment behind it. */
function openGate(selector: i32, gate: u64): void {
  const kind = descKind(gate);
  const long = isLongMode();
  const error = selector & 0xfffc;
  if (kind != 12 && (kind != 4 || long)) faultGp(error);
  checkPrivilege(selector, gate);
  gateOffset = kind == 12 ? (gate & 0xffff) | ((gate >> 32) & 0xffff0000) : gate & 0xffff;
  if (long) {
    const upper = fetchUpperHalf(selector, VECTOR_GP, 0);
    if (upper & 0x1f0000000000) faultGp(error);
    gateOffset |= upper << 32;
  }
  if (!(gate & DESC_P)) fault(VECTOR_NP, error);
  gateSelector = <i32>(gate >> 16) & 0xffff;
  const codeError = gateSelector & 0xfffc;
  if (!codeError) faultGp(0);
  const descriptor = fetchDescriptor(gateSelector, VECTOR_GP, 0);
  if (!isCode(descriptor) || descDpl(descriptor) > cpl()) faultGp(codeError);
  if (long && (descriptor & (DESC_L | DESC_DB)) != DESC_L) faultGp(codeError);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, codeError);
  checkTarget(descriptor, gateOffset);
  codeDescriptor = setAccessed(descriptorAddress, descriptor);
}

function enter(level: i32): void {
  setFromDescriptor(CS, (gateSelector & 0xfffc) | level, codeDescriptor);
  store<u64>(RIP, gateOffset);
  store<u32>(CPL, level);
  updateContext();
}

/** Far JMP to a system descriptor. */
export function jumpSystem(selector: i32, descriptor: u64): void {
  if (isTask(selector, descriptor, TASK_JUMP)) return;
  openGate(selector, descriptor);
  if (!(codeDescriptor & DESC_CONFORMING) && descDpl(codeDescriptor) != cpl()) faultGp(gateSelector & 0xfffc);
  enter(cpl());
}

function callInner64(level: i32): void {
  const stack = readTss64(4 + (level << 3), 0);
  if (!isCanonical(stack)) fault(VECTOR_SS, 0);
  openFrame64(stack, 32, setOfLevel(level));
  pushFrame(8, segSelector(SS));
  pushFrame(8, gpr(RSP));
  pushFrame(8, segSelector(CS));
  pushFrame(8, load<u64>(NEXT_RIP));
  setNull(SS, level);
  setGpr(RSP, framePointer());
}

function callInner(level: i32, size: i32, parameters: i32): void {
  readInnerStack(level, 0);
  // All parameters are read once before anything is pushed: a fault must leave no trace.
  for (let i = 0; i < parameters; i++) peek(i * size, size);
  const total = (4 + parameters) * size;
  const error = innerSelector & 0xfffc;
  openFrame(
    descBase(innerDescriptor), descLimit(innerDescriptor), innerAttr(), innerPointer, total, setOfLevel(level), error,
  );
  pushFrame(size, segSelector(SS));
  pushFrame(size, gpr(RSP));
  for (let i = parameters - 1; i >= 0; i--) pushFrame(size, peek(i * size, size));
  pushFrame(size, segSelector(CS));
  pushFrame(size, load<u64>(NEXT_RIP));
  setFromDescriptor(SS, innerSelector, innerDescriptor);
  setStackPointer(framePointer(), frameBits());
}

/** Far CALL to a system descriptor. */
export function callSystem(selector: i32, descriptor: u64): void {
  if (isTask(selector, descriptor, TASK_CALL)) return;
  openGate(selector, descriptor);
  const long = isLongMode();
  const size = long ? 8 : descKind(descriptor) & 8 ? 4 : 2;
  const level = codeDescriptor & DESC_CONFORMING ? cpl() : descDpl(codeDescriptor);
  if (level == cpl()) pushReturn(size);
  else if (long) callInner64(level);
  else callInner(level, size, <i32>(descriptor >> 32) & 31);
  enter(level);
}

/** Interrupts and exceptions in protected mode, from virtual-8086 mode too, outside long mode. SDM vol 3, 6.12 and 20.3. */
import { CPL, EFLAGS, IDTR_BASE, IDTR_LIMIT, RIP, SEG_SS, SEG_ATTR } from "../../state/vcpu-layout";
import { updateContext } from "../context";
import {
  descBase, descDpl, descLimit, descriptorAddress, DESC_CONFORMING, DESC_P, fetchDescriptor, isCode, setAccessed,
  setFromDescriptor, setNull,
} from "../segment/descriptor";
import { fault, faultGp, VECTOR_GP, VECTOR_NP } from "../fault";
import { frameBits, framePointer, openFrame, pushFrame } from "./frame";
import { loadSystem64, setOfLevel } from "../mmu/memory";
import { setStackPointer } from "../segment/stack";
import {
  cpl, CS, DS, ES, FLAG_IF, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VM, FS, gpr, GS, isV86, RSP, segBase, segLimit, segSelector, SS,
} from "../state";
import { interruptTask } from "./task";
import { innerAttr, innerDescriptor, innerPointer, innerSelector, readInnerStack } from "./tss";

function pushCommon(size: i32, error: i32, flags: i32, returnRip: u64): void {
  pushFrame(size, <u64><u32>flags);
  pushFrame(size, segSelector(CS));
  pushFrame(size, returnRip);
  if (error >= 0) pushFrame(size, error);
}

/** Frame on a more privileged stack; from virtual-8086 mode with the data segments on top. */
function pushInner(level: i32, size: i32, error: i32, flags: i32, returnRip: u64, ext: i32): void {
  const fromV86 = isV86();
  readInnerStack(level, ext);
  const slots = (fromV86 ? 9 : 5) + (error >= 0 ? 1 : 0);
  const attr = innerAttr();
  const stackError = (innerSelector & 0xfffc) | ext;
  openFrame(
    descBase(innerDescriptor), descLimit(innerDescriptor), attr, innerPointer, slots * size, setOfLevel(level), stackError,
  );
  if (fromV86) {
    pushFrame(size, segSelector(GS));
    pushFrame(size, segSelector(FS));
    pushFrame(size, segSelector(DS));
    pushFrame(size, segSelector(ES));
  }
  pushFrame(size, segSelector(SS));
  pushFrame(size, gpr(RSP));
  pushCommon(size, error, flags, returnRip);
  if (fromV86) {
    setNull(GS, 0);
    setNull(FS, 0);
    setNull(DS, 0);
    setNull(ES, 0);
  }
  setFromDescriptor(SS, innerSelector, innerDescriptor);
  setStackPointer(framePointer(), frameBits());
}

/** Frame on the stack in force. */
function pushSame(level: i32, size: i32, error: i32, flags: i32, returnRip: u64, ext: i32): void {
  const slots = 3 + (error >= 0 ? 1 : 0);
  openFrame(segBase(SS), segLimit(SS), load<u32>(SEG_SS + SEG_ATTR), gpr(RSP), slots * size, setOfLevel(level), ext);
  pushCommon(size, error, flags, returnRip);
  setStackPointer(framePointer(), frameBits());
}

/** Delivers through the protected-mode IDT; the arguments are those of `deliverLong`. */
export function deliverProtected(vector: i32, software: i32, ext: i32, error: i32, flags: i32, returnRip: u64): void {
  const gateError = (vector << 3) | 2 | ext;
  const offset = vector << 3;
  if (<u32>(offset + 7) > load<u32>(IDTR_LIMIT)) faultGp(gateError);
  const gate = loadSystem64(load<u64>(IDTR_BASE) + offset);
  const kind = <i32>(gate >> 40) & 31;
  if (kind != 5 && kind != 6 && kind != 7 && kind != 14 && kind != 15) faultGp(gateError);
  const oldLevel = cpl();
  if (software && descDpl(gate) < oldLevel) faultGp(gateError);
  if (!(gate & DESC_P)) fault(VECTOR_NP, gateError);
  const selector = <i32>(gate >> 16) & 0xffff;
  if (kind == 5) {
    interruptTask(selector, ext, error, flags, returnRip);
    return;
  }
  const size = kind & 8 ? 4 : 2;
  const target = kind & 8 ? (gate & 0xffff) | ((gate >> 32) & 0xffff0000) : gate & 0xffff;
  if (!(selector & 0xfffc)) faultGp(ext);
  const codeError = (selector & 0xfffc) | ext;
  const descriptor = fetchDescriptor(selector, VECTOR_GP, ext);
  const codeAddress = descriptorAddress;
  if (!isCode(descriptor) || descDpl(descriptor) > oldLevel) faultGp(codeError);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, codeError);
  const level = descriptor & DESC_CONFORMING ? oldLevel : descDpl(descriptor);
  if (isV86() && level != 0) faultGp(codeError);
  if (target > descLimit(descriptor)) faultGp(ext);
  const marked = setAccessed(codeAddress, descriptor);
  if (level < oldLevel) pushInner(level, size, error, flags, returnRip, ext);
  else pushSame(level, size, error, flags, returnRip, ext);
  setFromDescriptor(CS, (selector & 0xfffc) | level, marked);
  store<u64>(RIP, target);
  store<u32>(CPL, level);
  const cleared = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM | (kind & 1 ? 0 : FLAG_IF);
  store<i32>(EFLAGS, load<i32>(EFLAGS) & ~cleared);
  updateContext();
}

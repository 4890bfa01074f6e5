/** Hot path: IRET in every mode. SDM vol 2, IRET/IRETD/IRETQ. */
import { CPL, EFLAGS, NEXT_RIP, NMI_BLOCKED, RF_KEPT, RIP } from "../../state/vcpu-layout";
import { noticeInterrupt, updateContext } from "../context";
import { faultGp } from "../fault";
import { getEflags, setEflags } from "../flags";
import { loadSystem } from "../mmu/memory";
import { checkReturnCode, checkReturnStack, commitReturn, returnMask } from "../transfer/return";
import { loadParagraph } from "../segment/segment";
import { dropStack, peek, setStackPointer } from "../segment/stack";
import {
  cpl, CR4_VME, CS, DS, ES, FLAG_AC, FLAG_DF, FLAG_ID, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VIF, FLAG_VIP, FLAG_VM,
  FLAGS_ARITH, FS, GS, hasCr4, iopl, isCode64, isLongMode, isProtected, isV86, segBase, segLimit, SS, TR,
} from "../state";
import { enterTask, switchTask, TASK_RETURN } from "./task";
import { checkVirtualInterrupt, takeVirtualIf, VIRTUAL_IMAGE } from "./virtual-interrupt";
import { dr7 } from "../mmu/watch";

/** Flags that IRET takes from the image for an operand of `size` bytes at the current privilege. */
function imageMask(size: i32): i32 {
  const level = cpl();
  let mask = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
  if (level <= iopl()) mask |= FLAG_IF;
  if (level == 0) mask |= FLAG_IOPL;
  if (size == 2) return mask;
  mask |= FLAG_AC | FLAG_ID;
  // RF lives until the next instruction and only code breakpoints look at it.
  if (dr7() & 0xff) mask |= FLAG_RF;
  return level == 0 ? mask | FLAG_VIF | FLAG_VIP : mask;
}

/** Flags that IRET leaves alone in real-address mode, and those that it leaves alone in virtual-8086 mode. */
const KEPT_REAL: i32 = FLAG_VIF | FLAG_VIP;
const KEPT_V86: i32 = KEPT_REAL | FLAG_IOPL;

/** 16-bit IRET in virtual-8086 mode with VME and IOPL below 3: IF of the image goes to VIF. */
function returnVirtual(): void {
  const rip = peek(0, 2);
  const selector = <i32>peek(2, 2);
  const flags = takeVirtualIf(<i32>peek(4, 2));
  if (rip > <u64>segLimit(CS)) faultGp(0);
  loadParagraph(CS, selector);
  dropStack(6);
  store<u64>(RIP, rip);
  setEflags(flags, VIRTUAL_IMAGE);
  updateContext();
}

/** IRET in real-address mode, and in virtual-8086 mode with IOPL 3. */
function returnParagraph(size: i32): void {
  const rip = peek(0, size);
  const selector = <i32>peek(size, size) & 0xffff;
  const flags = <i32>peek(size * 2, size);
  if (rip > <u64>segLimit(CS)) faultGp(0);
  const mask = imageMask(size) & ~(isV86() ? KEPT_V86 : KEPT_REAL);
  loadParagraph(CS, selector);
  dropStack(size * 3);
  store<u64>(RIP, rip);
  setEflags(flags, mask);
  updateContext();
}

/** IRET to virtual-8086 mode: the frame has all segment registers. */
function returnToV86(rip: u64, selector: i32, flags: i32): void {
  const pointer = peek(12, 4);
  const stack = <i32>peek(16, 4);
  const es = <i32>peek(20, 4);
  const ds = <i32>peek(24, 4);
  const fs = <i32>peek(28, 4);
  const gs = <i32>peek(32, 4);
  const mask = imageMask(4) | FLAG_VM;
  if (rip > 0xffff) faultGp(0);
  setEflags(flags, mask);
  loadParagraph(CS, selector);
  loadParagraph(SS, stack);
  loadParagraph(ES, es);
  loadParagraph(DS, ds);
  loadParagraph(FS, fs);
  loadParagraph(GS, gs);
  setStackPointer(pointer, 0xffffffff);
  store<u64>(RIP, rip);
  store<u32>(CPL, 3);
  updateContext();
}

function returnProtected(size: i32): void {
  const rip = peek(0, size);
  const selector = <i32>peek(size, size) & 0xffff;
  const flags = <i32>peek(size * 2, size);
  if (flags & FLAG_VM && size == 4 && cpl() == 0 && !isLongMode()) {
    returnToV86(rip, selector, flags);
    return;
  }
  checkReturnCode(selector, rip);
  const level = selector & 3;
  const outer = level > cpl() || isCode64();
  const mask = imageMask(size);
  if (outer) {
    const pointer = peek(size * 3, size);
    const stack = <i32>peek(size * 4, size) & 0xffff;
    checkReturnStack(stack, level);
    commitReturn(selector, rip, level);
    setStackPointer(pointer, returnMask());
  } else {
    dropStack(size * 3);
    commitReturn(selector, rip, level);
  }
  setEflags(flags, mask);
  updateContext();
}

/** IRET with an operand size of 2, 4 or 8 bytes. NMIs are let in again even when it faults (SDM vol 3, 6.7.1). */
export function iret(size: i32): void {
  store<u32>(NMI_BLOCKED, 0);
  if (!isProtected()) {
    returnParagraph(size);
  } else if (isV86()) {
    if (iopl() == 3) returnParagraph(size);
    else if (size == 2 && hasCr4(CR4_VME)) returnVirtual();
    else faultGp(0);
  } else if (load<i32>(EFLAGS) & FLAG_NT) {
    if (isLongMode()) faultGp(0);
    const link = <i32>loadSystem(segBase(TR), 2);
    switchTask(link, TASK_RETURN, 0, getEflags(), load<u64>(NEXT_RIP));
    enterTask();
  } else {
    returnProtected(size);
    checkVirtualInterrupt();
  }
  if (load<i32>(EFLAGS) & FLAG_RF && dr7() & 0xff) store<u32>(RF_KEPT, 1);
  noticeInterrupt();
}

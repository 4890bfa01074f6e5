/** Instructions that load, store or ask about segment registers. SDM vol 2. */
import { KERNEL_GS_BASE, SEG_BASE, SEG_FS, SEG_GS, SHADOW } from "../../state/vcpu-layout";
import {
  descDpl, descKind, descriptorAddress, DESC_CODE, DESC_CONFORMING, DESC_S, DESC_WRITABLE, descLimit, findDescriptor,
} from "./descriptor";
import { faultGp, faultUd } from "../fault";
import { setZf } from "../flags";
import { loadSystem64 } from "../mmu/memory";
import { loadSegment, readOperand } from "./segment";
import { peek, push, setStackPointer, stackMask } from "./stack";
import {
  cpl, CR4_FSGSBASE, CS, finish, FS, gpr, hasCr4, isCanonical, isCode64, isLongMode, isParagraphMode, RSP, segBase,
  segSelector, setRegister, SS,
} from "../state";

/** MOV Sreg, r/m16. */
export function movToSegment(seg: i32, selector: i32): void {
  if (seg == CS || seg > 5) faultUd();
  loadSegment(seg, selector & 0xffff);
  if (seg == SS) store<u32>(SHADOW, 2);
  finish();
}

/** PUSH Sreg: the slot has the operand size, the selector its low 2 bytes. */
export function pushSegment(seg: i32, size: i32): void {
  push(size, <u64>segSelector(seg));
  finish();
}

/** POP Sreg. */
export function popSegment(seg: i32, size: i32): void {
  const selector = <i32>peek(0, size) & 0xffff;
  // The width of the stack pointer is that of the old stack segment.
  const mask = stackMask();
  loadSegment(seg, selector);
  setStackPointer(gpr(RSP) + <u64>size, mask);
  if (seg == SS) store<u32>(SHADOW, 2);
  finish();
}

/** LDS, LES, LSS, LFS, LGS: offset of `size` bytes, then the selector. */
export function loadFarPointer(target: i32, register: i32, size: i32, seg: i32, offset: i64): void {
  const value = readOperand(seg, offset, size);
  const selector = <i32>readOperand(seg, offset + size, 2);
  loadSegment(target, selector);
  setRegister(register, size, value);
  finish();
}

/** The descriptor that LAR, LSL, VERR and VERW may see, or 0. `system` = mask of system types allowed. */
function visibleDescriptor(selector: i32, system: u32): u64 {
  if (isParagraphMode()) faultUd();
  if (!(selector & 0xfffc) || !findDescriptor(selector)) return 0;
  const descriptor = loadSystem64(descriptorAddress);
  if (!(descriptor & DESC_S)) {
    if (!((system >> descKind(descriptor)) & 1)) return 0;
  } else if ((descriptor & (DESC_CODE | DESC_CONFORMING)) == (DESC_CODE | DESC_CONFORMING)) {
    return descriptor;
  }
  const dpl = descDpl(descriptor);
  return cpl() > dpl || (selector & 3) > dpl ? 0 : descriptor;
}

/** LAR: rights of a descriptor; ZF tells success. */
export function lar(register: i32, size: i32, selector: i32): void {
  const descriptor = visibleDescriptor(selector & 0xffff, isLongMode() ? 0x1a04 : 0x1a3e);
  if (descriptor) setRegister(register, size, (descriptor >> 32) & 0x00ffff00);
  setZf(descriptor != 0);
  finish();
}

/** LSL: limit of a segment, in bytes; ZF tells success. */
export function lsl(register: i32, size: i32, selector: i32): void {
  const descriptor = visibleDescriptor(selector & 0xffff, isLongMode() ? 0x0a04 : 0x0a0e);
  if (descriptor) setRegister(register, size, descLimit(descriptor));
  setZf(descriptor != 0);
  finish();
}

/** VERR: ZF = the segment can be read. */
export function verr(selector: i32): void {
  const descriptor = visibleDescriptor(selector & 0xffff, 0);
  setZf(descriptor != 0 && (descriptor & (DESC_CODE | DESC_WRITABLE)) != DESC_CODE);
  finish();
}

/** VERW: ZF = the segment can be written. */
export function verw(selector: i32): void {
  const descriptor = visibleDescriptor(selector & 0xffff, 0);
  setZf(descriptor != 0 && (descriptor & (DESC_CODE | DESC_WRITABLE)) == DESC_WRITABLE);
  finish();
}

/** ARPL: the destination selector with RPL raised to that of the source; ZF = it was raised. */
export function arpl(destination: i32, source: i32): i32 {
  if (isParagraphMode()) faultUd();
  const raise = (destination & 3) < (source & 3);
  setZf(raise);
  return raise ? (destination & 0xfffc) | (source & 3) : destination;
}

/** SWAPGS. */
export function swapgs(): void {
  if (!isCode64()) faultUd();
  if (cpl()) faultGp(0);
  const base = load<u64>(SEG_GS + SEG_BASE);
  store<u64>(SEG_GS + SEG_BASE, load<u64>(KERNEL_GS_BASE));
  store<u64>(KERNEL_GS_BASE, base);
  finish();
}

function checkBaseAccess(): void {
  if (!isCode64() || !hasCr4(CR4_FSGSBASE)) faultUd();
}

/** RDFSBASE, RDGSBASE. */
export function readSegmentBase(seg: i32, register: i32, size: i32): void {
  checkBaseAccess();
  setRegister(register, size, segBase(seg));
  finish();
}

/** WRFSBASE, WRGSBASE. */
export function writeSegmentBase(seg: i32, register: i32, size: i32): void {
  checkBaseAccess();
  const base = size == 8 ? gpr(register) : gpr(register) & 0xffffffff;
  if (!isCanonical(base)) faultGp(0);
  store<u64>((seg == FS ? SEG_FS : SEG_GS) + SEG_BASE, base);
  finish();
}

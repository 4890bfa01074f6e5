/** Descriptor-table registers and the machine status word. SDM vol 2: LGDT, LLDT, LTR, LMSW and their counterparts. */
import { CR0, GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } from "../../state/vcpu-layout";
import {
  descAttr, descBase, descKind, descLimit, descriptorAddress, DESC_P, fetchDescriptor, fetchUpperHalf, setNull,
} from "./descriptor";
import { writeCr0 } from "../control/control";
import { fault, faultGp, faultUd, VECTOR_GP, VECTOR_NP } from "../fault";
import { changeSystem } from "../mmu/memory";
import { probeOperand, readOperand, writeOperand } from "./segment";
import {
  cpl, CR4_UMIP, finish, hasCr4, isCanonical, isCode64, isLongMode, isParagraphMode, LDTR, segSelector, setSegment, TR,
} from "../state";

const TSS_BUSY: u64 = 2;

function checkUserMode(): void {
  if (cpl() && hasCr4(CR4_UMIP)) faultGp(0);
}

/** SLDT's value. */
export function sldt(): i32 {
  if (isParagraphMode()) faultUd();
  checkUserMode();
  return segSelector(LDTR);
}

/** STR's value. */
export function str(): i32 {
  if (isParagraphMode()) faultUd();
  checkUserMode();
  return segSelector(TR);
}

/** SMSW's value: CR0. */
export function smsw(): i64 {
  checkUserMode();
  return load<i64>(CR0);
}

/** LMSW: PE can be set but not cleared. */
export function lmsw(value: i32): void {
  if (cpl()) faultGp(0);
  const cr0 = load<u64>(CR0);
  writeCr0((cr0 & ~(<u64>0xe)) | (<u64>value & 0xf));
  finish();
}

/** Common checks of LLDT and LTR; returns the descriptor. */
function systemDescriptor(selector: i32): u64 {
  if (selector & 4) faultGp(selector & 0xfffc);
  return fetchDescriptor(selector, VECTOR_GP, 0);
}

function systemBase(selector: i32, descriptor: u64): u64 {
  if (!isLongMode()) return descBase(descriptor);
  const upper = fetchUpperHalf(selector, VECTOR_GP, 0);
  const base = descBase(descriptor) | (upper << 32);
  if (upper & 0x1f0000000000 || !isCanonical(base)) faultGp(selector & 0xfffc);
  return base;
}

/** LLDT. */
export function lldt(value: i32): void {
  if (isParagraphMode()) faultUd();
  if (cpl()) faultGp(0);
  const selector = value & 0xffff;
  if (selector & 0xfffc) {
    const descriptor = systemDescriptor(selector);
    if (descKind(descriptor) != 2) faultGp(selector & 0xfffc);
    const base = systemBase(selector, descriptor);
    if (!(descriptor & DESC_P)) fault(VECTOR_NP, selector & 0xfffc);
    setSegment(LDTR, selector, base, descLimit(descriptor), descAttr(descriptor));
  } else {
    setNull(LDTR, selector);
  }
  finish();
}

/** LTR: the task's descriptor becomes busy. */
export function ltr(value: i32): void {
  if (isParagraphMode()) faultUd();
  if (cpl()) faultGp(0);
  const selector = value & 0xffff;
  if (!(selector & 0xfffc)) faultGp(0);
  const descriptor = systemDescriptor(selector);
  const kind = descKind(descriptor);
  if (kind != 9 && (kind != 1 || isLongMode())) faultGp(selector & 0xfffc);
  const base = systemBase(selector, descriptor);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, selector & 0xfffc);
  changeSystem(descriptorAddress + 5, 0, TSS_BUSY);
  setSegment(TR, selector, base, descLimit(descriptor), descAttr(descriptor) | 0x200);
  finish();
}

function storeTable(seg: i32, offset: u64, base: u64, limit: u32): void {
  const width = isCode64() ? 8 : 4;
  probeOperand(seg, offset, width + 2);
  writeOperand(seg, offset, 2, limit);
  writeOperand(seg, offset + 2, width, base);
}

/** SGDT. */
export function sgdt(seg: i32, offset: i64, size: i32): void {
  checkUserMode();
  storeTable(seg, offset, load<u64>(GDTR_BASE), load<u32>(GDTR_LIMIT));
  finish();
}

/** SIDT. */
export function sidt(seg: i32, offset: i64, size: i32): void {
  checkUserMode();
  storeTable(seg, offset, load<u64>(IDTR_BASE), load<u32>(IDTR_LIMIT));
  finish();
}

function loadTable(seg: i32, offset: u64, size: i32, baseAddress: i32, limitAddress: i32): void {
  if (cpl()) faultGp(0);
  const limit = <u32>readOperand(seg, offset, 2);
  const raw = readOperand(seg, offset + 2, isCode64() ? 8 : 4);
  const base = size == 2 && !isCode64() ? raw & 0xffffff : raw;
  if (!isCanonical(base)) faultGp(0);
  store<u64>(baseAddress, base);
  store<u32>(limitAddress, limit);
  finish();
}

/** LGDT. */
export function lgdt(seg: i32, offset: i64, size: i32): void { loadTable(seg, offset, size, GDTR_BASE, GDTR_LIMIT); }

/** LIDT. */
export function lidt(seg: i32, offset: i64, size: i32): void { loadTable(seg, offset, size, IDTR_BASE, IDTR_LIMIT); }

/** FXSAVE, XSAVE and their counterparts: x87 and SSE state in memory. SDM vol 1, 10.5 and chapter 13. */
import {
  CR0, FPU_CW, FPU_FCS, FPU_FDP, FPU_FDS, FPU_FIP, FPU_FOP, FPU_ST, FPU_SW, FPU_TAG, FPU_TOP, MXCSR, XCR0, XMM,
} from "../../state/vcpu-layout";
import { fault, faultGp, faultUd, VECTOR_NM } from "../fault";
import { x87_fldcw, x87_fninit } from "../fp/control";
import { MXCSR_MASK, sse_set_mxcsr } from "../fp/mxcsr";
import { loadData, storeData } from "../mmu/memory";
import { linearOf, probeOperand } from "../segment/segment";
import { cpl, CR0_EM, CR0_TS, CR4_OSXSAVE, finish, gpr, hasCr4, isCode64, RAX, RDX } from "../state";

const LEGACY: i32 = 512;
const HEADER: i32 = 64;
const X87: u64 = 1;
const SSE: u64 = 2;
const COMPACT: u64 = 0x8000000000000000;
const MXCSR_INITIAL: u32 = 0x1f80;
const STATUS_BITS: u32 = 0xc7ff;

function xmmCount(): i32 { return isCode64() ? 16 : 8; }

/** Linear address of an aligned area that can be read, or written. */
function openArea(seg: i32, offset: u64, length: i32, alignment: u64, write: i32): u64 {
  const linear = linearOf(seg, offset, length, write);
  if (linear & (alignment - 1)) faultGp(0);
  if (write) {
    probeOperand(seg, offset, length);
  } else {
    loadData(linear, 1);
    loadData(linear + <u64>(length - 1), 1);
  }
  return linear;
}

function saveX87(area: u64, wide: i32): void {
  const top = load<u32>(FPU_TOP);
  storeData(area, 2, load<u16>(FPU_CW));
  storeData(area + 2, 2, (load<u32>(FPU_SW) & STATUS_BITS) | (top << 11));
  storeData(area + 4, 2, load<u8>(FPU_TAG));
  storeData(area + 6, 2, load<u32>(FPU_FOP) & 0x7ff);
  if (wide) {
    storeData(area + 8, 8, load<u64>(FPU_FIP));
    storeData(area + 16, 8, load<u64>(FPU_FDP));
  } else {
    storeData(area + 8, 8, <u64>load<u32>(FPU_FIP) | (<u64>load<u16>(FPU_FCS) << 32));
    storeData(area + 16, 8, <u64>load<u32>(FPU_FDP) | (<u64>load<u16>(FPU_FDS) << 32));
  }
  for (let i = 0; i < 8; i++) {
    const register = FPU_ST + (((top + i) & 7) << 4);
    storeData(area + 32 + (i << 4), 8, load<u64>(register));
    storeData(area + 40 + (i << 4), 8, load<u16>(register + 8));
  }
}

function saveMxcsr(area: u64): void {
  storeData(area + 24, 8, <u64>load<u32>(MXCSR) | (<u64>MXCSR_MASK << 32));
}

function saveXmm(area: u64): void {
  const count = xmmCount() << 4;
  for (let i = 0; i < count; i += 8) storeData(area + 160 + i, 8, load<u64>(XMM + i));
}

function loadX87(area: u64, wide: i32): void {
  const status = <u32>loadData(area + 2, 2);
  store<u32>(FPU_SW, status & STATUS_BITS);
  store<u32>(FPU_TOP, (status >> 11) & 7);
  x87_fldcw(<i32>loadData(area, 2));
  store<u32>(FPU_TAG, <u32>loadData(area + 4, 1));
  store<u32>(FPU_FOP, <u32>loadData(area + 6, 2) & 0x7ff);
  const fip = loadData(area + 8, 8);
  const fdp = loadData(area + 16, 8);
  store<u64>(FPU_FIP, wide ? fip : fip & 0xffffffff);
  store<u64>(FPU_FDP, wide ? fdp : fdp & 0xffffffff);
  store<u32>(FPU_FCS, wide ? 0 : <u32>(fip >> 32) & 0xffff);
  store<u32>(FPU_FDS, wide ? 0 : <u32>(fdp >> 32) & 0xffff);
  const top = load<u32>(FPU_TOP);
  for (let i = 0; i < 8; i++) {
    const register = FPU_ST + (((top + i) & 7) << 4);
    store<u64>(register, loadData(area + 32 + (i << 4), 8));
    store<u64>(register + 8, loadData(area + 40 + (i << 4), 2));
  }
}

/** Puts the x87 state, registers too, at its initial configuration. */
export function initX87(): void {
  memory.fill(FPU_ST, 0, 128);
  x87_fninit();
}

function checkMxcsr(area: u64): u32 {
  const value = <u32>loadData(area + 24, 4);
  if (value & ~MXCSR_MASK) faultGp(0);
  return value;
}

function loadXmm(area: u64): void {
  const count = xmmCount() << 4;
  for (let i = 0; i < count; i += 8) store<u64>(XMM + i, loadData(area + 160 + i, 8));
}

function checkFx(): void {
  const cr0 = load<u64>(CR0);
  if (cr0 & CR0_EM) faultUd();
  if (cr0 & CR0_TS) fault(VECTOR_NM, -1);
}

/** FXSAVE; `wide` = with REX.W. */
export function fxsave(seg: i32, offset: i64, wide: i32): void {
  checkFx();
  const area = openArea(seg, offset, LEGACY, 16, 1);
  saveX87(area, wide);
  saveMxcsr(area);
  saveXmm(area);
  finish();
}

/** FXRSTOR. */
export function fxrstor(seg: i32, offset: i64, wide: i32): void {
  checkFx();
  const area = openArea(seg, offset, LEGACY, 16, 0);
  const mxcsr = checkMxcsr(area);
  loadX87(area, wide);
  sse_set_mxcsr(mxcsr);
  loadXmm(area);
  finish();
}

function checkXsave(form: i32): void {
  if (!hasCr4(CR4_OSXSAVE)) faultUd();
  if (form == 3 && cpl()) faultGp(0);
  if (load<u64>(CR0) & CR0_TS) fault(VECTOR_NM, -1);
}

/** Components that the instruction asks for. */
function requested(): u64 {
  return load<u64>(XCR0) & ((gpr(RDX) << 32) | (gpr(RAX) & 0xffffffff));
}

/** XSAVE (`form` 0), XSAVEOPT (1), XSAVEC (2), XSAVES (3): all components count as in use. */
export function xsave(seg: i32, offset: i64, wide: i32, form: i32): void {
  checkXsave(form);
  const area = openArea(seg, offset, LEGACY + HEADER, 64, 1);
  const components = requested();
  if (components & X87) saveX87(area, wide);
  if (components & SSE) {
    saveMxcsr(area);
    saveXmm(area);
  }
  const header = area + LEGACY;
  if (form < 2) {
    storeData(header, 8, (loadData(header, 8) & ~components) | components);
  } else {
    storeData(header, 8, components);
    storeData(header + 8, 8, components | COMPACT);
  }
  finish();
}

/** Checks the header of an area to restore; returns the components that it holds. */
function readHeader(header: u64, form: i32): u64 {
  const present = loadData(header, 8);
  const layout = loadData(header + 8, 8);
  const allowed = load<u64>(XCR0);
  if (layout & COMPACT) {
    if (layout & ~COMPACT & ~allowed || present & ~layout) faultGp(0);
  } else if (form == 3 || layout || present & ~allowed) {
    faultGp(0);
  }
  for (let i = 16; i < HEADER; i += 8) if (loadData(header + i, 8)) faultGp(0);
  return present;
}

/** XRSTOR (`form` 0) and XRSTORS (3): components that the area lacks become initial. */
export function xrstor(seg: i32, offset: i64, wide: i32, form: i32): void {
  checkXsave(form);
  const area = openArea(seg, offset, LEGACY + HEADER, 64, 0);
  const components = requested();
  const present = readHeader(area + LEGACY, form);
  const isCompact = loadData(area + LEGACY + 15, 1) >> 7 != 0;
  let mxcsr = load<u32>(MXCSR);
  // The standard form takes MXCSR from memory even when the XMM registers become initial.
  if (components & SSE) mxcsr = isCompact && !(present & SSE) ? MXCSR_INITIAL : checkMxcsr(area);
  if (components & X87) {
    if (present & X87) loadX87(area, wide);
    else initX87();
  }
  if (components & SSE) {
    sse_set_mxcsr(mxcsr);
    if (present & SSE) loadXmm(area);
    else memory.fill(XMM, 0, xmmCount() << 4);
  }
  finish();
}

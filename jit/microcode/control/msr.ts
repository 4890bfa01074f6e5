/** Model-specific registers, the time-stamp counter, CPUID and XCR0. SDM vol 4. */
import {
  CR0, CSTAR, EFER, KERNEL_GS_BASE, LSTAR, MISC_ENABLE, PAT, SEG_BASE, SEG_FS, SEG_GS, SFMASK, SPEC_CTRL, STAR,
  SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP, TSC_AUX, TSC_OFFSET, XCR0,
} from "../../state/vcpu-layout";
import { updateContext } from "../context";
import { faultGp, faultUd } from "../fault";
import { hostCpuid, hostRdmsr, hostTsc, hostWrmsr, modeChanged, random32 } from "../host";
import { setCarryOnly } from "../flags";
import {
  cpl, CR0_PG, CR4_OSXSAVE, CR4_TSD, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, finish, gpr, hasCr4, isCanonical,
  RAX, RCX, RDX, setGpr, setRegister,
} from "../state";
import { flushTlb } from "../mmu/tlb";

const MSR_TSC: u32 = 0x10;
const MSR_TSC_ADJUST: u32 = 0x3b;
const MSR_PAT: u32 = 0x277;
const MSR_EFER: u32 = 0xc0000080;
const EFER_EXISTING: u64 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

/** Components of extended state that exist: x87 and SSE. CPUID leaf 0DH must say the same. */
export const XCR0_EXISTING: u64 = 3;

function tsc(): u64 { return <u64>hostTsc() + load<u64>(TSC_OFFSET); }

function pair(): u64 { return (gpr(RDX) << 32) | (gpr(RAX) & 0xffffffff); }

function setPair(value: u64): void {
  setGpr(RAX, value & 0xffffffff);
  setGpr(RDX, value >> 32);
}

/** State address of an MSR that is a plain word, or 0. */
function wordOf(msr: u32): i32 {
  switch (msr) {
    case 0x48: return SPEC_CTRL;
    case 0x174: return SYSENTER_CS;
    case 0x175: return SYSENTER_ESP;
    case 0x176: return SYSENTER_EIP;
    case 0x1a0: return MISC_ENABLE;
    case MSR_PAT: return PAT;
    case MSR_EFER: return EFER;
    case 0xc0000081: return STAR;
    case 0xc0000082: return LSTAR;
    case 0xc0000083: return CSTAR;
    case 0xc0000084: return SFMASK;
    case 0xc0000100: return SEG_FS + SEG_BASE;
    case 0xc0000101: return SEG_GS + SEG_BASE;
    case 0xc0000102: return KERNEL_GS_BASE;
    case 0xc0000103: return TSC_AUX;
    case MSR_TSC_ADJUST: return TSC_OFFSET;
    default: return 0;
  }
}

function holdsAddress(msr: u32): bool {
  return msr == 0x175 || msr == 0x176 || msr == 0xc0000082 || msr == 0xc0000083 || (msr >= 0xc0000100 && msr <= 0xc0000102);
}

function isPat(value: u64): bool {
  for (let i = 0; i < 64; i += 8) {
    const type = (value >> i) & 0xff;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}

function writeEfer(value: u64): void {
  if (value & ~EFER_EXISTING) faultGp(0);
  const old = load<u64>(EFER);
  if ((old ^ value) & EFER_LME && load<u64>(CR0) & CR0_PG) faultGp(0);
  const efer = (value & ~EFER_LMA) | (old & EFER_LMA);
  store<u64>(EFER, efer);
  if ((old ^ efer) & EFER_NXE) flushTlb(1);
  updateContext();
  modeChanged();
}

/** RDMSR. */
export function rdmsrOp(): void {
  if (cpl()) faultGp(0);
  const msr = <u32>gpr(RCX);
  const word = wordOf(msr);
  if (msr == MSR_TSC) setPair(tsc());
  else if (word) setPair(load<u64>(word));
  else if (!hostRdmsr()) faultGp(0);
  finish();
}

/** WRMSR. */
export function wrmsrOp(): void {
  if (cpl()) faultGp(0);
  const msr = <u32>gpr(RCX);
  const value = pair();
  const word = wordOf(msr);
  if (msr == MSR_TSC) store<u64>(TSC_OFFSET, value - <u64>hostTsc());
  else if (msr == MSR_EFER) writeEfer(value);
  else if (word) {
    if (holdsAddress(msr) && !isCanonical(value)) faultGp(0);
    if (msr == MSR_PAT && !isPat(value)) faultGp(0);
    if (msr == 0xc0000103 && value >> 32) faultGp(0);
    if (msr == 0x48 && value & ~(<u64>7)) faultGp(0);
    store<u64>(word, msr == 0x174 || msr == 0xc0000084 ? value & 0xffffffff : value);
  } else if (!hostWrmsr()) faultGp(0);
  finish();
}

/** RDTSC. */
export function rdtsc(): void {
  if (cpl() && hasCr4(CR4_TSD)) faultGp(0);
  setPair(tsc());
  finish();
}

/** RDTSCP. */
export function rdtscp(): void {
  if (cpl() && hasCr4(CR4_TSD)) faultGp(0);
  setPair(tsc());
  setGpr(RCX, load<u32>(TSC_AUX));
  finish();
}

/** RDPID. */
export function rdpid(register: i32): void {
  setGpr(register, load<u32>(TSC_AUX));
  finish();
}

/** RDPMC: there are no counters. */
export function rdpmc(): void { faultGp(0); }

/** CPUID. */
export function cpuidOp(): void {
  hostCpuid();
  finish();
}

/** XGETBV: XCR0, or with ECX = 1 the components in use. */
export function xgetbv(): void {
  if (!hasCr4(CR4_OSXSAVE)) faultUd();
  if (<u32>gpr(RCX) > 1) faultGp(0);
  setPair(load<u64>(XCR0));
  finish();
}

/** XSETBV. */
export function xsetbv(): void {
  if (!hasCr4(CR4_OSXSAVE)) faultUd();
  const value = pair();
  if (cpl() || <u32>gpr(RCX) || !(value & 1) || value & ~XCR0_EXISTING) faultGp(0);
  store<u64>(XCR0, value);
  finish();
}

/** RDRAND: always ready. */
export function rdrand(register: i32, size: i32): void {
  const low = <u64><u32>random32();
  setRegister(register, size, size == 8 ? low | (<u64>random32() << 32) : low);
  setCarryOnly(true);
  finish();
}

/** RDSEED: always ready. */
export function rdseed(register: i32, size: i32): void { rdrand(register, size); }

/** Hot path: SYSCALL, SYSRET, SYSENTER, SYSEXIT. SDM vol 2. */
import {
  CPL, DEBUG_STEP, EFER, EFLAGS, LSTAR, NEXT_RIP, RIP, SFMASK, STAR, SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP,
} from "../../state/vcpu-layout";
import { noticeInterrupt, updateContext } from "../context";
import { faultGp, faultUd } from "../fault";
import { getEflags, setEflags } from "../flags";
import {
  cpl, CS, EFER_SCE, FLAG_IF, FLAG_RF, FLAG_TF, FLAG_VM, FLAGS_ALL, gpr, isCanonical, isCode64, isLongMode, isProtected, R11,
  RCX, RDX, RSP, setGpr, setSegment, SS,
} from "../state";

/** Rights of the fixed segments: present, accessed, 4 GiB. */
const CODE32: u32 = 0xc09b00;
const CODE64: u32 = 0xa09b00;
const DATA: u32 = 0xc09300;
const USER: u32 = 0x6000;

function setFlat(seg: i32, selector: i32, attr: u32): void { setSegment(seg, selector, 0, 0xffffffff, attr); }

/** SYSCALL: only from 64-bit code, as Intel has it. */
export function syscall(): void {
  if (!isCode64() || !(load<u64>(EFER) & EFER_SCE)) faultUd();
  const flags = getEflags();
  setGpr(RCX, load<u64>(NEXT_RIP));
  setGpr(R11, flags & ~FLAG_RF);
  const selector = <i32>(load<u64>(STAR) >> 32) & 0xfffc;
  setEflags(flags & ~load<i32>(SFMASK) & ~FLAG_RF, FLAGS_ALL);
  if (!(load<i32>(EFLAGS) & FLAG_TF)) store<u32>(DEBUG_STEP, 0);
  setFlat(CS, selector, CODE64);
  setFlat(SS, selector + 8, DATA);
  store<u64>(RIP, load<u64>(LSTAR));
  store<u32>(CPL, 0);
  updateContext();
}

/** SYSRET to 64-bit (size 8) or compatibility code. */
export function sysret(size: i32): void {
  if (!isCode64() || !(load<u64>(EFER) & EFER_SCE)) faultUd();
  if (cpl()) faultGp(0);
  const target = size == 8 ? gpr(RCX) : gpr(RCX) & 0xffffffff;
  if (!isCanonical(target)) faultGp(0);
  const base = <i32>(load<u64>(STAR) >> 48);
  setEflags(<i32>gpr(R11) & 0x3c7fd7, FLAGS_ALL & ~FLAG_VM);
  setFlat(CS, (size == 8 ? base + 16 : base) | 3, (size == 8 ? CODE64 : CODE32) | USER);
  setFlat(SS, (base + 8) | 3, DATA | USER);
  store<u64>(RIP, target);
  store<u32>(CPL, 3);
  updateContext();
  noticeInterrupt();
}

/** SYSENTER. */
export function sysenter(): void {
  const selector = load<i32>(SYSENTER_CS) & 0xfffc;
  if (!isProtected() || !selector) faultGp(0);
  const long = isLongMode();
  const flags = load<i32>(EFLAGS) & ~(FLAG_VM | FLAG_IF | FLAG_RF);
  store<i32>(EFLAGS, flags);
  setFlat(CS, selector, long ? CODE64 : CODE32);
  setFlat(SS, selector + 8, DATA);
  setGpr(RSP, long ? load<u64>(SYSENTER_ESP) : <u64>load<u32>(SYSENTER_ESP));
  store<u64>(RIP, long ? load<u64>(SYSENTER_EIP) : <u64>load<u32>(SYSENTER_EIP));
  store<u32>(CPL, 0);
  updateContext();
}

/** SYSEXIT to 64-bit (size 8) or 32-bit code. */
export function sysexit(size: i32): void {
  const selector = load<i32>(SYSENTER_CS) & 0xfffc;
  if (!isProtected() || !selector || cpl()) faultGp(0);
  const wide = size == 8;
  if (wide && !(isCanonical(gpr(RCX)) && isCanonical(gpr(RDX)))) faultGp(0);
  setFlat(CS, (selector + (wide ? 32 : 16)) | 3, (wide ? CODE64 : CODE32) | USER);
  setFlat(SS, (selector + (wide ? 40 : 24)) | 3, DATA | USER);
  setGpr(RSP, wide ? gpr(RCX) : gpr(RCX) & 0xffffffff);
  store<u64>(RIP, wide ? gpr(RDX) : gpr(RDX) & 0xffffffff);
  store<u32>(CPL, 3);
  updateContext();
}

/** Instructions on EFLAGS that depend on privilege, and HLT. SDM vol 2; virtual interrupts: vol 3, 20.3 and 20.4. */
import { EFLAGS, EXIT_HALT, EXIT_REASON, SHADOW } from "../../state/vcpu-layout";
import { endSlice, noticeInterrupt, updateContext } from "../context";
import { faultGp, faultUd } from "../fault";
import { getEflags, setEflags } from "../flags";
import { takeVirtualIf, VIRTUAL_IMAGE } from "../exception/virtual-interrupt";
import { linearOf } from "../segment/segment";
import { dropStack, peek, push } from "../segment/stack";
import {
  cpl, CR4_PVI, CR4_SMAP, CR4_VME, finish, FLAG_AC, FLAG_DF, FLAG_ID, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VIF, FLAG_VIP,
  FLAG_VM, FLAGS_ARITH, hasCr4, iopl, isProtected, isV86,
} from "../state";

/** True when CLI and STI are for VIF: code that may not change IF, in virtual-8086 mode with VME or at CPL 3 with PVI. */
function isVirtual(): bool {
  if (!isProtected() || cpl() <= iopl()) return false;
  if (!hasCr4(isV86() ? CR4_VME : CR4_PVI) || cpl() != 3) faultGp(0);
  return true;
}

/** True in virtual-8086 mode when 16-bit PUSHF and POPF are for VIF; #GP(0) when they must not run at all. */
function isVirtualFlags(size: i32): bool {
  if (!isV86() || iopl() == 3) return false;
  if (size != 2 || !hasCr4(CR4_VME)) faultGp(0);
  return true;
}

/** CLI. */
export function cli(): void {
  store<i32>(EFLAGS, load<i32>(EFLAGS) & ~(isVirtual() ? FLAG_VIF : FLAG_IF));
  finish();
}

/** STI: interrupts stay held off for one more instruction. With VIP set VIF can't be set: #GP(0) calls the monitor. */
export function sti(): void {
  const flags = load<i32>(EFLAGS);
  if (isVirtual()) {
    if (flags & FLAG_VIP) faultGp(0);
    store<i32>(EFLAGS, flags | FLAG_VIF);
    finish();
    return;
  }
  if (!(flags & FLAG_IF)) {
    store<i32>(EFLAGS, flags | FLAG_IF);
    store<u32>(SHADOW, 1);
    noticeInterrupt();
  }
  finish();
}

function setAlignmentFlag(on: bool): void {
  if (!hasCr4(CR4_SMAP) || cpl()) faultUd();
  setEflags(on ? FLAG_AC : 0, FLAG_AC);
  updateContext();
  finish();
}

/** CLAC. */
export function clac(): void { setAlignmentFlag(false); }

/** STAC. */
export function stac(): void { setAlignmentFlag(true); }

/** PUSHF: VM and RF read as 0. */
export function pushf(size: i32): void {
  const isVirtualised = isVirtualFlags(size);
  let flags = getEflags() & ~(FLAG_VM | FLAG_RF);
  if (isVirtualised) flags = (flags & ~FLAG_IF) | FLAG_IOPL | (flags & FLAG_VIF ? FLAG_IF : 0);
  push(size, <u64><u32>flags);
  finish();
}

/** POPF in virtual-8086 mode with VME and IOPL below 3: IF of the image goes to VIF. */
function popVirtualFlags(): void {
  const value = takeVirtualIf(<i32>peek(0, 2));
  dropStack(2);
  setEflags(value, VIRTUAL_IMAGE);
  updateContext();
  finish();
}

/** POPF: what may change depends on CPL and IOPL. */
export function popf(size: i32): void {
  if (isVirtualFlags(size)) {
    popVirtualFlags();
    return;
  }
  const value = <i32>peek(0, size) & ~FLAG_RF;
  const level = cpl();
  let mask = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
  if (size > 2) mask |= FLAG_AC | FLAG_ID | FLAG_RF;
  if (level <= iopl()) mask |= FLAG_IF;
  if (level == 0) mask |= FLAG_IOPL;
  const before = load<i32>(EFLAGS);
  dropStack(size);
  setEflags(value, mask);
  if ((before ^ load<i32>(EFLAGS)) & (FLAG_TF | FLAG_AC)) updateContext();
  noticeInterrupt();
  finish();
}

function halt(): void {
  store<i32>(EXIT_REASON, EXIT_HALT);
  endSlice();
  finish();
}

/** HLT: the host loop gets control behind the instruction. */
export function hlt(): void {
  if (cpl()) faultGp(0);
  halt();
}

/** MONITOR: the address is checked as a load, nothing is armed. */
export function monitor(seg: i32, offset: i64): void {
  if (cpl()) faultUd();
  linearOf(seg, offset, 1, 0);
  finish();
}

/** MWAIT: waits for an interrupt, as HLT does. */
export function mwait(): void {
  if (cpl()) faultUd();
  halt();
}

/** WBINVD: caches are coherent. */
export function wbinvd(): void {
  if (cpl()) faultGp(0);
  finish();
}

/** INVD. */
export function invd(): void { wbinvd(); }

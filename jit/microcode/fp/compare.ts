/** The x87 compares: FCOM, FUCOM, FCOMI, FTST, FXAM. */
import { FPU_SW } from '../../state/vcpu-layout';
import {
  DENORMAL, INFINITY, QNAN, SNAN, UNSUPPORTED, ZERO, kindOf, opFlags, opSe, widen32, widen64, widenInteger,
} from './operands';
import { C0, C1, C2, C3, DE, IE, SF, commit, inUse, phys, pop, seAt, sigAt, slot, unmasked } from './state';

const UNORDERED: i32 = C3 | C2 | C0;

/** Orders two values of which none is NaN or unsupported, as condition bits. */
function order(aSig: u64, aSe: i32, bSig: u64, bSe: i32): i32 {
  if ((aSig | bSig) == 0 && ((aSe | bSe) & 0x7fff) == 0) return C3;
  const sa = aSe & 0x8000;
  if (sa != (bSe & 0x8000)) return sa ? C0 : 0;
  // A pseudo-denormal has exponent field 0, yet the value of exponent 1.
  const ea = (aSe & 0x7fff) | i32(aSe << 17 == 0 && <i64>aSig < 0);
  const eb = (bSe & 0x7fff) | i32(bSe << 17 == 0 && <i64>bSig < 0);
  if (ea == eb && aSig == bSig) return C3;
  const less = ea != eb ? ea < eb : aSig < bSig;
  return less == (sa == 0) ? C0 : 0;
}

/** Flags raised by the last comparison. */
let raised: i32 = 0;

/** Compares; `quiet` lets quiet NaNs pass; `flags` are exceptions of the operand's load. */
function compare(aSig: u64, aSe: i32, bSig: u64, bSe: i32, quiet: bool, flags: i32): i32 {
  const ka = kindOf(aSig, aSe);
  const kb = kindOf(bSig, bSe);
  if (ka >= QNAN || kb >= QNAN) {
    raised = !quiet || ka >= SNAN || kb >= SNAN ? IE : 0;
    return UNORDERED;
  }
  raised = flags | (ka == DENORMAL || kb == DENORMAL ? DE : 0);
  return order(aSig, aSe, bSig, bSe);
}

/** Records a comparison in the status word. Returns whether the instruction took effect. */
function conclude(conditions: i32): i32 {
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~(C0 | C1 | C2 | C3)) | conditions);
  commit(raised);
  return i32(unmasked(raised) == 0);
}

/** Compares ST(0) with ST(i). */
function withRegister(i: i32, quiet: bool): i32 {
  const a = phys(0);
  const b = phys(i);
  if (!(inUse(a) & inUse(b))) {
    raised = IE | SF;
    return UNORDERED;
  }
  const pa = slot(a);
  const pb = slot(b);
  return compare(sigAt(pa), seAt(pa), sigAt(pb), seAt(pb), quiet, 0);
}

/** Compares ST(0) with a value just widened. */
function withMemory(sig: u64): i32 {
  const a = phys(0);
  if (!inUse(a)) {
    raised = IE | SF;
    return conclude(UNORDERED);
  }
  const p = slot(a);
  return conclude(compare(sigAt(p), seAt(p), sig, opSe, false, opFlags));
}

/** FCOM ST(i). */
export function x87_fcom(i: i32): void {
  conclude(withRegister(i, false));
}

/** FCOMP ST(i). */
export function x87_fcomp(i: i32): void {
  if (conclude(withRegister(i, false))) pop();
}

/** Compares ST(0) with ST(1) and pops both. */
export function x87_fcompp(): void {
  if (conclude(withRegister(1, false))) {
    pop();
    pop();
  }
}

/** FUCOM ST(i). */
export function x87_fucom(i: i32): void {
  conclude(withRegister(i, true));
}

/** FUCOMP ST(i). */
export function x87_fucomp(i: i32): void {
  if (conclude(withRegister(i, true))) pop();
}

/** Compares ST(0) with ST(1), quietly, and pops both. */
export function x87_fucompp(): void {
  if (conclude(withRegister(1, true))) {
    pop();
    pop();
  }
}

/** FCOM m32. */
export function x87_fcom_m32(bits: i64): void {
  withMemory(widen32(bits));
}

/** FCOMP m32. */
export function x87_fcomp_m32(bits: i64): void {
  if (withMemory(widen32(bits))) pop();
}

/** FCOM m64. */
export function x87_fcom_m64(bits: i64): void {
  withMemory(widen64(bits));
}

/** FCOMP m64. */
export function x87_fcomp_m64(bits: i64): void {
  if (withMemory(widen64(bits))) pop();
}

/** FICOM m16. */
export function x87_ficom_m16(bits: i64): void {
  withMemory(widenInteger(<i64>(<i16>bits)));
}

/** FICOMP m16. */
export function x87_ficomp_m16(bits: i64): void {
  if (withMemory(widenInteger(<i64>(<i16>bits)))) pop();
}

/** FICOM m32. */
export function x87_ficom_m32(bits: i64): void {
  withMemory(widenInteger(<i64>(<i32>bits)));
}

/** FICOMP m32. */
export function x87_ficomp_m32(bits: i64): void {
  if (withMemory(widenInteger(<i64>(<i32>bits)))) pop();
}

/**
 * Ends a comparison that answers in EFLAGS: C3, C2, C0 become ZF, PF, CF, even when an exception is unmasked; C1 stays
 * as it is but after a stack fault.
 */
function concludeFlags(conditions: i32, pops: bool): i32 {
  const c1 = load<i32>(FPU_SW) & C1;
  commit(raised & SF ? raised : raised | c1);
  if (pops && !unmasked(raised)) pop();
  return (conditions >> 8) & 0x45;
}

/** FCOMI ST(0), ST(i): the new EFLAGS bits. */
export function x87_fcomi(i: i32): i32 {
  return concludeFlags(withRegister(i, false), false);
}

/** FCOMIP ST(0), ST(i): the new EFLAGS bits. */
export function x87_fcomip(i: i32): i32 {
  return concludeFlags(withRegister(i, false), true);
}

/** FUCOMI ST(0), ST(i): the new EFLAGS bits. */
export function x87_fucomi(i: i32): i32 {
  return concludeFlags(withRegister(i, true), false);
}

/** FUCOMIP ST(0), ST(i): the new EFLAGS bits. */
export function x87_fucomip(i: i32): i32 {
  return concludeFlags(withRegister(i, true), true);
}

/** Compares ST(0) with +0.0. */
export function x87_ftst(): void {
  const a = phys(0);
  if (!inUse(a)) {
    raised = IE | SF;
    conclude(UNORDERED);
    return;
  }
  const p = slot(a);
  conclude(compare(sigAt(p), seAt(p), 0, 0, false, 0));
}

/** Classifies ST(0) in C3, C2, C0; C1 is its sign, also that of an empty register. */
export function x87_fxam(): void {
  const a = phys(0);
  const p = slot(a);
  const se = seAt(p);
  const k = kindOf(sigAt(p), se);
  let conditions = C2;
  if (!inUse(a)) conditions = C3 | C0;
  else if (k == UNSUPPORTED) conditions = 0;
  else if (k >= QNAN) conditions = C0;
  else if (k == INFINITY) conditions = C2 | C0;
  else if (k == ZERO) conditions = C3;
  else if (k == DENORMAL) conditions = C3 | C2;
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~(C0 | C1 | C2 | C3)) | conditions | ((se & 0x8000) >> 6));
}

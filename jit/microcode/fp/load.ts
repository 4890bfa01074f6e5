/** The x87 loads, register moves and constants. */
import { FPU_CW, FPU_SW, FPU_TAG, FPU_TOP, FP_SCRATCH } from '../../state/vcpu-layout';
import { bcdToInteger, opFlags, opSe, widen32, widen64, widenInteger } from './operands';
import {
  C1, IE, INDEFINITE_SE, INDEFINITE_SIG, J_BIT, QUIET, SF, canPush, clearC1, commit, inUse, overflowPush, phys, pop,
  push, put, seAt, sigAt, slot, tagUsed, underflowTo, unmasked,
} from './state';

/** Pushes a value that raises nothing. */
// @ts-ignore: decorator
@inline
function loadExact(sig: u64, se: i32): void {
  const top = (load<i32>(FPU_TOP) - 1) & 7;
  const tags = load<i32>(FPU_TAG);
  if ((tags >> top) & 1) {
    overflowPush();
    return;
  }
  store<i32>(FPU_TOP, top);
  store<i32>(FPU_TAG, tags | (1 << top));
  store<i32>(FPU_SW, load<i32>(FPU_SW) & ~C1);
  put(slot(top), sig, se);
}

/** Pushes a value just widened from single or double. A denormal is loaded even when the exception is unmasked. */
function loadFloat(sig: u64): void {
  if (!canPush()) {
    overflowPush();
    return;
  }
  let flags = opFlags;
  let value = sig;
  if ((opSe & 0x7fff) == 0x7fff && sig != J_BIT && !(sig & QUIET)) {
    flags = IE;
    value |= QUIET;
  }
  commit(flags);
  if (!unmasked(flags & IE)) push(value, opSe);
}

/** FLD m32. */
export function x87_fld_m32(bits: i64): void {
  const raw = <i32>bits;
  const e = (raw >>> 23) & 0xff;
  if (<u32>(e - 1) < 0xfe) loadExact((<u64>bits << 40) | J_BIT, ((raw >>> 16) & 0x8000) | (e + 0x3f80));
  else loadFloat(widen32(bits));
}

/** FLD m64. */
export function x87_fld_m64(bits: i64): void {
  const e = <i32>(bits >>> 52) & 0x7ff;
  if (<u32>(e - 1) < 0x7fe) loadExact((<u64>bits << 11) | J_BIT, (<i32>(bits >>> 48) & 0x8000) | (e + 0x3c00));
  else loadFloat(widen64(bits));
}

/** FLD m80 from FP_SCRATCH. */
export function x87_fld_m80(): void {
  loadExact(load<u64>(FP_SCRATCH), <i32>load<u16>(FP_SCRATCH + 8));
}

/** FILD m16. */
export function x87_fild_m16(bits: i64): void {
  loadExact(widenInteger(<i64>(<i16>bits)), opSe);
}

/** FILD m32. */
export function x87_fild_m32(bits: i64): void {
  loadExact(widenInteger(<i64>(<i32>bits)), opSe);
}

/** FILD m64. */
export function x87_fild_m64(bits: i64): void {
  loadExact(widenInteger(bits), opSe);
}

/** FBLD from FP_SCRATCH. */
export function x87_fbld(): void {
  const sig = widenInteger(bcdToInteger());
  loadExact(sig, opSe | (<i32>load<u8>(FP_SCRATCH + 9) & 0x80) << 8);
}

/** An empty source counts before a full stack. */
export function x87_fld_sti(i: i32): void {
  const from = phys(i);
  if (!inUse(from)) {
    commit(IE | SF);
    if (load<i32>(FPU_CW) & IE) push(INDEFINITE_SIG, INDEFINITE_SE);
    return;
  }
  const p = slot(from);
  loadExact(sigAt(p), seAt(p));
}

/** Copies ST(0) to ST(i). Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
function copyTop(i: i32): i32 {
  const from = phys(0);
  const to = phys(i);
  if (!inUse(from)) return underflowTo(to);
  const p = slot(from);
  put(slot(to), sigAt(p), seAt(p));
  tagUsed(to);
  clearC1();
  return 1;
}

/** FST ST(i). */
export function x87_fst_sti(i: i32): void {
  copyTop(i);
}

/** FSTP ST(i). */
export function x87_fstp_sti(i: i32): void {
  if (copyTop(i)) pop();
}

/** FXCH ST(i). */
export function x87_fxch(i: i32): void {
  const a = phys(0);
  const b = phys(i);
  const pa = slot(a);
  const pb = slot(b);
  if (inUse(a) & inUse(b)) commit(0);
  else {
    commit(IE | SF);
    if (!(load<i32>(FPU_CW) & IE)) return;
    if (!inUse(a)) put(pa, INDEFINITE_SIG, INDEFINITE_SE);
    if (!inUse(b)) put(pb, INDEFINITE_SIG, INDEFINITE_SE);
    tagUsed(a);
    tagUsed(b);
  }
  const sig = sigAt(pa);
  const se = seAt(pa);
  put(pa, sigAt(pb), seAt(pb));
  put(pb, sig, se);
}

/** Leaves C1 alone. */
export function x87_fcmov(i: i32, condition: i32): void {
  const to = phys(0);
  const from = phys(i);
  if (!(inUse(to) & inUse(from))) {
    underflowTo(to);
    return;
  }
  if (!condition) return;
  const p = slot(from);
  put(slot(to), sigAt(p), seAt(p));
}

/** Changes the sign of ST(0): `and`, then `xor`. */
// @ts-ignore: decorator
@inline
function changeSign(and: i32, xor: i32): void {
  const top = phys(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  store<u16>(p, (seAt(p) & and) ^ xor, 8);
  clearC1();
}

/** FCHS. */
export function x87_fchs(): void {
  changeSign(0xffff, 0x8000);
}

/** FABS. */
export function x87_fabs(): void {
  changeSign(0x7fff, 0);
}

/** Pushes a constant given by its significand rounded down; `nearestUp` says that the nearest is one more. */
// @ts-ignore: decorator
@inline
function constant(down: u64, se: i32, nearestUp: bool): void {
  if (!canPush()) {
    overflowPush();
    return;
  }
  const rc = (load<i32>(FPU_CW) >> 10) & 3;
  const up = rc == 2 || (rc == 0 && nearestUp);
  commit(0);
  push(down + u64(up), se);
}

/** Pushes an exact constant. */
// @ts-ignore: decorator
@inline
function exact(sig: u64, se: i32): void {
  if (!canPush()) {
    overflowPush();
    return;
  }
  commit(0);
  push(sig, se);
}

/** FLD1. */
export function x87_fld1(): void {
  exact(J_BIT, 0x3fff);
}

/** FLDZ. */
export function x87_fldz(): void {
  exact(0, 0);
}

/** FLDL2T. */
export function x87_fldl2t(): void {
  constant(0xd49a784bcd1b8afe, 0x4000, false);
}

/** FLDL2E. */
export function x87_fldl2e(): void {
  constant(0xb8aa3b295c17f0bb, 0x3fff, true);
}

/** FLDPI. */
export function x87_fldpi(): void {
  constant(0xc90fdaa22168c234, 0x4000, true);
}

/** FLDLG2. */
export function x87_fldlg2(): void {
  constant(0x9a209a84fbcff798, 0x3ffd, true);
}

/** FLDLN2. */
export function x87_fldln2(): void {
  constant(0xb17217f7d1cf79ab, 0x3ffe, true);
}

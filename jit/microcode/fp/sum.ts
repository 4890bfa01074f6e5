/** Hot path: f80 addition and subtraction (guarded by the x87 benchmark). */
import { FPU_CW, FPU_RESULT, FPU_SW } from '../../state/vcpu-layout';
import {
  DENORMAL, INFINITY, ZERO, denormal, invalid, kindA, kindB, normalExponent, normalSig, screen2,
} from './operands';
import { roundPack, sumE, sumHi, sumLo, sumSign, sumWide } from './round';
import { C1, J_BIT, finish, lowPart, precisionUnit, putResult, setFlags, setResult } from './state';

/** Sum of zeros of different sign, and of x - x: minus only when rounding down. */
// @ts-ignore: decorator
@inline
function exactZeroSign(): i32 {
  return (load<i32>(FPU_CW) & 0xc00) == 0x400 ? 0x8000 : 0;
}

/** Adds finite non-zero values, rounded as the control word asks for. */
function addMagnitudes(aSig: u64, ea: i32, sa: i32, bSig: u64, eb: i32, sb: i32): void {
  sumWide(aSig, ea, sa, bSig, eb, sb);
  if ((sumHi | sumLo) == 0) setResult(0, exactZeroSign());
  else roundPack(sumSign, sumE, sumHi, sumLo);
}

/** Addition in full generality: b has its sign flipped by `neg`; `flags` are exceptions of the operand's load. */
function addAny(aSig: u64, aSe: i32, bSig: u64, bSe: i32, neg: i32, flags: i32): void {
  setFlags(0);
  if (screen2(aSig, aSe, bSig, bSe)) return;
  const sa = aSe & 0x8000;
  const sb = (bSe ^ neg) & 0x8000;
  const ka = kindA;
  const kb = kindB;
  if (ka == INFINITY && kb == INFINITY && sa != sb) {
    invalid();
    return;
  }
  if (flags | i32(ka == DENORMAL) | i32(kb == DENORMAL)) {
    if (denormal()) return;
  }
  if (ka == INFINITY) setResult(J_BIT, sa | 0x7fff);
  else if (kb == INFINITY) setResult(J_BIT, sb | 0x7fff);
  else if (ka == ZERO && kb == ZERO) setResult(0, sa == sb ? sa : exactZeroSign());
  else if (ka == ZERO) roundPack(sb, normalExponent(bSig, bSe), normalSig(bSig), 0);
  else if (kb == ZERO) roundPack(sa, normalExponent(aSig, aSe), normalSig(aSig), 0);
  else {
    addMagnitudes(normalSig(aSig), normalExponent(aSig, aSe), sa, normalSig(bSig), normalExponent(bSig, bSe), sb);
  }
}

/** Addition off the fast path, result to the register at p. Returns whether the instruction took effect. */
export function addSlow(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32, neg: i32, flags: i32): i32 {
  addAny(aSig, aSe, bSig, bSe, neg, flags);
  return finish(p);
}

/** Two normal operands with round to nearest and PE masked, at every precision and distance; all else goes on to `addSlow`. */
function addFar(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32, neg: i32): i32 {
  const ea = aSe & 0x7fff;
  const eb = bSe & 0x7fff;
  const cw = load<i32>(FPU_CW);
  const fast =
    i32(<u32>(ea - 1) < 0x7ffe) &
    i32(<u32>(eb - 1) < 0x7ffe) &
    i32(<i64>(aSig & bSig) < 0) &
    i32((cw & 0xc20) == 0x20);
  if (!fast) return addSlow(p, aSig, aSe, bSig, bSe, neg, 0);
  const sb = bSe ^ neg;
  let x = aSig;
  let y = bSig;
  let e = ea;
  let sign = aSe;
  let d = <i64>(ea - eb);
  if (d < 0) {
    x = bSig;
    y = aSig;
    e = eb;
    sign = sb;
    d = -d;
  }
  let hi: u64 = y >> d;
  let lo: u64 = (y << 1) << (63 - d);
  if (d >= 64) {
    hi = 0;
    // From 66 on only "not zero, less than a quarter" matters.
    lo = d < 66 ? (y >> (d - 64)) | (y & 1) : 1;
  }
  if ((aSe ^ sb) & 0x8000) {
    const borrow = u64(lo != 0);
    const less = hi > x;
    hi = x - hi - borrow;
    lo = 0 - lo;
    if (less) {
      // Only with equal exponents, and then there is no low part.
      hi = 0 - hi;
      sign = ~sign;
    }
    if (hi == 0) return addSlow(p, aSig, aSe, bSig, bSe, neg, 0);
    const z = clz(hi);
    hi = (hi << z) | ((lo >> 1) >> (63 - z));
    lo <<= z;
    e -= i32(z);
    if (e <= 0) return addSlow(p, aSig, aSe, bSig, bSe, neg, 0);
  } else {
    hi += x;
    if (hi < x) {
      lo = (hi << 63) | (lo >> 1) | (lo & 1);
      hi = (hi >> 1) | J_BIT;
      e++;
    }
  }
  let unit: u64 = 1;
  if ((cw & 0x300) != 0x300) {
    unit = precisionUnit(cw);
    lo = lowPart(hi, lo, unit);
    hi &= 0 - unit;
  }
  const up = (lo | u64((hi & unit) != 0)) > J_BIT;
  hi += up ? unit : 0;
  if (hi == 0) {
    hi = J_BIT;
    e++;
  }
  if (e >= 0x7fff) return addSlow(p, aSig, aSe, bSig, bSe, neg, 0);
  store<u64>(p, hi);
  store<u16>(p, (sign & 0x8000) | e, 8);
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~C1) | (i32(lo != 0) << 5) | (i32(up) << 9));
  return 1;
}

/**
 * a + b for normal operands of similar size with round to nearest, full precision and PE masked: the significand, with all
 * else in FPU_RESULT; 0 when there is more to it. Branches that the processor can predict make the way from operand to
 * result shorter than selections would.
 */
export function x87_sum(aSig: u64, aSe: i32, bSig: u64, bSe: i32): u64 {
  const ea = aSe & 0x7fff;
  const eb = bSe & 0x7fff;
  const distance = ea - eb;
  const fast =
    i32(<u32>(ea - 1) < 0x7ffe) &
    i32(<u32>(eb - 1) < 0x7ffe) &
    i32(<i64>(aSig & bSig) < 0) &
    i32(<u32>(distance + 63) < 127) &
    i32((load<i32>(FPU_CW) & 0xf20) == 0x320);
  if (!fast) return 0;
  let x = aSig;
  let y = bSig;
  let e = ea;
  let sign = aSe;
  let d = <i64>distance;
  if (distance < 0) {
    x = bSig;
    y = aSig;
    e = eb;
    sign = bSe;
    d = -d;
  }
  let hi: u64 = y >> d;
  let lo: u64 = (y << 1) << (63 - d);
  if ((aSe ^ bSe) & 0x8000) {
    const less = hi > x;
    hi = x - hi - u64(lo != 0);
    lo = 0 - lo;
    if (less) {
      // Only with equal exponents, and then there is no low part.
      hi = 0 - hi;
      sign = ~sign;
    }
    if (hi == 0) return 0;
    const z = clz(hi);
    hi = (hi << z) | ((lo >> 1) >> (63 - z));
    lo <<= z;
    e -= i32(z);
  } else {
    hi += x;
    if (hi < x) {
      lo = (hi << 63) | (lo >> 1) | (lo & 1);
      hi = (hi >> 1) | J_BIT;
      e++;
    }
  }
  const up = u64((lo | (hi & 1)) > J_BIT);
  hi += up;
  if (hi == 0) {
    hi = J_BIT;
    e++;
  }
  if (<u32>(e - 1) >= 0x7ffe) return 0;
  store<i32>(FPU_RESULT, (sign & 0x8000) | e | (i32(lo != 0) << 21) | (i32(up) << 25));
  return hi;
}

/** a + b, or a - b when `neg` is 0x8000, to the register at p. Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
export function add(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32, neg: i32): i32 {
  const sig = x87_sum(aSig, aSe, bSig, bSe ^ neg);
  return sig ? putResult(p, sig) : addFar(p, aSig, aSe, bSig, bSe, neg);
}

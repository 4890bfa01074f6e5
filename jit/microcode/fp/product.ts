/** Hot path: f80 multiplication, division and square root (guarded by the x87 benchmark). */
import { FPU_CW, FPU_RESULT, FPU_SW } from '../../state/vcpu-layout';
import {
  DENORMAL, INFINITY, ZERO, denormal, invalid, kindA, kindB, normalExponent, normalSig, screen1, screen2,
} from './operands';
import { roundPack } from './round';
import { C1, J_BIT, ZE, finish, lowPart, precisionUnit, putResult, raise, setFlags, setResult } from './state';
import { divWide, mulWide, sqrtWide, wideLo, wideRem } from './wide';

/** Multiplication in full generality; `flags` are exceptions of the operand's load. */
function multiplyAny(aSig: u64, aSe: i32, bSig: u64, bSe: i32, flags: i32): void {
  setFlags(0);
  if (screen2(aSig, aSe, bSig, bSe)) return;
  const sign = (aSe ^ bSe) & 0x8000;
  const ka = kindA;
  const kb = kindB;
  if ((ka == INFINITY && kb == ZERO) || (ka == ZERO && kb == INFINITY)) {
    invalid();
    return;
  }
  if (flags | i32(ka == DENORMAL) | i32(kb == DENORMAL)) {
    if (denormal()) return;
  }
  if (ka == INFINITY || kb == INFINITY) setResult(J_BIT, sign | 0x7fff);
  else if (ka == ZERO || kb == ZERO) setResult(0, sign);
  else {
    let e = normalExponent(aSig, aSe) + normalExponent(bSig, bSe) - 0x3ffe;
    let hi = mulWide(normalSig(aSig), normalSig(bSig));
    let lo = wideLo;
    if (!(hi & J_BIT)) {
      hi = (hi << 1) | (lo >> 63);
      lo <<= 1;
      e--;
    }
    roundPack(sign, e, hi, lo);
  }
}

/** Multiplication off the fast path, result to the register at p. Returns whether the instruction took effect. */
export function multiplySlow(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32, flags: i32): i32 {
  multiplyAny(aSig, aSe, bSig, bSe, flags);
  return finish(p);
}

/** Normal operands with round to nearest and PE masked, at every precision; all else goes on to `multiplySlow`. */
function multiplyShort(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32): i32 {
  const ea = aSe & 0x7fff;
  const eb = bSe & 0x7fff;
  const cw = load<i32>(FPU_CW);
  const fast =
    i32(<u32>(ea - 1) < 0x7ffe) &
    i32(<u32>(eb - 1) < 0x7ffe) &
    i32(<i64>(aSig & bSig) < 0) &
    i32((cw & 0xc20) == 0x20);
  if (!fast) return multiplySlow(p, aSig, aSe, bSig, bSe, 0);
  const al = aSig & 0xffffffff;
  const ah = aSig >> 32;
  const bl = bSig & 0xffffffff;
  const bh = bSig >> 32;
  const ll = al * bl;
  const lh = al * bh;
  const hl = ah * bl;
  const mid = (ll >> 32) + (lh & 0xffffffff) + (hl & 0xffffffff);
  let lo = (mid << 32) | (ll & 0xffffffff);
  let hi = ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32);
  const short = (~hi) >> 63;
  hi = (hi << short) | ((lo >> 63) & short);
  lo <<= short;
  let e = ea + eb - 0x3ffe - i32(short);
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
  if (<u32>(e - 1) >= 0x7ffe) return multiplySlow(p, aSig, aSe, bSig, bSe, 0);
  store<u64>(p, hi);
  store<u16>(p, ((aSe ^ bSe) & 0x8000) | e, 8);
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~C1) | (i32(lo != 0) << 5) | (i32(up) << 9));
  return 1;
}

/** a * b, in the manner of `x87_sum`. */
export function x87_product(aSig: u64, aSe: i32, bSig: u64, bSe: i32): u64 {
  const ea = aSe & 0x7fff;
  const eb = bSe & 0x7fff;
  const fast =
    i32(<u32>(ea - 1) < 0x7ffe) &
    i32(<u32>(eb - 1) < 0x7ffe) &
    i32(<i64>(aSig & bSig) < 0) &
    i32((load<i32>(FPU_CW) & 0xf20) == 0x320);
  if (!fast) return 0;
  const al = aSig & 0xffffffff;
  const ah = aSig >> 32;
  const bl = bSig & 0xffffffff;
  const bh = bSig >> 32;
  const ll = al * bl;
  const mid = al * bh + (ll >> 32);
  const side = ah * bl + (mid & 0xffffffff);
  let lo = (side << 32) | (ll & 0xffffffff);
  let hi = ah * bh + (mid >> 32) + (side >> 32);
  const short = (~hi) >> 63;
  hi = (hi << short) | ((lo >> 63) & short);
  lo <<= short;
  const up = u64((lo | (hi & 1)) > J_BIT);
  hi += up;
  const wrapped = u64(hi == 0);
  hi |= wrapped << 63;
  const e = ea + eb - 0x3ffe - i32(short) + i32(wrapped);
  if (<u32>(e - 1) >= 0x7ffe) return 0;
  store<i32>(FPU_RESULT, ((aSe ^ bSe) & 0x8000) | e | (i32(lo != 0) << 21) | (i32(up) << 25));
  return hi;
}

/** a * b to the register at p. Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
export function multiply(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32): i32 {
  const sig = x87_product(aSig, aSe, bSig, bSe);
  return sig ? putResult(p, sig) : multiplyShort(p, aSig, aSe, bSig, bSe);
}

/** What stands for the remainder r of a division by d when rounding: below, at or above half, or nothing. */
// @ts-ignore: decorator
@inline
function fraction(r: u64, d: u64): u64 {
  if (r == 0) return 0;
  const rest = d - r;
  return r > rest ? 0xc000000000000000 : r == rest ? J_BIT : 1;
}

/** Division in full generality; `flags` are exceptions of the operand's load. */
function divideAny(aSig: u64, aSe: i32, bSig: u64, bSe: i32, flags: i32): void {
  setFlags(0);
  if (screen2(aSig, aSe, bSig, bSe)) return;
  const sign = (aSe ^ bSe) & 0x8000;
  const ka = kindA;
  const kb = kindB;
  if ((ka == INFINITY && kb == INFINITY) || (ka == ZERO && kb == ZERO)) {
    invalid();
    return;
  }
  if (kb == ZERO && ka != INFINITY) {
    raise(ZE);
    setResult(J_BIT, sign | 0x7fff);
    return;
  }
  if (flags | i32(ka == DENORMAL) | i32(kb == DENORMAL)) {
    if (denormal()) return;
  }
  if (ka == INFINITY) setResult(J_BIT, sign | 0x7fff);
  else if (ka == ZERO || kb == INFINITY) setResult(0, sign);
  else {
    const na = normalSig(aSig);
    const nb = normalSig(bSig);
    const less = i32(na < nb);
    const q = less ? divWide(na, 0, nb) : divWide(na >> 1, na << 63, nb);
    const e = normalExponent(aSig, aSe) - normalExponent(bSig, bSe) + 0x3fff - less;
    roundPack(sign, e, q, fraction(wideRem, nb));
  }
}

/** Division off the fast path, result to the register at p. Returns whether the instruction took effect. */
export function divideSlow(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32, flags: i32): i32 {
  divideAny(aSig, aSe, bSig, bSe, flags);
  return finish(p);
}

/** a / b for normal operands, in the manner of `x87_sum` but at every precision. */
export function x87_quotient(aSig: u64, aSe: i32, bSig: u64, bSe: i32): u64 {
  const ea = aSe & 0x7fff;
  const eb = bSe & 0x7fff;
  const less = i32(aSig < bSig);
  let e = ea - eb + 0x3fff - less;
  const cw = load<i32>(FPU_CW);
  const fast =
    i32(<u32>(ea - 1) < 0x7ffe) &
    i32(<u32>(eb - 1) < 0x7ffe) &
    i32(<i64>(aSig & bSig) < 0) &
    i32(<u32>(e - 1) < 0x7ffd) &
    i32((cw & 0xc20) == 0x20);
  if (!fast) return 0;
  let q = divWide(select<u64>(aSig, aSig >> 1, less), select<u64>(0, aSig << 63, less), bSig);
  const r = wideRem;
  // A 64-bit quotient is never halfway between two 64-bit values.
  let up = r > bSig - r;
  let inexact = r != 0;
  let unit: u64 = 1;
  if ((cw & 0x300) != 0x300) {
    unit = precisionUnit(cw);
    const lo = lowPart(q, fraction(r, bSig), unit);
    q &= 0 - unit;
    up = (lo | u64((q & unit) != 0)) > J_BIT;
    inexact = lo != 0;
  }
  q += up ? unit : 0;
  if (q == 0) {
    q = J_BIT;
    e++;
  }
  store<i32>(FPU_RESULT, ((aSe ^ bSe) & 0x8000) | e | (i32(inexact) << 21) | (i32(up) << 25));
  return q;
}

/** a / b to the register at p. Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
export function divide(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32): i32 {
  const sig = x87_quotient(aSig, aSe, bSig, bSe);
  return sig ? putResult(p, sig) : divideSlow(p, aSig, aSe, bSig, bSe, 0);
}

/** Square root of a positive normal operand, in the manner of `x87_sum`. */
export function x87_root(sig: u64, se: i32): u64 {
  // the sign makes the exponent too large
  if (<u32>(se - 1) >= 0x7ffe || !(sig & J_BIT) || (load<i32>(FPU_CW) & 0xf20) != 0x320) return 0;
  const distance = se - 0x3fff;
  const odd = distance & 1;
  let root = sqrtWide(odd ? sig : sig >> 1, odd ? 0 : sig << 63);
  const rest = wideRem;
  const up = u64(rest > J_BIT);
  let e = (distance >> 1) + 0x3fff;
  root += up;
  if (root == 0) {
    root = J_BIT;
    e++;
  }
  store<i32>(FPU_RESULT, e | (i32(rest != 0) << 21) | (i32(up) << 25));
  return root;
}

/** Square root of a value, as the result of the running instruction. */
export function squareRoot(sig: u64, se: i32): void {
  if (screen1(sig, se)) return;
  const k = kindA;
  if (k == ZERO) {
    setResult(sig, se);
    return;
  }
  if (se & 0x8000) {
    invalid();
    return;
  }
  if (k == INFINITY) {
    setResult(sig, se);
    return;
  }
  if (k == DENORMAL && denormal()) return;
  const e = normalExponent(sig, se) - 0x3fff;
  const n = normalSig(sig);
  const odd = i32(e & 1);
  const root = sqrtWide(odd ? n : n >> 1, odd ? 0 : n << 63);
  roundPack(0, (e >> 1) + 0x3fff, root, wideRem);
}

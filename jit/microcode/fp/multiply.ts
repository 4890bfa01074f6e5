/** Hot path: f80 multiplication (guarded by the x87 benchmark). */
import { FPU_CW, FPU_SW } from '../../state/vcpu-layout';
import { C1, J_BIT, finish, lowPart, precisionUnit, setFlags, setResult } from './state';
import { DENORMAL, INFINITY, ZERO, denormal, invalid, kindA, kindB, normalExponent, normalSig, screen2 } from './operands';
import { roundPack } from './round';
import { mulWide, wideLo } from './wide';

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

/** a * b to the register at p. Returns whether the instruction took effect. */
export function multiply(p: i32, aSig: u64, aSe: i32, bSig: u64, bSe: i32): i32 {
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

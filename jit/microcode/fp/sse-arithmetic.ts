/** SSE arithmetic on one pair of elements; the exceptions are collected by `sse-core`. */
import { INFINITY, QNAN, ZERO, kindOf } from './operands';
import { sumE, sumHi, sumLo, sumSign, sumWide } from './round';
import {
  defaultNan, infinityOf, isNan, isSignalling, mx, nanOf2, open, openDenormal, openSe, raiseBefore, roundTo, withSign,
} from './sse-core';
import { IE, J_BIT, ZE } from './state';
import { divWide, mulWide, sqrtWide, wideLo, wideRem } from './wide';

/** The invalid operation's answer. */
function invalid(format: i32): u64 {
  raiseBefore(IE);
  return defaultNan(format);
}

/** a + b, or a - b when `neg` is 0x8000. */
export function addElement(a: u64, b: u64, neg: i32, format: i32): u64 {
  const aSig = open(a, format);
  const aSe = openSe;
  let denormals = openDenormal;
  const bSig = open(b, format);
  const bSe = openSe ^ neg;
  denormals |= openDenormal;
  const ka = kindOf(aSig, aSe);
  const kb = kindOf(bSig, bSe);
  if (ka >= QNAN || kb >= QNAN) return nanOf2(a, b, format);
  const sa = aSe & 0x8000;
  const sb = bSe & 0x8000;
  if (ka == INFINITY && kb == INFINITY && sa != sb) return invalid(format);
  raiseBefore(denormals);
  if (ka == INFINITY) return withSign(infinityOf(format), sa, format);
  if (kb == INFINITY) return withSign(infinityOf(format), sb, format);
  const zeroSign = ((mx >> 13) & 3) == 1 ? 0x8000 : 0;
  if (ka == ZERO && kb == ZERO) return withSign(0, sa == sb ? sa : zeroSign, format);
  if (ka == ZERO) return roundTo(sb, bSe & 0x7fff, bSig, 0, format);
  if (kb == ZERO) return roundTo(sa, aSe & 0x7fff, aSig, 0, format);
  sumWide(aSig, aSe & 0x7fff, sa, bSig, bSe & 0x7fff, sb);
  if ((sumHi | sumLo) == 0) return withSign(0, zeroSign, format);
  return roundTo(sumSign, sumE, sumHi, sumLo, format);
}

/** a * b. */
export function mulElement(a: u64, b: u64, format: i32): u64 {
  const aSig = open(a, format);
  const aSe = openSe;
  let denormals = openDenormal;
  const bSig = open(b, format);
  const bSe = openSe;
  denormals |= openDenormal;
  const ka = kindOf(aSig, aSe);
  const kb = kindOf(bSig, bSe);
  if (ka >= QNAN || kb >= QNAN) return nanOf2(a, b, format);
  if ((ka == INFINITY && kb == ZERO) || (ka == ZERO && kb == INFINITY)) return invalid(format);
  raiseBefore(denormals);
  const sign = (aSe ^ bSe) & 0x8000;
  if (ka == INFINITY || kb == INFINITY) return withSign(infinityOf(format), sign, format);
  if (ka == ZERO || kb == ZERO) return withSign(0, sign, format);
  let e = (aSe & 0x7fff) + (bSe & 0x7fff) - 0x3ffe;
  let hi = mulWide(aSig, bSig);
  let lo = wideLo;
  if (!(hi & J_BIT)) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    e--;
  }
  return roundTo(sign, e, hi, lo, format);
}

/** a / b. */
export function divElement(a: u64, b: u64, format: i32): u64 {
  const aSig = open(a, format);
  const aSe = openSe;
  let denormals = openDenormal;
  const bSig = open(b, format);
  const bSe = openSe;
  denormals |= openDenormal;
  const ka = kindOf(aSig, aSe);
  const kb = kindOf(bSig, bSe);
  if (ka >= QNAN || kb >= QNAN) return nanOf2(a, b, format);
  if ((ka == INFINITY && kb == INFINITY) || (ka == ZERO && kb == ZERO)) return invalid(format);
  const sign = (aSe ^ bSe) & 0x8000;
  if (kb == ZERO && ka != INFINITY) {
    raiseBefore(ZE);
    return withSign(infinityOf(format), sign, format);
  }
  raiseBefore(denormals);
  if (ka == INFINITY) return withSign(infinityOf(format), sign, format);
  if (ka == ZERO || kb == INFINITY) return withSign(0, sign, format);
  const less = i32(aSig < bSig);
  const q = less ? divWide(aSig, 0, bSig) : divWide(aSig >> 1, aSig << 63, bSig);
  return roundTo(sign, (aSe & 0x7fff) - (bSe & 0x7fff) + 0x3fff - less, q, u64(wideRem != 0), format);
}

/** Square root. */
export function sqrtElement(b: u64, format: i32): u64 {
  const sig = open(b, format);
  const se = openSe;
  const k = kindOf(sig, se);
  if (k >= QNAN) return nanOf2(b, b, format);
  if (k == ZERO) return withSign(0, se, format);
  if (se & 0x8000) return invalid(format);
  raiseBefore(openDenormal);
  if (k == INFINITY) return b;
  const e = (se & 0x7fff) - 0x3fff;
  const odd = e & 1;
  const root = sqrtWide(odd ? sig : sig >> 1, odd ? 0 : sig << 63);
  return roundTo(0, (e >> 1) + 0x3fff, root, wideRem, format);
}

/** How two values compare: 0 = equal, 1 = less, 2 = greater, 3 = unordered. `quiet` lets quiet NaNs pass. */
export function compareElement(a: u64, b: u64, quiet: bool, format: i32): i32 {
  if (isNan(a, format) || isNan(b, format)) {
    const signalling = (isNan(a, format) && isSignalling(a, format)) || (isNan(b, format) && isSignalling(b, format));
    if (!quiet || signalling) raiseBefore(IE);
    return 3;
  }
  const aSig = open(a, format);
  const aSe = openSe;
  let denormals = openDenormal;
  const bSig = open(b, format);
  const bSe = openSe;
  denormals |= openDenormal;
  raiseBefore(denormals);
  if ((aSig | bSig) == 0) return 0;
  if ((aSe ^ bSe) & 0x8000) return aSe & 0x8000 ? 1 : 2;
  if (aSe == bSe && aSig == bSig) return 0;
  const smaller = aSe != bSe ? aSe < bSe : aSig < bSig;
  return smaller == ((aSe & 0x8000) == 0) ? 1 : 2;
}

/** The value, or zero when DAZ makes it one. */
// @ts-ignore: decorator
@inline
function flushed(v: u64, format: i32): u64 {
  const sig = open(v, format);
  return sig == 0 ? withSign(0, openSe, format) : v;
}

/** Minimum (`wanted` 1) or maximum (`wanted` 2): the second operand unless the first is strictly that. */
export function pickElement(a: u64, b: u64, wanted: i32, format: i32): u64 {
  const relation = compareElement(a, b, false, format);
  return flushed(relation == wanted ? a : b, format);
}

/** Whether a comparison predicate of CMPPS (0-7) holds. */
export function predicateElement(a: u64, b: u64, predicate: i32, format: i32): bool {
  const kind = predicate & 3;
  // EQ, UNORD and their negations are quiet; LT and LE are not.
  const relation = compareElement(a, b, kind == 0 || kind == 3, format);
  let holds = false;
  if (kind == 0) holds = relation == 0;
  else if (kind == 1) holds = relation == 1;
  else if (kind == 2) holds = relation == 0 || relation == 1;
  else holds = relation == 3;
  return holds != ((predicate & 4) != 0);
}

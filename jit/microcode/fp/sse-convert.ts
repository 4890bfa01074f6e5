/** SSE conversions of one element; the exceptions are collected by `sse-core`. */
import { INFINITY, ZERO, kindOf, opSe, widenInteger } from './operands';
import { rCarry, rInexact, roundSig, shiftRightSticky, shiftedHi } from './round';
import {
  DOUBLE, SINGLE, infinityOf, isNan, isSignalling, mx, open, openDenormal, openSe, quietBit, raiseAfter, raiseBefore,
  roundTo, withSign,
} from './sse-core';
import { IE, PE } from './state';

/** Single to double. */
export function toDouble(b: u64): u64 {
  if (isNan(b, SINGLE)) {
    if (isSignalling(b, SINGLE)) raiseBefore(IE);
    return ((b & 0x80000000) << 32) | 0x7ff8000000000000 | ((b & 0x7fffff) << 29);
  }
  const sig = open(b, SINGLE);
  raiseBefore(openDenormal);
  if (sig == 0) return withSign(0, openSe, DOUBLE);
  if ((openSe & 0x7fff) == 0x7fff) return withSign(infinityOf(DOUBLE), openSe, DOUBLE);
  return roundTo(openSe & 0x8000, openSe & 0x7fff, sig, 0, DOUBLE);
}

/** Double to single. */
export function toSingle(b: u64): u64 {
  if (isNan(b, DOUBLE)) {
    if (isSignalling(b, DOUBLE)) raiseBefore(IE);
    return ((b >> 32) & 0x80000000) | 0x7fc00000 | ((b >> 29) & 0x7fffff);
  }
  const sig = open(b, DOUBLE);
  raiseBefore(openDenormal);
  if (sig == 0) return withSign(0, openSe, SINGLE);
  if ((openSe & 0x7fff) == 0x7fff) return withSign(infinityOf(SINGLE), openSe, SINGLE);
  return roundTo(openSe & 0x8000, openSe & 0x7fff, sig, 0, SINGLE);
}

/** Signed integer to a format. */
export function fromInteger(v: i64, format: i32): u64 {
  const sig = widenInteger(v);
  if (sig == 0) return 0;
  return roundTo(opSe & 0x8000, opSe & 0x7fff, sig, 0, format);
}

/** A value to a signed integer of `bits` bits; `rc` is the rounding. Out of range gives the smallest integer. */
export function toInteger(b: u64, format: i32, bits: i32, rc: i32): i64 {
  const indefinite: u64 = (<u64>1) << (bits - 1);
  const sig = open(b, format);
  const se = openSe;
  const e = se & 0x7fff;
  if (e > 0x403e) {
    raiseBefore(IE);
    return <i64>indefinite;
  }
  if (sig == 0) return 0;
  // As a 128-bit fixed-point number: integer in the high word, fraction in the low one.
  const low = shiftRightSticky(sig, 0, 0x403e - e);
  const m = roundSig(se & 0x8000, shiftedHi, low, 0, rc);
  const inexact = rInexact;
  if (m > indefinite - u64(!(se & 0x8000)) || (rCarry && m == 0)) {
    raiseBefore(IE);
    return <i64>indefinite;
  }
  if (inexact) raiseAfter(PE);
  return se & 0x8000 ? -<i64>m : <i64>m;
}

/** MXCSR's rounding mode. */
// @ts-ignore: decorator
@inline
export function currentRounding(): i32 {
  return (mx >> 13) & 3;
}

/** Rounds to an integral value: imm bits 1:0 are the mode unless bit 2 takes MXCSR's; bit 3 suppresses PE. */
export function roundElement(b: u64, imm: i32, format: i32): u64 {
  if (isNan(b, format)) {
    if (isSignalling(b, format)) raiseBefore(IE);
    return b | quietBit(format);
  }
  const sig = open(b, format);
  const se = openSe;
  const k = kindOf(sig, se);
  if (k == ZERO) return withSign(0, se, format);
  const e = se & 0x7fff;
  if (k == INFINITY || e >= 0x403e) return b;
  const low = shiftRightSticky(sig, 0, 0x403e - e);
  const m = roundSig(se & 0x8000, shiftedHi, low, 0, imm & 4 ? currentRounding() : imm & 3);
  if (!rInexact) return b;
  if (!(imm & 8)) raiseAfter(PE);
  if (m == 0) return withSign(0, se, format);
  const z = i32(clz(m));
  return roundTo(se & 0x8000, 0x403e - z, m << z, 0, format);
}

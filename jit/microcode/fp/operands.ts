/** Operands: what kind of f80 value one is, the answers that need no arithmetic, and memory operands as f80 values. */
import { FPU_CW, FP_SCRATCH } from '../../state/vcpu-layout';
import { DE, IE, INDEFINITE_SE, INDEFINITE_SIG, J_BIT, QUIET, raise, setResult } from './state';

/** Kinds of operands, ordered: NaNs and what is worse come last. */
export const ZERO: i32 = 0;
export const NORMAL: i32 = 1;
/** Denormals and pseudo-denormals. */
export const DENORMAL: i32 = 2;
export const INFINITY: i32 = 3;
export const QNAN: i32 = 4;
export const SNAN: i32 = 5;
/** Unnormals, pseudo-NaNs and pseudo-infinities, which since the 387 are invalid operands (SDM vol 1, 8.2.2). */
export const UNSUPPORTED: i32 = 6;

/** What an f80 value is. */
export function kindOf(sig: u64, se: i32): i32 {
  const e = se & 0x7fff;
  if (e == 0) return sig == 0 ? ZERO : DENORMAL;
  if (!(sig & J_BIT)) return UNSUPPORTED;
  if (e != 0x7fff) return NORMAL;
  if (sig == J_BIT) return INFINITY;
  return sig & QUIET ? QNAN : SNAN;
}

/** The indefinite, with an invalid-operation exception. */
export function invalid(): void {
  raise(IE);
  setResult(INDEFINITE_SIG, INDEFINITE_SE);
}

/** Answer of a one-operand instruction for a NaN. */
export function propagate(sig: u64, se: i32): void {
  if (!(sig & QUIET)) raise(IE);
  setResult(sig | QUIET, se);
}

/** Answer of a two-operand instruction of which at least one operand is a NaN: the larger significand wins (SDM vol 1, table 4-7). */
export function propagate2(aSig: u64, aSe: i32, bSig: u64, bSe: i32, ka: i32, kb: i32): void {
  if (ka == SNAN || kb == SNAN) raise(IE);
  let first = ka >= QNAN;
  if (ka >= QNAN && kb >= QNAN) {
    if (ka == SNAN && kb == QNAN) first = false;
    else if (kb == SNAN && ka == QNAN) first = true;
    else if (aSig == bSig) first = aSe < bSe;
    else first = aSig > bSig;
  }
  if (first) setResult(aSig | QUIET, aSe);
  else setResult(bSig | QUIET, bSe);
}

/** Kinds of the two operands of the running instruction, after `screen2`. */
export let kindA: i32 = 0;
export let kindB: i32 = 0;

/** Records a denormal operand. Returns whether the exception is unmasked, so that the instruction must stop. */
// @ts-ignore: decorator
@inline
export function denormal(): bool {
  raise(DE);
  return !(load<i32>(FPU_CW) & DE);
}

/** Handles what is unsupported or NaN in two operands. Returns whether that gave the answer. */
export function screen2(aSig: u64, aSe: i32, bSig: u64, bSe: i32): bool {
  const a = kindOf(aSig, aSe);
  const b = kindOf(bSig, bSe);
  kindA = a;
  kindB = b;
  if (a == UNSUPPORTED || b == UNSUPPORTED) {
    invalid();
    return true;
  }
  if (a >= QNAN || b >= QNAN) {
    propagate2(aSig, aSe, bSig, bSe, a, b);
    return true;
  }
  return false;
}

/** Handles what is unsupported or NaN in the only operand, whose kind goes to `kindA`. Returns whether that gave the answer. */
export function screen1(sig: u64, se: i32): bool {
  const a = kindOf(sig, se);
  kindA = a;
  if (a == UNSUPPORTED) {
    invalid();
    return true;
  }
  if (a >= QNAN) {
    propagate(sig, se);
    return true;
  }
  return false;
}

/** Exponent of a finite non-zero operand whose significand has been shifted left until its top bit is set. */
// @ts-ignore: decorator
@inline
export function normalExponent(sig: u64, se: i32): i32 {
  const e = se & 0x7fff;
  return (e == 0 ? 1 : e) - i32(clz(sig));
}

/** Significand shifted left until its top bit is set. */
// @ts-ignore: decorator
@inline
export function normalSig(sig: u64): u64 {
  return sig << clz(sig);
}

/** Significand is returned by the functions; this is its sign and exponent. */
export let opSe: i32 = 0;
/** DE when the operand was a denormal. */
export let opFlags: i32 = 0;

/** Widens a single. NaNs keep their quiet bit, so that the caller sees signalling ones. */
export function widen32(bits: i64): u64 {
  const raw = <i32>bits;
  const sign = (raw >>> 16) & 0x8000;
  const e = (raw >>> 23) & 0xff;
  const m = (<u64>(raw & 0x7fffff)) << 40;
  opFlags = 0;
  if (e != 0 && e != 255) {
    opSe = sign | (e + 0x3f80);
    return m | J_BIT;
  }
  if (e == 255) {
    opSe = sign | 0x7fff;
    return m | J_BIT;
  }
  opSe = sign;
  if (m == 0) return 0;
  opFlags = DE;
  const z = i32(clz(m));
  opSe = sign | (0x3f81 - z);
  return m << z;
}

/** Widens a double. NaNs keep their quiet bit, so that the caller sees signalling ones. */
export function widen64(bits: i64): u64 {
  const sign = <i32>(bits >>> 48) & 0x8000;
  const e = <i32>(bits >>> 52) & 0x7ff;
  const m = <u64>bits << 11;
  opFlags = 0;
  if (e != 0 && e != 0x7ff) {
    opSe = sign | (e + 0x3c00);
    return m | J_BIT;
  }
  if (e != 0) {
    opSe = sign | 0x7fff;
    return m | J_BIT;
  }
  const n = m & ~J_BIT;
  opSe = sign;
  if (n == 0) return 0;
  opFlags = DE;
  const z = i32(clz(n));
  opSe = sign | (0x3c01 - z);
  return n << z;
}

/** Widens an integer. */
// @ts-ignore: decorator
@inline
export function widenInteger(v: i64): u64 {
  opFlags = 0;
  if (v == 0) {
    opSe = 0;
    return 0;
  }
  const magnitude: u64 = v < 0 ? 0 - <u64>v : <u64>v;
  const z = clz(magnitude);
  opSe = (<i32>(v >>> 48) & 0x8000) | (0x403e - i32(z));
  return magnitude << z;
}

/** Magnitude of the decimal at FP_SCRATCH. Digits above 9 count as what they are. */
export function bcdToInteger(): i64 {
  let value: i64 = 0;
  for (let i = 8; i >= 0; i--) {
    const byte = load<u8>(FP_SCRATCH + i);
    value = value * 100 + <i64>((byte >> 4) * 10 + (byte & 15));
  }
  return value;
}

/** Writes a magnitude below 10^18 and a sign (0 or 0x8000) to FP_SCRATCH. */
export function integerToBcd(magnitude: u64, sign: i32): void {
  let rest = magnitude;
  for (let i = 0; i < 9; i++) {
    const pair = <i32>(rest % 100);
    rest /= 100;
    store<u8>(FP_SCRATCH + i, ((pair / 10) << 4) | pair % 10);
  }
  store<u8>(FP_SCRATCH + 9, sign >> 8);
}

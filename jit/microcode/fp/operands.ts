/** Kinds of f80 operands, and the answers that need no arithmetic: invalid encodings, NaNs, denormals. */
import { FPU_CW } from '../../state/vcpu-layout';
import { DE, IE, INDEFINITE_SE, INDEFINITE_SIG, J_BIT, QUIET, raise, setResult } from './state';

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

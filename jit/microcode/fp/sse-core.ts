/**
 * The common ground of the SSE slow paths: operands, rounding, and the exceptions of one instruction, which are
 * collected over all its elements and recorded at its end (SDM vol 1, 11.5).
 *
 * The format of a value is a number: 0 = single, 1 = double. Values travel as u64.
 */
import { MXCSR, SSE_XM_PENDING } from '../../state/vcpu-layout';
import { sse_set_mxcsr } from './mxcsr';
import { opFlags, opSe, widen32, widen64 } from './operands';
import { rCarry, rInexact, roundSig, shiftRightSticky, shiftedHi } from './round';
import { IE, J_BIT, OE, PE, UE } from './state';

/** The formats. */
export const SINGLE: i32 = 0;
export const DOUBLE: i32 = 1;

const DAZ: i32 = 0x40;
const FTZ: i32 = 0x8000;

/** MXCSR when the running instruction began. */
export let mx: i32 = 0;
/** Exceptions raised before the computation (IE, DE, ZE) and after it (OE, UE, PE). */
let before: i32 = 0;
let after: i32 = 0;
/** Exceptions of the instruction's earlier steps. */
let earlier: i32 = 0;

/** Starts an instruction. */
// @ts-ignore: decorator
@inline
export function begin(): void {
  mx = load<i32>(MXCSR);
  before = 0;
  after = 0;
  earlier = 0;
}

/** Notes exceptions raised before the computation. */
// @ts-ignore: decorator
@inline
export function raiseBefore(flags: i32): void {
  before |= flags;
}

/** Notes exceptions raised by the result. */
// @ts-ignore: decorator
@inline
export function raiseAfter(flags: i32): void {
  after |= flags;
}

/**
 * Ends a step of an instruction that computes in several, and returns whether it was the last because an exception is
 * unmasked. Within a step, an unmasked exception before the computation hides those that would have come after it.
 */
export function endStep(): bool {
  const open = ~(mx >> 7) & 0x3f;
  const flags = before & open ? before : before | after;
  earlier |= flags;
  before = 0;
  after = 0;
  return (flags & open) != 0;
}

/** Ends an instruction: records its exceptions; an unmasked one makes #XM due. Returns whether it is. */
export function end(): i32 {
  endStep();
  const flags = earlier;
  if (flags & ~mx) sse_set_mxcsr(mx | flags);
  if (!(flags & ~(mx >> 7) & 0x3f)) return 0;
  store<i32>(SSE_XM_PENDING, 1);
  return 1;
}

/** Sign and exponent, and load exceptions, of the value opened last. */
export let openSe: i32 = 0;
export let openDenormal: i32 = 0;

/** Opens a value: its normalised f80 significand is returned; with DAZ, a denormal is a zero. */
export function open(v: u64, format: i32): u64 {
  const sig = format == SINGLE ? widen32(<i64>v) : widen64(<i64>v);
  openSe = opSe;
  openDenormal = opFlags;
  if (openDenormal && mx & DAZ) {
    openDenormal = 0;
    openSe = opSe & 0x8000;
    return 0;
  }
  return sig;
}

/** Puts a format's fields together; `se` is only looked at for its sign. */
// @ts-ignore: decorator
@inline
export function withSign(magnitude: u64, se: i32, format: i32): u64 {
  const sign = <u64>((se >> 15) & 1);
  return magnitude | (format == SINGLE ? sign << 31 : sign << 63);
}

/** Positive infinity. */
// @ts-ignore: decorator
@inline
export function infinityOf(format: i32): u64 {
  return format == SINGLE ? 0x7f800000 : 0x7ff0000000000000;
}

/** Bit that makes a NaN quiet. */
// @ts-ignore: decorator
@inline
export function quietBit(format: i32): u64 {
  return format == SINGLE ? 0x400000 : 0x8000000000000;
}

/** The default NaN. */
// @ts-ignore: decorator
@inline
export function defaultNan(format: i32): u64 {
  return format == SINGLE ? 0xffc00000 : 0xfff8000000000000;
}

/** Whether a value is a NaN. */
export function isNan(v: u64, format: i32): bool {
  const magnitude = format == SINGLE ? v & 0x7fffffff : v & 0x7fffffffffffffff;
  return magnitude > infinityOf(format);
}

/** Whether a value, known to be a NaN, is a signalling one. */
// @ts-ignore: decorator
@inline
export function isSignalling(v: u64, format: i32): bool {
  return !(v & quietBit(format));
}

/** Answer for NaN operands: the first of them, quieted. */
export function nanOf2(a: u64, b: u64, format: i32): u64 {
  const an = isNan(a, format);
  if ((an && isSignalling(a, format)) || (isNan(b, format) && isSignalling(b, format))) raiseBefore(IE);
  return (an ? a : b) | quietBit(format);
}

/** Rounds (-1)^sign * hi.lo * 2^(e - 16383), its top bit set, to a format, with MXCSR's rounding and masks. */
export function roundTo(sign: i32, e: i32, hi: u64, lo: u64, format: i32): u64 {
  const bits = format == SINGLE ? 24 : 53;
  const k = 64 - bits;
  const top: i32 = format == SINGLE ? 255 : 2047;
  const rc = (mx >> 13) & 3;
  let field = e - (format == SINGLE ? 0x3f80 : 0x3c00);
  let sig = roundSig(sign, hi, lo, k, rc);
  const grew = i32(rCarry);
  if (field + grew <= 0) {
    if (!(mx & (UE << 7))) {
      raiseAfter(rInexact ? UE | PE : UE);
      return 0;
    }
    if (mx & FTZ) {
      raiseAfter(UE | PE);
      return withSign(0, sign, format);
    }
    const low = shiftRightSticky(hi, lo, 1 - field);
    sig = roundSig(sign, shiftedHi, low, k, rc);
    if (rInexact) raiseAfter(UE | PE);
    return withSign(sig >> k, sign, format);
  }
  if (field + grew >= top) {
    if (!(mx & (OE << 7))) {
      raiseAfter(rInexact ? OE | PE : OE);
      return 0;
    }
    raiseAfter(OE | PE);
    const away = rc == 0 || (rc != 3 && (rc == 2) == (sign == 0));
    return withSign(infinityOf(format) - u64(!away), sign, format);
  }
  if (rInexact) raiseAfter(PE);
  if (grew) {
    sig = J_BIT;
    field++;
  }
  return withSign(((<u64>(field - 1)) << (bits - 1)) + (sig >> k), sign, format);
}

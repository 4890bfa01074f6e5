import type { Machine, Value } from '../../ir/machine.ts';
import type { Node } from '../../ir/node.ts';
import { SSE_FAST, SSE_XM_PENDING } from '../../state/vcpu-layout.ts';
import { int, onesVector, splat32, splat64, vec } from './sse-operand.ts';

/*
 * When native arithmetic equals what the hardware does, MXCSR included.
 *
 * SSE_FAST says that all exceptions are masked, PE is sticky already, rounding is to nearest and neither DAZ nor FTZ
 * is on. Then only denormal operands (DE), NaNs (IE, and which NaN comes out), overflow and underflow remain: the
 * instruction looks at operands and result and leaves everything doubtful to the exact routines of the microcode.
 * Compares, minima and maxima depend on MXCSR only where an operand is denormal or NaN, so they don't ask SSE_FAST.
 *
 * A check is a vector whose sign bits say "doubtful", lane by lane; checks are joined by OR. Scalars are checked two
 * at a time, since a shift or an addition of two lanes costs what one costs.
 */

/** Scalar format: single or double precision. */
export type Format = 'f32' | 'f64';

/** The low element of an operand. */
export interface Scalar {
  readonly bits: Value;
  readonly value: Value;
  /** The XMM register it stands in; undefined when it comes from memory. */
  readonly register: Value | undefined;
}

export const widthOf = (format: Format): 32 | 64 => (format === 'f32' ? 32 : 64);
const intShape = (format: Format): 'i32x4' | 'i64x2' => (format === 'f32' ? 'i32x4' : 'i64x2');
/** Vector shape of a format. */
export const floatShape = (format: Format): 'f32x4' | 'f64x2' => (format === 'f32' ? 'f32x4' : 'f64x2');
/** Bits right of the exponent once the sign is shifted out. */
const exponentShift = (format: Format): number => (format === 'f32' ? 24 : 53);

/** Lanes that bring the low elements of two vectors side by side. */
const UNPACK: Readonly<Record<Format, readonly number[]>> = {
  f32: [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23], f64: [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
};

/** Low element of an XMM register or memory operand. */
export function scalar(m: Machine, i: number, format: Format): Scalar {
  if (m.isMemory(i)) {
    const bits = m.load(m.address(i), widthOf(format));
    return { bits, value: fromBits(m, format, bits), register: undefined };
  }
  const register = m.read(i, 128);
  return { bits: m.extractLane(intShape(format), register, 0), value: m.extractLane(floatShape(format), register, 0), register };
}

/** A float from its bits. */
export const fromBits = (m: Machine, format: Format, bits: Value): Value => m.wasm(`${format}.reinterpret`, format, widthOf(format), bits);
/** The bits of a float. */
export const toBits = (m: Machine, format: Format, value: Value): Value =>
  format === 'f32' ? m.wasm('i32.reinterpret', 'i32', 32, value) : m.wasm('i64.reinterpret', 'i64', 64, value);

/** An operation on floats of the format. */
export const float = (m: Machine, format: Format, op: string, ...args: Value[]): Value => m.wasm(`${format}.${op}`, format, widthOf(format), ...args);
/** A comparison of floats. */
export const compareFloat = (m: Machine, format: Format, op: string, a: Value, b: Value): Value => int(m, `${format}.${op}`, a, b);

/** Both scalars as the two low lanes of a vector, to be checked together; `a` must come from a register. */
export function pair(m: Machine, format: Format, a: Scalar, b: Scalar): Value {
  const left = a.register as Value;
  if (b.register === undefined) return m.replaceLane(floatShape(format), left, 1, b.value);
  return m.shuffle(left, b.register, UNPACK[format]);
}

/** Not 0 when a check says doubtful of one of the two low lanes. */
export function doubtfulPair(m: Machine, format: Format, ...checks: Value[]): Value {
  const mask = doubtfulLanes(m, format, ...checks);
  return format === 'f32' ? m.and(mask, m.i32(3)) : mask;
}

/** Check: the float with these bits is denormal (or the smallest normal one). Zero passes. Not 0 when doubtful. */
export function denormal(m: Machine, format: Format, bits: Value): Value {
  const n = (value: number): Value => m.constant(widthOf(format), value);
  return m.isZero(m.shr(m.sub(m.shl(bits, n(1)), n(1)), n(exponentShift(format))));
}

/** True when there is doubt (a mask or boolean that is not 0) or native arithmetic is off (SSE_FAST is 0, else 1). */
export const unlessFast = (m: Machine, doubt: Value): Value => m.geU(doubt, m.state(SSE_FAST));

/** True when native arithmetic is off. */
export const notFast = (m: Machine): Value => m.isZero(m.state(SSE_FAST));

// --- vectors -------------------------------------------------------------------------------------
/** Check per lane: denormal (or the smallest normal). */
export function denormalLanes(m: Machine, format: Format, v: Value): Value {
  const shape = intShape(format);
  const ones = onesVector(m);
  const doubled = vec(m, `${shape}.add`, vec(m, `${shape}.add`, v, v), ones);
  return vec(m, `${shape}.add`, vec(m, `${shape}.shr_u`, doubled, m.i32(exponentShift(format))), ones);
}

/** Check per lane: infinite or NaN. */
export function notFiniteLanes(m: Machine, format: Format, v: Value): Value {
  const d = vec(m, `${floatShape(format)}.sub`, v, v);
  return vec(m, `${floatShape(format)}.ne`, d, d);
}

/** Check per lane: NaN. */
export const nanLanes = (m: Machine, format: Format, v: Value): Value => vec(m, `${floatShape(format)}.ne`, v, v);

/** Not 0 when a lane of one of the checks says doubtful. */
export const doubtfulLanes = (m: Machine, format: Format, ...checks: Value[]): Value =>
  int(m, `${intShape(format)}.bitmask`, checks.reduce((a, b) => vec(m, 'v128.or', a, b)));

// --- arithmetic: lanes that are certainly harmless -------------------------------------------------
/*
 * One comparison of integers tells whether the exponent lies in a range, once the sign is shifted out. Operands with
 * ordinary exponents (singles 64 to 189, doubles 512 to 1533) can neither overflow nor underflow in a sum, product or
 * quotient. The range ends two units below three quarters of all values, so that both its constants are shifted ones,
 * which cost less to make than any other constant.
 */
const LEAST_ORDINARY = { f32: 64, f64: 512 } as const;

/** Shifts the sign out and moves ordinary exponents to the bottom of the signed numbers. */
const moved = (m: Machine, shape: string, width: number, v: Value): Value =>
  vec(m, `${shape}.sub`, vec(m, `${shape}.add`, v, v), vec(m, `${shape}.shl`, onesVector(m), m.i32(width - 2)));

/** Lanes of ones where `moved` numbers, whose exponents start at bit `exponent`, are ordinary. */
const belowLimit = (m: Machine, shape: string, exponent: number, v: Value): Value =>
  vec(m, `${shape}.lt_s`, v, vec(m, `${shape}.shl`, onesVector(m), m.i32(exponent + 1)));

/** Lanes of ones where exponents are ordinary. Zero is not. */
export function ordinaryLanes(m: Machine, format: Format, v: Value): Value {
  const shape = intShape(format);
  return belowLimit(m, shape, exponentShift(format), moved(m, shape, widthOf(format), v));
}

/** Lanes of ones where the exponents of both operands are ordinary: doubles by their upper halves, four at a time. */
export function bothOrdinary(m: Machine, format: Format, a: Value, b: Value): Value {
  const word = (v: Value): Value => moved(m, 'i32x4', 32, v);
  if (format === 'f32') return belowLimit(m, 'i32x4', 24, vec(m, 'i32x4.max_s', word(a), word(b)));
  return belowLimit(m, 'i32x4', 21, word(m.shuffle(a, b, UPPER_HALVES)));
}
const UPPER_HALVES: readonly number[] = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31];

/** A constant in all lanes. */
const splat = (m: Machine, format: Format, value: bigint): Value =>
  format === 'f32' ? splat32(m, Number(BigInt.asUintN(32, value))) : splat64(m, BigInt.asUintN(64, value));

/** Lanes of ones that hold zero, infinity, NaN, or a number that is normal and, where `ordinary` is asked for, not small. */
export function notSmallLanes(m: Machine, format: Format, v: Value, ordinary: boolean): Value {
  const shape = intShape(format);
  const least = BigInt(ordinary ? LEAST_ORDINARY[format] : 1) << BigInt(exponentShift(format));
  // less one, zero is the largest of all
  const base = -(1n << BigInt(widthOf(format) - 1));
  const moved = vec(m, `${shape}.add`, vec(m, `${shape}.add`, v, v), splat(m, format, base - 1n));
  return vec(m, `${shape}.gt_s`, moved, splat(m, format, base + least - 2n));
}

/** Lanes of ones that are neither infinite nor NaN. */
export function finiteLanes(m: Machine, format: Format, v: Value): Value {
  const d = vec(m, `${floatShape(format)}.sub`, v, v);
  return vec(m, `${floatShape(format)}.eq`, d, d);
}

/** True unless native arithmetic is on (SSE_FAST) and the lowest `count` lanes are ones in all checks. */
export function unlessHarmless(m: Machine, format: Format, count: number, ...checks: Value[]): Value {
  const lanes = format === 'f32' ? 4 : 2;
  const all = int(m, `${intShape(format)}.bitmask`, checks.reduce((a, b) => vec(m, 'v128.and', a, b)));
  const asked = (1 << count) - 1;
  const mask = count < lanes ? m.and(all, m.i32(asked)) : all;
  return m.ne(m.add(mask, m.state(SSE_FAST)), m.i32(asked + 1));
}

// --- leaving to the microcode ----------------------------------------------------------------------
/** Raises #XM (#UD without CR4.OSXMMEXCPT) when the routine just called met an unmasked exception. */
export function raisePending(m: Machine): void {
  const pending = m.state(SSE_XM_PENDING);
  m.faultIf(m.eq(pending, m.i32(2)), 6);
  m.faultIf(pending, 19);
}

/** The native result, replaced by that of `exact` when `doubt` is not 0. `exact` calls the microcode. */
export function nativeUnless(m: Machine, native: Value, doubt: Value, exact: () => Value): Value {
  const cell: Node = m.variable(native);
  m.seldom(doubt, () => {
    const r = exact();
    raisePending(m);
    m.assign(cell, r);
  });
  return m.value(cell);
}

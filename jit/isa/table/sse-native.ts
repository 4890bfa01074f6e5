import type { Machine, Value } from '../../ir/machine.ts';
import type { Node, Width } from '../../ir/node.ts';
import { SSE_FAST, SSE_XM_PENDING } from '../../state/vcpu-layout.ts';
import { int, onesVector, vec } from './sse-operand.ts';

/*
 * When native arithmetic equals what the hardware does, MXCSR included.
 *
 * SSE_FAST says that all exceptions are masked, PE is sticky already, rounding is to nearest and neither DAZ nor FTZ
 * is on. Then only denormal operands (DE), NaNs (IE, and which NaN comes out), overflow and underflow remain: the
 * instruction looks at operands and result and leaves everything doubtful to the exact routines of the microcode.
 * Compares, minima and maxima depend on MXCSR only where an operand is denormal or NaN, so they don't ask SSE_FAST.
 *
 * A check is a number whose sign bit says "doubtful"; checks are joined by OR.
 */

/** A scalar: its bits as an integer and its value. */
export interface Scalar {
  readonly bits: Value;
  readonly value: Value;
}

/** Scalar format: single or double precision. */
export type Format = 'f32' | 'f64';

export const widthOf = (format: Format): 32 | 64 => (format === 'f32' ? 32 : 64);
/** Bits right of the exponent once the sign is shifted out. */
const exponentShift = (format: Format): number => (format === 'f32' ? 24 : 53);

/** Low element of an XMM register or memory operand. */
export function scalar(m: Machine, i: number, format: Format): Scalar {
  if (m.isMemory(i)) {
    const bits = m.load(m.address(i), widthOf(format));
    return { bits, value: fromBits(m, format, bits) };
  }
  const v = m.read(i, 128);
  return { bits: m.extractLane(format === 'f32' ? 'i32x4' : 'i64x2', v, 0), value: m.extractLane(format === 'f32' ? 'f32x4' : 'f64x2', v, 0) };
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

const constant = (m: Machine, like: Value, n: number): Value => m.constant(like.width as Width, n);

/** Check: the float with these bits is denormal (or the smallest normal one). Zero passes. */
export function denormal(m: Machine, format: Format, bits: Value): Value {
  const one = constant(m, bits, 1);
  const exponent = m.shr(m.sub(m.shl(bits, one), one), constant(m, bits, exponentShift(format)));
  return m.sub(exponent, one);
}

/** Check: infinite or NaN. */
export function notFinite(m: Machine, format: Format, bits: Value): Value {
  const exponent = m.shr(m.shl(bits, constant(m, bits, 1)), constant(m, bits, exponentShift(format)));
  return m.sub(constant(m, bits, format === 'f32' ? 254 : 2046), exponent);
}

/** Check: zero, denormal or near the smallest normal numbers, so that underflow cannot be excluded. */
export function tiny(m: Machine, format: Format, bits: Value): Value {
  const half = m.shr(m.shl(bits, constant(m, bits, 1)), constant(m, bits, exponentShift(format) + 1));
  return m.sub(half, constant(m, bits, 1));
}

/** True when one of the checks says doubtful. */
export const doubtful = (m: Machine, ...checks: Value[]): Value => m.signBit(checks.reduce((a, b) => m.or(a, b)));

/** True when native arithmetic is off. */
export const notFast = (m: Machine): Value => m.isZero(m.state(SSE_FAST));

// --- vectors -------------------------------------------------------------------------------------
const shapeOf = (format: Format): string => (format === 'f32' ? 'i32x4' : 'i64x2');
const floatShape = (format: Format): string => (format === 'f32' ? 'f32x4' : 'f64x2');

/** Check per lane: denormal (or the smallest normal). */
export function denormalLanes(m: Machine, format: Format, v: Value): Value {
  const shape = shapeOf(format);
  const ones = onesVector(m);
  const doubled = vec(m, `${shape}.add`, vec(m, `${shape}.shl`, v, m.i32(1)), ones);
  return vec(m, `${shape}.add`, vec(m, `${shape}.shr_u`, doubled, m.i32(exponentShift(format))), ones);
}

/** Check per lane: zero, denormal or near the smallest normal. */
export function tinyLanes(m: Machine, format: Format, v: Value): Value {
  const shape = shapeOf(format);
  const half = vec(m, `${shape}.shr_u`, vec(m, `${shape}.shl`, v, m.i32(1)), m.i32(exponentShift(format) + 1));
  return vec(m, `${shape}.add`, half, onesVector(m));
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
  int(m, `${shapeOf(format)}.bitmask`, checks.reduce((a, b) => vec(m, 'v128.or', a, b)));

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
  m.when(doubt, () => {
    const r = exact();
    raisePending(m);
    m.assign(cell, r);
  });
  return m.value(cell);
}

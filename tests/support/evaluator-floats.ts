/** Width of a float in bits. */
export type FloatWidth = 32 | 64;

type Binary = (a: bigint, b: bigint, width: FloatWidth) => bigint;
type Compare = (a: bigint, b: bigint, width: FloatWidth) => boolean;
type Unary = (a: bigint, width: FloatWidth) => bigint;

const view = new DataView(new ArrayBuffer(8));

/** The number that bits stand for. */
function numberOf(bits: bigint, width: FloatWidth): number {
  view.setBigUint64(0, bits, true);
  return width === 32 ? view.getFloat32(0, true) : view.getFloat64(0, true);
}

/** The bits of a number, rounded to the width. */
function bitsOf(v: number, width: FloatWidth): bigint {
  view.setBigUint64(0, 0n, true);
  if (width === 32) view.setFloat32(0, v, true);
  else view.setFloat64(0, v, true);
  return view.getBigUint64(0, true);
}

/** To the nearest integer, halves to even; the sign of zero stays. */
function nearest(v: number): number {
  if (!Number.isFinite(v) || Math.abs(v) >= 2 ** 52) return v;
  const down = Math.floor(v);
  const rest = v - down;
  const whole = rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
  return whole === 0 && (v < 0 || Object.is(v, -0)) ? -0 : whole;
}

// a single rounding to 32 bits of an exact or 64-bit result is right for these operations
const NUMBERS: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};
const ROUNDINGS: Readonly<Record<string, (a: number) => number>> = {
  sqrt: Math.sqrt,
  nearest,
  trunc: Math.trunc,
  floor: Math.floor,
  ceil: Math.ceil,
};

/** An operation on two floats given as bits. `pmin` and `pmax` hand one of the operands on as it is. */
export function floatBinary(name: string): Binary | null {
  if (name === 'pmin') return (a, b, w) => (numberOf(b, w) < numberOf(a, w) ? b : a);
  if (name === 'pmax') return (a, b, w) => (numberOf(a, w) < numberOf(b, w) ? b : a);
  const operation = NUMBERS[name];
  return operation === undefined ? null : (a, b, w) => bitsOf(operation(numberOf(a, w), numberOf(b, w)), w);
}

/** A comparison of two floats given as bits. */
export function floatCompare(name: string): Compare | null {
  const operation = COMPARISONS[name];
  return operation === undefined ? null : (a, b, w) => operation(numberOf(a, w), numberOf(b, w));
}

/** An operation on one float given as bits. */
export function floatUnary(name: string): Unary | null {
  if (name === 'abs') return (a, w) => a & ((1n << BigInt(w - 1)) - 1n);
  if (name === 'neg') return (a, w) => a ^ (1n << BigInt(w - 1));
  const operation = ROUNDINGS[name];
  return operation === undefined ? null : (a, w) => bitsOf(operation(numberOf(a, w)), w);
}

/** A number, or a float of `from` bits, as a float of `to` bits or, when `to` is 0, as a number. */
export function floatConvert(v: number, to: FloatWidth): bigint;
export function floatConvert(v: bigint, to: FloatWidth, from: FloatWidth): bigint;
export function floatConvert(v: bigint, to: 0, from: FloatWidth): number;
export function floatConvert(v: bigint | number, to: FloatWidth | 0, from: FloatWidth = 64): bigint | number {
  const number = typeof v === 'bigint' ? numberOf(v, from) : v;
  return to === 0 ? number : bitsOf(number, to);
}

/** The value of a scalar floating-point operation as bits, or a boolean; null when it is not known. */
export function computeFloat(op: string, args: readonly bigint[]): bigint | null {
  const [a = 0n, b = 0n] = args;
  const [type = '', name = ''] = op.split('.');
  if (name === 'reinterpret') return a;
  if (op === 'f64.promote') return floatConvert(a, 64, 32);
  if (op === 'f32.demote') return floatConvert(a, 32, 64);
  if (type !== 'f32' && type !== 'f64') return null;
  const width = type === 'f32' ? 32 : 64;
  const compare = floatCompare(name);
  if (compare !== null) return compare(a, b, width) ? 1n : 0n;
  const binary = floatBinary(name);
  if (binary !== null) return binary(a, b, width);
  return floatUnary(name)?.(a, width) ?? null;
}

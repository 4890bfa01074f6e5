import type { Node } from '../../jit/ir/node.ts';
import { floatBinary, floatCompare, floatConvert, floatUnary, type FloatWidth } from './evaluator-floats.ts';

type Binary = (a: bigint, b: bigint, width: number) => bigint;

const ALL_ONES = (1n << 128n) - 1n;
const unsigned = (width: number, v: bigint): bigint => BigInt.asUintN(width, v);
const signed = (width: number, v: bigint): bigint => BigInt.asIntN(width, v);
const limit = (low: bigint, high: bigint, v: bigint): bigint => (v < low ? low : v > high ? high : v);
const saturateSigned = (width: number, v: bigint): bigint => limit(-(1n << BigInt(width - 1)), (1n << BigInt(width - 1)) - 1n, v);
const saturateUnsigned = (width: number, v: bigint): bigint => limit(0n, (1n << BigInt(width)) - 1n, v);
const mask = (v: boolean): bigint => (v ? -1n : 0n);

/** Lanes of a vector as unsigned numbers, the lowest first. */
function lanesOf(v: bigint, width: number): bigint[] {
  return Array.from({ length: 128 / width }, (_, i) => unsigned(width, v >> BigInt(i * width)));
}

function join(lanes: readonly bigint[], width: number): bigint {
  return lanes.reduce((sum, lane, i) => sum | (unsigned(width, lane) << BigInt(i * width)), 0n);
}

/** Operations lane by lane, on unsigned lanes. */
const LANEWISE: Readonly<Record<string, Binary>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  add_sat_s: (a, b, w) => saturateSigned(w, signed(w, a) + signed(w, b)),
  add_sat_u: (a, b, w) => saturateUnsigned(w, a + b),
  sub_sat_s: (a, b, w) => saturateSigned(w, signed(w, a) - signed(w, b)),
  sub_sat_u: (a, b, w) => saturateUnsigned(w, a - b),
  min_s: (a, b, w) => (signed(w, a) < signed(w, b) ? a : b),
  min_u: (a, b) => (a < b ? a : b),
  max_s: (a, b, w) => (signed(w, a) > signed(w, b) ? a : b),
  max_u: (a, b) => (a > b ? a : b),
  avgr_u: (a, b) => (a + b + 1n) >> 1n,
  eq: (a, b) => mask(a === b),
  ne: (a, b) => mask(a !== b),
  gt_s: (a, b, w) => mask(signed(w, a) > signed(w, b)),
  lt_s: (a, b, w) => mask(signed(w, a) < signed(w, b)),
  q15mulr_sat_s: (a, b, w) => saturateSigned(w, (signed(w, a) * signed(w, b) + 0x4000n) >> 15n),
};

/** Shifts of all lanes by one count, which counts modulo the width. */
const SHIFTS: Readonly<Record<string, Binary>> = {
  shl: (a, n) => a << n,
  shr_u: (a, n) => a >> n,
  shr_s: (a, n, w) => signed(w, a) >> n,
};

/** Operations on whole vectors. */
const WHOLE: Readonly<Record<string, (a: bigint, b: bigint, c: bigint) => bigint>> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  andnot: (a, b) => a & (ALL_ONES ^ b),
  not: (a) => ALL_ONES ^ a,
  bitselect: (a, b, c) => (a & c) | (b & (ALL_ONES ^ c)),
  any_true: (a) => (a === 0n ? 0n : 1n),
};

/** Half of the lanes, as numbers of the source's kind. */
function half(name: string, from: number, v: bigint): bigint[] {
  const all = lanesOf(v, from).map((lane) => (name.endsWith('_s') ? signed(from, lane) : lane));
  return name.includes('high') ? all.slice(all.length / 2) : all.slice(0, all.length / 2);
}

function pairs(lanes: readonly bigint[]): bigint[] {
  return Array.from({ length: lanes.length / 2 }, (_, i) => (lanes[i * 2] as bigint) + (lanes[i * 2 + 1] as bigint));
}

/** Operations between shapes: narrowing, widening, sums of neighbours. */
function reshape(name: string, width: number, a: bigint, b: bigint): bigint | null {
  const from = Number(/i(\d+)x/.exec(name)?.[1] ?? 0);
  const numbers = (v: bigint): bigint[] => lanesOf(v, from).map((lane) => (name.endsWith('_s') ? signed(from, lane) : lane));
  if (name.startsWith('narrow')) {
    const cut = name.endsWith('_s') ? saturateSigned : saturateUnsigned;
    return join(
      [...lanesOf(a, from), ...lanesOf(b, from)].map((lane) => cut(width, signed(from, lane))),
      width,
    );
  }
  if (name.startsWith('extend')) return join(half(name, from, a), width);
  if (name.startsWith('extmul')) {
    const right = half(name, from, b);
    return join(
      half(name, from, a).map((lane, i) => lane * (right[i] as bigint)),
      width,
    );
  }
  if (name.startsWith('extadd')) return join(pairs(numbers(a)), width);
  if (name.startsWith('dot')) {
    const right = numbers(b);
    return join(pairs(numbers(a).map((lane, i) => lane * (right[i] as bigint))), width);
  }
  return null;
}

/** Operations with one argument, lane numbers, or another kind of result. */
function odd(n: Node, name: string, width: number, args: readonly bigint[]): bigint | null {
  const [a = 0n, b = 0n] = args;
  const at = BigInt((n.lane ?? 0) * width);
  switch (name) {
    case 'splat':
      return join(new Array<bigint>(128 / width).fill(a), width);
    case 'extract_lane':
    case 'extract_lane_u':
      return unsigned(width, a >> at);
    case 'replace_lane':
      return (a & (ALL_ONES ^ (((1n << BigInt(width)) - 1n) << at))) | (unsigned(width, b) << at);
    case 'bitmask':
      return lanesOf(a, width).reduce((sum, lane, i) => sum | ((lane >> BigInt(width - 1)) << BigInt(i)), 0n);
    case 'abs':
      return join(
        lanesOf(a, width).map((lane) => (signed(width, lane) < 0n ? -signed(width, lane) : lane)),
        width,
      );
    case 'neg':
      return join(
        lanesOf(a, width).map((lane) => -lane),
        width,
      );
    case 'swizzle': {
      const bytes = lanesOf(a, 8);
      return join(
        lanesOf(b, 8).map((lane) => bytes[Number(lane)] ?? 0n),
        8,
      );
    }
    default:
      return null;
  }
}

function floatLanes(name: string, width: FloatWidth, args: readonly bigint[]): bigint | null {
  const [a = 0n, b = 0n] = args;
  const left = lanesOf(a, width);
  const right = lanesOf(b, width);
  const compare = floatCompare(name);
  if (compare !== null)
    return join(
      left.map((lane, i) => mask(compare(lane, right[i] as bigint, width))),
      width,
    );
  const binary = floatBinary(name);
  if (binary !== null)
    return join(
      left.map((lane, i) => binary(lane, right[i] as bigint, width)),
      width,
    );
  const unary = floatUnary(name);
  return unary === null
    ? null
    : join(
        left.map((lane) => unary(lane, width)),
        width,
      );
}

function converted(op: string, a: bigint): bigint | null {
  switch (op) {
    case 'f32x4.convert_i32x4_s':
      return join(
        lanesOf(a, 32).map((lane) => floatConvert(Number(signed(32, lane)), 32)),
        32,
      );
    case 'f64x2.convert_low_i32x4_s':
      return join(
        lanesOf(a, 32)
          .slice(0, 2)
          .map((lane) => floatConvert(Number(signed(32, lane)), 64)),
        64,
      );
    case 'f64x2.promote_low_f32x4':
      return join(
        lanesOf(a, 32)
          .slice(0, 2)
          .map((lane) => floatConvert(lane, 64, 32)),
        64,
      );
    case 'f32x4.demote_f64x2_zero':
      return join(
        lanesOf(a, 64).map((lane) => floatConvert(lane, 32, 64)),
        32,
      );
    case 'i32x4.trunc_sat_f32x4_s':
      return join(
        lanesOf(a, 32).map((lane) => saturated(floatConvert(lane, 0, 32))),
        32,
      );
    case 'i32x4.trunc_sat_f64x2_s_zero':
      return join(
        lanesOf(a, 64).map((lane) => saturated(floatConvert(lane, 0, 64))),
        32,
      );
    default:
      return null;
  }
}

/** A number as a 32-bit integer, towards zero; NaN is 0. */
function saturated(v: number): bigint {
  if (Number.isNaN(v)) return 0n;
  return BigInt(Math.max(-0x80000000, Math.min(0x7fffffff, Math.trunc(v))));
}

/** The value of a WebAssembly vector operation, as an unsigned number; null when it is not known. */
export function computeVector(n: Node, args: readonly bigint[]): bigint | null {
  const [a = 0n, b = 0n, c = 0n] = args;
  if (n.op === 'v128.const') return join((n.lanes as number[]).map(BigInt), 8);
  if (n.op === 'v128.shuffle') {
    const bytes = [...lanesOf(a, 8), ...lanesOf(b, 8)];
    return join(
      (n.lanes as number[]).map((lane) => bytes[lane] as bigint),
      8,
    );
  }
  const [shape = '', name = ''] = n.op.split('.');
  if (shape === 'v128') return WHOLE[name]?.(a, b, c) ?? null;
  const parts = /^([if])(\d+)x\d+$/.exec(shape);
  if (parts === null) return null;
  const width = Number(parts[2]);
  const special = converted(n.op, a) ?? odd(n, name, width, args);
  if (special !== null) return special;
  if (parts[1] === 'f') return floatLanes(name, width as FloatWidth, args);
  const shift = SHIFTS[name];
  if (shift !== undefined)
    return join(
      lanesOf(a, width).map((lane) => shift(lane, b % BigInt(width), width)),
      width,
    );
  const lanewise = LANEWISE[name];
  const right = lanesOf(b, width);
  if (lanewise !== undefined)
    return join(
      lanesOf(a, width).map((lane, i) => lanewise(lane, right[i] as bigint, width)),
      width,
    );
  return reshape(name, width, a, b);
}

import type { Node } from '../../jit/ir/node.ts';

/** Results of a routine beside its value. */
export interface Scratch {
  low: bigint;
  high: bigint;
}

const bool = (v: boolean): bigint => (v ? 1n : 0n);

function rotateLeft(width: number, v: bigint, n: bigint): bigint {
  const by = n % BigInt(width);
  return BigInt.asUintN(width, (v << by) | (v >> (BigInt(width) - by)));
}

function leadingZeros(width: number, v: bigint): bigint {
  return BigInt(width - (v === 0n ? 0 : v.toString(2).length));
}

function trailingZeros(width: number, v: bigint): bigint {
  return v === 0n ? BigInt(width) : BigInt((v & -v).toString(2).length - 1);
}

/** Operations on two integers of `width` bits, unsigned values in and out. */
const BINARY: Readonly<Record<string, (a: bigint, b: bigint, width: number) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, w) => a << (b % BigInt(w)),
  shr_u: (a, b, w) => a >> (b % BigInt(w)),
  shr_s: (a, b, w) => BigInt.asIntN(w, a) >> (b % BigInt(w)),
  rotl: (a, b, w) => rotateLeft(w, a, b),
  rotr: (a, b, w) => rotateLeft(w, a, BigInt(w) - (b % BigInt(w))),
  div_u: (a, b) => a / b,
  rem_u: (a, b) => a % b,
  div_s: (a, b, w) => BigInt.asIntN(w, a) / BigInt.asIntN(w, b),
  rem_s: (a, b, w) => BigInt.asIntN(w, a) % BigInt.asIntN(w, b),
  eq: (a, b) => bool(a === b),
  ne: (a, b) => bool(a !== b),
  lt_u: (a, b) => bool(a < b),
  gt_u: (a, b) => bool(a > b),
  le_u: (a, b) => bool(a <= b),
  ge_u: (a, b) => bool(a >= b),
  lt_s: (a, b, w) => bool(BigInt.asIntN(w, a) < BigInt.asIntN(w, b)),
  gt_s: (a, b, w) => bool(BigInt.asIntN(w, a) > BigInt.asIntN(w, b)),
};

const UNARY: Readonly<Record<string, (a: bigint, width: number) => bigint>> = {
  eqz: (a) => bool(a === 0n),
  clz: (a, w) => leadingZeros(w, a),
  ctz: (a, w) => trailingZeros(w, a),
  popcnt: (a) => BigInt(a.toString(2).replaceAll('0', '').length),
  extend8_s: (a) => BigInt.asIntN(8, a),
  extend16_s: (a) => BigInt.asIntN(16, a),
  extend_u: (a) => a,
  extend_s: (a) => BigInt.asIntN(32, a),
  wrap: (a) => a,
};

/** The value of a WebAssembly integer operation. */
export function computeOperation(n: Node, args: readonly bigint[]): bigint {
  const [type, name] = n.op.split('.') as [string, string];
  const width = type === 'i64' ? 64 : 32;
  const [a, b] = args as [bigint, bigint];
  const binary = BINARY[name];
  const unary = UNARY[name];
  if (args.length === 2 && binary !== undefined) return BigInt.asUintN(n.type === 'i64' ? 64 : 32, binary(a, b, width));
  if (args.length === 1 && unary !== undefined) return BigInt.asUintN(n.type === 'i64' ? 64 : 32, unary(a, width));
  throw new Error(`the evaluator does not know ${n.op}`);
}

function divide(args: readonly bigint[], s: Scratch, signed: boolean): bigint {
  const [high, low, by] = args as [bigint, bigint, bigint];
  const raw = (high << 64n) | low;
  const dividend = signed ? BigInt.asIntN(128, raw) : raw;
  const divisor = signed ? BigInt.asIntN(64, by) : by;
  if (divisor === 0n) return 0n;
  const quotient = dividend / divisor;
  if (quotient !== (signed ? BigInt.asIntN(64, quotient) : BigInt.asUintN(64, quotient))) return 0n;
  s.low = BigInt.asUintN(64, quotient);
  s.high = BigInt.asUintN(64, dividend % divisor);
  return 1n;
}

function deposit(source: bigint, mask: bigint): bigint {
  let out = 0n;
  for (let bit = 0n, from = 0n; bit < 64n; bit++) if ((mask >> bit) & 1n) out |= ((source >> from++) & 1n) << bit;
  return out;
}

function extract(source: bigint, mask: bigint): bigint {
  let out = 0n;
  for (let bit = 0n, to = 0n; bit < 64n; bit++) if ((mask >> bit) & 1n) out |= ((source >> bit) & 1n) << to++;
  return out;
}

function crc(start: bigint, data: bigint, bits: bigint): bigint {
  let v = start ^ (data & ((1n << bits) - 1n));
  for (let i = 0n; i < bits; i++) v = v & 1n ? (v >> 1n) ^ 0x82f63b78n : v >> 1n;
  return BigInt.asUintN(32, v);
}

/** Microcode routines on integers, written again. */
export const CALLS: Readonly<Record<string, (args: readonly bigint[], scratch: Scratch) => bigint>> = {
  div128: (args, s) => divide(args, s, false),
  idiv128: (args, s) => divide(args, s, true),
  pdep: ([a, m]) => deposit(a as bigint, m as bigint),
  pext: ([a, m]) => extract(a as bigint, m as bigint),
  crc32c: ([c, d, n]) => crc(c as bigint, d as bigint, n as bigint),
};

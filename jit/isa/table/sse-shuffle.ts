import type { Machine, Value } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import {
  bothWidths, bytesFrom, enterMmx, immediate32, knownImmediate, lanes32, mmxRegister, mmxSource, row, splat32, vec, writeMmx, xmmOnly, xmmSource, zeroVector,
} from './sse-operand.ts';

/** Byte lanes of elements of `bytes` bytes, picked by element number. */
const elements = (bytes: number, picks: readonly number[]): number[] => picks.flatMap((n) => Array.from({ length: bytes }, (_, k) => n * bytes + k));

/** Two bits of an immediate, the `n`-th from below. */
const pick = (imm: number, n: number): number => (imm >> (2 * n)) & 3;

/** Four 2-bit fields of an immediate as the i32 lanes of a vector. */
function fields(m: Machine, i: number): Value {
  const shifted = vec(m, 'i32x4.mul', vec(m, 'i32x4.splat', immediate32(m, i)), lanes32(m, [64, 16, 4, 1]));
  return vec(m, 'v128.and', vec(m, 'i32x4.shr_u', shifted, m.i32(6)), splat32(m, 3));
}

/** Byte numbers for SWIZZLE from i32 lanes that hold dword numbers. */
const dwordBytes = (m: Machine, lanes: Value): Value => vec(m, 'i32x4.add', vec(m, 'i32x4.mul', lanes, splat32(m, 0x04040404)), splat32(m, 0x03020100));

/** PSHUFD. */
const shuffleDwords = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const imm = knownImmediate(m, 2);
  if (imm !== undefined) m.write(0, m.shuffle(b, b, elements(4, [0, 1, 2, 3].map((n) => pick(imm, n)))));
  else m.write(0, vec(m, 'i8x16.swizzle', b, dwordBytes(m, fields(m, 2))));
};

/** Four words of the low (`first` 0) or high half (`first` 4) by an immediate; the other half stays. */
function shuffledWords(m: Machine, b: Value, i: number, first: number): Value {
  const imm = knownImmediate(m, i);
  if (imm !== undefined) {
    const words = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => (n >> 2 === first >> 2 ? first + pick(imm, n & 3) : n));
    return m.shuffle(b, b, elements(2, words));
  }
  // fields 0-3 as words: the dwords' low halves
  const words = vec(m, 'i16x8.narrow_i32x4_u', fields(m, i), zeroVector(m));
  const placed = first === 0 ? words : m.shuffle(words, words, elements(2, [4, 5, 6, 7, 0, 1, 2, 3]));
  const scaled = vec(m, 'i16x8.mul', placed, splat32(m, 0x02020202));
  const own = [...bytesFrom(0)].map((lane) => (lane >> 3 === first >> 2 ? (lane & 1) + 2 * first : lane));
  return vec(m, 'i8x16.swizzle', b, vec(m, 'i8x16.add', scaled, m.vector(own)));
}

const shuffleWords = (first: number) => (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  m.write(0, shuffledWords(m, b, 2, first));
};

/** SHUFPS: two dwords of the destination, then two of the source. */
const shuffleSingles = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const a = m.read(0);
  const imm = knownImmediate(m, 2);
  if (imm !== undefined) {
    m.write(0, m.shuffle(a, b, elements(4, [pick(imm, 0), pick(imm, 1), 4 + pick(imm, 2), 4 + pick(imm, 3)])));
    return;
  }
  const bytes = dwordBytes(m, fields(m, 2));
  m.write(0, m.shuffle(vec(m, 'i8x16.swizzle', a, bytes), vec(m, 'i8x16.swizzle', b, bytes), [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]));
};

/** SHUFPD: bit 0 picks of the destination, bit 1 of the source. */
const shuffleDoubles = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const a = m.read(0);
  const imm = knownImmediate(m, 2);
  if (imm !== undefined) {
    m.write(0, m.shuffle(a, b, elements(8, [imm & 1, 2 + ((imm >> 1) & 1)])));
    return;
  }
  const i = immediate32(m, 2);
  const low = m.select(m.bit(i, 0), m.extractLane('i64x2', a, 1), m.extractLane('i64x2', a, 0));
  const high = m.select(m.bit(i, 1), m.extractLane('i64x2', b, 1), m.extractLane('i64x2', b, 0));
  m.write(0, m.replaceLane('i64x2', vec(m, 'i64x2.splat', low), 1, high));
};

/** Sixteen bytes from byte `from` (i32, -16 to 32) on; what lies outside the vector is 0. */
const window = (m: Machine, v: Value, from: Value): Value =>
  vec(m, 'i8x16.swizzle', v, vec(m, 'i8x16.add', m.vector(bytesFrom(0)), vec(m, 'i8x16.splat', from)));

/** The immediate, at most `limit`. */
const atMost = (m: Machine, i: number, limit: number): Value => {
  const n = immediate32(m, i);
  return m.select(m.ltU(n, m.i32(limit)), n, m.i32(limit));
};

/** PSRLDQ and PSLLDQ: the register moved by bytes. */
const shiftBytes = (left: boolean) => (m: Machine): void => {
  m.need('sse');
  const a = m.read(0);
  const imm = knownImmediate(m, 1);
  if (imm !== undefined) {
    const n = Math.min(imm, 16);
    m.write(0, left ? m.shuffle(zeroVector(m), a, bytesFrom(16 - n)) : m.shuffle(a, zeroVector(m), bytesFrom(n)));
    return;
  }
  const n = atMost(m, 1, 16);
  m.write(0, window(m, a, left ? m.neg(n) : n));
};

/** PALIGNR on XMM: 16 bytes of destination:source from byte `imm` on. */
const alignXmm = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const a = m.read(0);
  const imm = knownImmediate(m, 2);
  if (imm !== undefined) {
    if (imm <= 16) m.write(0, m.shuffle(b, a, bytesFrom(imm)));
    else m.write(0, m.shuffle(a, zeroVector(m), bytesFrom(Math.min(imm, 32) - 16)));
    return;
  }
  const n = atMost(m, 2, 32);
  m.write(0, vec(m, 'v128.or', window(m, b, n), window(m, a, m.sub(n, m.i32(16)))));
};

/** PALIGNR on MMX. */
const alignMmx = (m: Machine): void => {
  m.need('mmx');
  const b = mmxSource(m, 1);
  const both = m.shuffle(b, mmxRegister(m, 0), [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
  const imm = knownImmediate(m, 2);
  if (imm !== undefined) writeMmx(m, 0, m.shuffle(both, zeroVector(m), bytesFrom(Math.min(imm, 16))));
  else writeMmx(m, 0, window(m, both, atMost(m, 2, 16)));
};

type Shape = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2';
const lanesOf: Readonly<Record<Shape, number>> = { i8x16: 16, i16x8: 8, i32x4: 4, i64x2: 2 };

/** `v` with the lane that immediate `i` numbers replaced; `lanes` is how many there are to choose from. */
function insertLane(m: Machine, v: Value, i: number, shape: Shape, lanes: number, x: Value): Value {
  const imm = knownImmediate(m, i);
  if (imm !== undefined) return m.replaceLane(shape, v, imm & (lanes - 1), x);
  const numbers = m.vector(bytesFrom(0).map((lane) => Math.floor((lane * lanesOf[shape]) / 16)));
  const mask = vec(m, 'i8x16.eq', numbers, vec(m, 'i8x16.splat', m.and(immediate32(m, i), m.i32(lanes - 1))));
  return vec(m, 'v128.bitselect', vec(m, `${shape}.splat`, x), v, mask);
}

/** The lane that immediate `i` numbers. */
function pickLane(m: Machine, v: Value, i: number, shape: Shape, lanes: number): Value {
  const imm = knownImmediate(m, i);
  if (imm !== undefined) return m.extractLane(shape, v, imm & (lanes - 1));
  const first = m.mul(m.and(immediate32(m, i), m.i32(lanes - 1)), m.i32(16 / lanesOf[shape]));
  return m.extractLane(shape, window(m, v, first), 0);
}

/** PINSR. The register form reads a general register, of which the low bits count. */
const insert = (shape: Shape) => (m: Machine): void => {
  m.need('sse');
  const x = m.isMemory(1) ? m.read(1) : m.read(1, shape === 'i64x2' ? 64 : 32);
  m.write(0, insertLane(m, m.read(0), 2, shape, lanesOf[shape], x));
};

/** PEXTR. Registers are zero-extended. */
const extract = (shape: Shape) => (m: Machine): void => {
  m.need('sse');
  const x = pickLane(m, m.read(1), 2, shape, lanesOf[shape]);
  m.write(0, m.isMemory(0) ? x : m.zeroExtend(x, m.operand(0).width));
};

/** INSERTPS: a dword of the source to a dword of the destination, then dwords zeroed by the low four bits. */
const insertSingle = (m: Machine): void => {
  m.need('sse');
  const a = m.read(0);
  const imm = knownImmediate(m, 2);
  const memory = m.isMemory(1);
  const b = memory ? vec(m, 'i32x4.splat', m.read(1)) : m.read(1, 128);
  if (imm !== undefined) {
    const source = memory ? 0 : imm >> 6;
    const placed = [0, 1, 2, 3].map((n) => (n === ((imm >> 4) & 3) ? 4 + source : n));
    const r = m.shuffle(a, b, elements(4, placed));
    const keep = lanes32(m, [0, 1, 2, 3].map((n) => ((imm >> n) & 1 ? 0 : -1)));
    m.write(0, (imm & 15) === 0 ? r : vec(m, 'v128.and', r, keep));
    return;
  }
  const i = immediate32(m, 2);
  const lanes = lanes32(m, [0, 1, 2, 3]);
  const source = memory ? b : vec(m, 'i8x16.swizzle', b, dwordBytes(m, vec(m, 'i32x4.splat', m.shr(i, m.i32(6)))));
  const mask = vec(m, 'i32x4.eq', lanes, vec(m, 'i32x4.splat', m.and(m.shr(i, m.i32(4)), m.i32(3))));
  const r = vec(m, 'v128.bitselect', source, a, mask);
  const bits = lanes32(m, [1, 2, 4, 8]);
  const zeroed = vec(m, 'i32x4.eq', vec(m, 'v128.and', vec(m, 'i32x4.splat', i), bits), bits);
  m.write(0, vec(m, 'v128.andnot', r, zeroed));
};

/** PBLENDW, BLENDPS, BLENDPD: elements of the source where the immediate has a bit. */
const blendImmediate = (bytes: number) => (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const a = m.read(0);
  const imm = knownImmediate(m, 2);
  if (imm !== undefined) {
    m.write(0, m.shuffle(a, b, bytesFrom(0).map((lane) => ((imm >> Math.floor(lane / bytes)) & 1 ? 16 + lane : lane))));
    return;
  }
  const bits = m.vector(bytesFrom(0).map((lane) => 1 << Math.floor(lane / bytes)));
  const mask = vec(m, 'i8x16.eq', vec(m, 'v128.and', vec(m, 'i8x16.splat', immediate32(m, 2)), bits), bits);
  m.write(0, vec(m, 'v128.bitselect', b, a, mask));
};

const unpack = (bytes: number, high: boolean) => {
  const start = high ? 8 : 0;
  const lanes: number[] = [];
  for (let at = start; at < start + 8; at += bytes) lanes.push(...bytesFrom(at).slice(0, bytes), ...bytesFrom(16 + at).slice(0, bytes));
  return (m: Machine, a: Value, b: Value): Value => m.shuffle(a, b, lanes);
};

const sse41 = { feature: 'sse41' } as const;

/** Shuffles, byte shifts, blends, lane insertion and extraction. */
export const sseShuffle: readonly Row[] = [
  xmmOnly('UNPCKLPS', 'NP 0F 14 /r', unpack(4, false), 'sse'),
  xmmOnly('UNPCKLPD', '66 0F 14 /r', unpack(8, false), 'sse2'),
  xmmOnly('UNPCKHPS', 'NP 0F 15 /r', unpack(4, true), 'sse'),
  xmmOnly('UNPCKHPD', '66 0F 15 /r', unpack(8, true), 'sse2'),
  row('PSHUFW', 'NP 0F 70 /r', 'q,qm64,imm8', (m) => {
    m.need('mmx');
    const b = mmxSource(m, 1);
    writeMmx(m, 0, shuffledWords(m, b, 2, 0));
  }, { feature: 'sse', size: 64, operandSize: 'any' }),
  row('PSHUFD', '66 0F 70 /r', 'x,xm128,imm8', shuffleDwords, { feature: 'sse2' }),
  row('PSHUFHW', 'F3 0F 70 /r', 'x,xm128,imm8', shuffleWords(4), { feature: 'sse2' }),
  row('PSHUFLW', 'F2 0F 70 /r', 'x,xm128,imm8', shuffleWords(0), { feature: 'sse2' }),
  row('PSRLDQ', '66 0F 73 /3', 'xr,imm8', shiftBytes(false), { feature: 'sse2' }),
  row('PSLLDQ', '66 0F 73 /7', 'xr,imm8', shiftBytes(true), { feature: 'sse2' }),
  ...bothWidths('PINSRW', 'NP', '0F C4 /r reg', 'q,rm*,imm8', (m) => {
    m.need('mmx');
    const x = m.read(1, 32);
    writeMmx(m, 0, insertLane(m, mmxRegister(m, 0), 2, 'i16x8', 4, x));
  }, { feature: 'sse', size: 64, operandSize: 'any' }),
  row('PINSRW', 'NP 0F C4 /r mem', 'q,m16,imm8', (m) => {
    m.need('mmx');
    const x = m.read(1);
    writeMmx(m, 0, insertLane(m, mmxRegister(m, 0), 2, 'i16x8', 4, x));
  }, { feature: 'sse', size: 64, operandSize: 'any' }),
  ...bothWidths('PINSRW', '66', '0F C4 /r reg', 'x,rm*,imm8', insert('i16x8'), { feature: 'sse2' }),
  row('PINSRW', '66 0F C4 /r mem', 'x,m16,imm8', insert('i16x8'), { feature: 'sse2' }),
  ...bothWidths('PEXTRW', 'NP', '0F C5 /r', 'r*,qr,imm8', (m) => {
    m.need('mmx');
    const x = m.zeroExtend(pickLane(m, mmxRegister(m, 1), 2, 'i16x8', 4), m.operand(0).width);
    enterMmx(m);
    m.write(0, x);
  }, { feature: 'sse', size: 64, operandSize: 'any' }),
  ...bothWidths('PEXTRW', '66', '0F C5 /r', 'r*,xr,imm8', extract('i16x8'), { feature: 'sse2' }),
  row('SHUFPS', 'NP 0F C6 /r', 'x,xm128,imm8', shuffleSingles, { feature: 'sse' }),
  row('SHUFPD', '66 0F C6 /r', 'x,xm128,imm8', shuffleDoubles, { feature: 'sse2' }),
  row('BLENDPS', '66 0F 3A 0C /r', 'x,xm128,imm8', blendImmediate(4), sse41),
  row('BLENDPD', '66 0F 3A 0D /r', 'x,xm128,imm8', blendImmediate(8), sse41),
  row('PBLENDW', '66 0F 3A 0E /r', 'x,xm128,imm8', blendImmediate(2), sse41),
  row('PALIGNR', 'NP 0F 3A 0F /r', 'q,qm64,imm8', alignMmx, { feature: 'ssse3', size: 64, operandSize: 'any' }),
  row('PALIGNR', '66 0F 3A 0F /r', 'x,xm128,imm8', alignXmm, { feature: 'ssse3' }),
  ...bothWidths('PEXTRB', '66', '0F 3A 14 /r reg', 'rm*,x,imm8', extract('i8x16'), sse41),
  row('PEXTRB', '66 0F 3A 14 /r mem', 'm8,x,imm8', extract('i8x16'), sse41),
  ...bothWidths('PEXTRW', '66', '0F 3A 15 /r reg', 'rm*,x,imm8', extract('i16x8'), sse41),
  row('PEXTRW', '66 0F 3A 15 /r mem', 'm16,x,imm8', extract('i16x8'), sse41),
  row('PEXTRD', '66 0F 3A 16 /r', 'rm32,x,imm8', extract('i32x4'), sse41),
  row('PEXTRQ', '66 W1 0F 3A 16 /r', 'rm64,x,imm8', extract('i64x2'), sse41),
  row('EXTRACTPS', '66 0F 3A 17 /r', 'rm32,x,imm8', extract('i32x4'), sse41),
  ...bothWidths('PINSRB', '66', '0F 3A 20 /r reg', 'x,rm*,imm8', insert('i8x16'), sse41),
  row('PINSRB', '66 0F 3A 20 /r mem', 'x,m8,imm8', insert('i8x16'), sse41),
  row('INSERTPS', '66 0F 3A 21 /r', 'x,xm32,imm8', insertSingle, sse41),
  row('PINSRD', '66 0F 3A 22 /r', 'x,rm32,imm8', insert('i32x4'), sse41),
  row('PINSRQ', '66 W1 0F 3A 22 /r', 'x,rm64,imm8', insert('i64x2'), sse41),
];

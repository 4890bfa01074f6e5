import type { Machine, Value } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import {
  direct, immediate32, knownImmediate, low64, mmxAndXmm, mmxRegister, mmxSource, row, splat32, splat64, swapped, vec, type VectorOperation, writeMmx, xmmOnly,
  xmmSource, zeroVector,
} from './sse-operand.ts';

/** MMX packs and horizontal operations: low half of `a` and low half of `b` as one vector. */
const together = (m: Machine, a: Value, b: Value): Value => m.shuffle(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);

/** High halves of 32-bit products. */
const highWords = (sign: 's' | 'u'): VectorOperation => (m, a, b) => {
  const low = vec(m, `i32x4.extmul_low_i16x8_${sign}`, a, b);
  const high = vec(m, `i32x4.extmul_high_i16x8_${sign}`, a, b);
  return m.shuffle(low, high, [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31]);
};

/** Products of the even 32-bit lanes. */
export const evenProducts = (sign: 's' | 'u'): VectorOperation => (m, a, b) => {
  const even = (v: Value): Value => m.shuffle(v, v, [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);
  return vec(m, `i64x2.extmul_low_i32x4_${sign}`, even(a), even(b));
};

/** Sums of eight absolute byte differences. */
const sumOfDifferences: VectorOperation = (m, a, b) => {
  const d = vec(m, 'v128.or', vec(m, 'i8x16.sub_sat_u', a, b), vec(m, 'i8x16.sub_sat_u', b, a));
  const words = vec(m, 'i16x8.extadd_pairwise_i8x16_u', d);
  const dwords = vec(m, 'i32x4.extadd_pairwise_i16x8_u', words);
  return vec(m, 'i64x2.add', vec(m, 'v128.and', dwords, splat64(m, 0xffffffffn)), vec(m, 'i64x2.shr_u', dwords, m.i32(32)));
};

/** PMADDUBSW: unsigned bytes of `a` times signed bytes of `b`, neighbours added with saturation. */
const multiplyAddBytes: VectorOperation = (m, a, b) => {
  const even = vec(m, 'i16x8.mul', vec(m, 'v128.and', a, splat32(m, 0x00ff00ff)), vec(m, 'i16x8.shr_s', vec(m, 'i16x8.shl', b, m.i32(8)), m.i32(8)));
  const odd = vec(m, 'i16x8.mul', vec(m, 'i16x8.shr_u', a, m.i32(8)), vec(m, 'i16x8.shr_s', b, m.i32(8)));
  return vec(m, 'i16x8.add_sat_s', even, odd);
};

/** PMULHRSW: unlike the WebAssembly operation, -1 times -1 stays -1. */
const multiplyRound: VectorOperation = (m, a, b) => {
  const least = splat32(m, 0x80008000);
  const both = vec(m, 'v128.and', vec(m, 'i16x8.eq', a, least), vec(m, 'i16x8.eq', b, least));
  return vec(m, 'v128.xor', vec(m, 'i16x8.q15mulr_sat_s', a, b), both);
};

/** PSIGN: `a` negated, zeroed or kept by the sign of `b`. */
const sign = (shape: string): VectorOperation => (m, a, b) => {
  const zero = zeroVector(m);
  const negative = vec(m, `${shape}.lt_s`, b, zero);
  const flipped = vec(m, `${shape}.sub`, vec(m, 'v128.xor', a, negative), negative);
  return vec(m, 'v128.andnot', flipped, vec(m, `${shape}.eq`, b, zero));
};

/** PSHUFB: index bit 7 gives 0, the bits between are ignored. */
const shuffleBytes = (mask: number): VectorOperation => (m, a, b) => vec(m, 'i8x16.swizzle', a, vec(m, 'v128.and', b, splat32(m, mask)));

const evenWords = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29];
const evenDwords = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/** PHADD and PHSUB: even elements of both sources `op` the odd ones. */
const horizontal = (bytes: 2 | 4, op: string): VectorOperation => (m, a, b) => {
  const even = bytes === 2 ? evenWords : evenDwords;
  return vec(m, op, m.shuffle(a, b, even), m.shuffle(a, b, even.map((lane) => lane + bytes)));
};

/** The MMX form of an operation that takes neighbours out of both sources. */
const narrowForm = (op: VectorOperation): VectorOperation => (m, a, b) => {
  const both = together(m, a, b);
  return op(m, both, both);
};

/** Interleaves elements of `bytes` bytes, from byte `start` of both sources. */
const interleave = (bytes: number, start: number): VectorOperation => {
  const lanes: number[] = [];
  for (let at = start; lanes.length < 16; at += bytes) {
    for (let k = 0; k < bytes; k++) lanes.push((at + k) & 15);
    for (let k = 0; k < bytes; k++) lanes.push(16 + ((at + k) & 15));
  }
  return (m, a, b) => m.shuffle(a, b, lanes);
};

/** PUNPCKL: the MMX form reads only 32 bits of memory. */
const unpackLow = (mnemonic: string, opcode: string, bytes: number): Row[] => [
  row(mnemonic, `NP 0F ${opcode} /r`, 'q,qm32', (m) => {
    m.need('mmx');
    const b = mmxSource(m, 1);
    writeMmx(m, 0, interleave(bytes, 0)(m, mmxRegister(m, 0), b));
  }, { feature: 'mmx', size: 64, operandSize: 'any' }),
  xmmOnly(mnemonic, `66 0F ${opcode} /r`, interleave(bytes, 0), 'sse2'),
];

type ShiftKind = 'shl' | 'shr_u' | 'shr_s';
const bitsOf = (shape: string): number => (shape === 'i16x8' ? 16 : shape === 'i32x4' ? 32 : 64);

/** Shifts every lane by a 64-bit count; counts at or above the lane width give 0 or the sign. */
const shiftBy = (shape: string, kind: ShiftKind) => (m: Machine, a: Value, count: Value): Value => {
  const bits = bitsOf(shape);
  const beyond = m.gtU(count, m.constant(count.width as 32 | 64, bits - 1));
  const n = m.truncate(count, 32);
  if (kind === 'shr_s') return vec(m, `${shape}.shr_s`, a, m.select(beyond, m.i32(bits - 1), n));
  return m.select(beyond, zeroVector(m), vec(m, `${shape}.${kind}`, a, n));
};

const shiftImmediate = (shape: string, kind: ShiftKind, i: number) => (m: Machine, a: Value): Value => {
  const known = knownImmediate(m, i);
  const bits = bitsOf(shape);
  if (known === undefined) return shiftBy(shape, kind)(m, a, immediate32(m, i));
  if (known < bits) return vec(m, `${shape}.${kind}`, a, m.i32(known));
  return kind === 'shr_s' ? vec(m, `${shape}.shr_s`, a, m.i32(bits - 1)) : zeroVector(m);
};

/** Shift by register or memory, and by immediate. */
const shifts = (mnemonic: string, opcode: string, group: string, shape: string, kind: ShiftKind): Row[] => [
  row(mnemonic, `NP 0F ${opcode} /r`, 'q,qm64', (m) => {
    m.need('mmx');
    const count = m.read(1, 64);
    writeMmx(m, 0, shiftBy(shape, kind)(m, mmxRegister(m, 0), count));
  }, { feature: 'mmx', size: 64, operandSize: 'any' }),
  row(mnemonic, `66 0F ${opcode} /r`, 'x,xm128', (m) => {
    m.need('sse');
    const count = low64(m, xmmSource(m, 1));
    m.write(0, shiftBy(shape, kind)(m, m.read(0), count));
  }, { feature: 'sse2' }),
  row(mnemonic, `NP 0F ${group}`, 'qr,imm8', (m) => {
    m.need('mmx');
    writeMmx(m, 0, shiftImmediate(shape, kind, 1)(m, mmxRegister(m, 0)));
  }, { feature: 'mmx', size: 64, operandSize: 'any' }),
  row(mnemonic, `66 0F ${group}`, 'xr,imm8', (m) => {
    m.need('sse');
    m.write(0, shiftImmediate(shape, kind, 1)(m, m.read(0)));
  }, { feature: 'sse2' }),
];

const pabs = (shape: string): VectorOperation => (m, _a, b) => vec(m, `${shape}.abs`, b);
const ssse3 = { mmx: 'ssse3', sse: 'ssse3' };
const sse = { mmx: 'sse' };

/** Packs with a narrowing operation. */
const pack = (mnemonic: string, opcode: string, op: string): Row[] => mmxAndXmm(mnemonic, opcode, direct(op), {}, narrowForm(direct(op)));

const horizontalRows = (mnemonic: string, opcode: string, bytes: 2 | 4, op: string): Row[] =>
  mmxAndXmm(mnemonic, opcode, horizontal(bytes, op), ssse3, narrowForm(horizontal(bytes, op)));

/** PMOVMSKB and the integer forms of MMX, SSE2 and SSSE3. */
export const sseInteger: readonly Row[] = [
  ...unpackLow('PUNPCKLBW', '60', 1),
  ...unpackLow('PUNPCKLWD', '61', 2),
  ...unpackLow('PUNPCKLDQ', '62', 4),
  ...pack('PACKSSWB', '63', 'i8x16.narrow_i16x8_s'),
  ...mmxAndXmm('PCMPGTB', '64', direct('i8x16.gt_s')),
  ...mmxAndXmm('PCMPGTW', '65', direct('i16x8.gt_s')),
  ...mmxAndXmm('PCMPGTD', '66', direct('i32x4.gt_s')),
  ...pack('PACKUSWB', '67', 'i8x16.narrow_i16x8_u'),
  ...mmxAndXmm('PUNPCKHBW', '68', interleave(1, 8), {}, interleave(1, 4)),
  ...mmxAndXmm('PUNPCKHWD', '69', interleave(2, 8), {}, interleave(2, 4)),
  ...mmxAndXmm('PUNPCKHDQ', '6A', interleave(4, 8), {}, interleave(4, 4)),
  ...pack('PACKSSDW', '6B', 'i16x8.narrow_i32x4_s'),
  xmmOnly('PUNPCKLQDQ', '66 0F 6C /r', interleave(8, 0), 'sse2'),
  xmmOnly('PUNPCKHQDQ', '66 0F 6D /r', interleave(8, 8), 'sse2'),
  ...shifts('PSRLW', 'D1', '71 /2', 'i16x8', 'shr_u'),
  ...shifts('PSRAW', 'E1', '71 /4', 'i16x8', 'shr_s'),
  ...shifts('PSLLW', 'F1', '71 /6', 'i16x8', 'shl'),
  ...shifts('PSRLD', 'D2', '72 /2', 'i32x4', 'shr_u'),
  ...shifts('PSRAD', 'E2', '72 /4', 'i32x4', 'shr_s'),
  ...shifts('PSLLD', 'F2', '72 /6', 'i32x4', 'shl'),
  ...shifts('PSRLQ', 'D3', '73 /2', 'i64x2', 'shr_u'),
  ...shifts('PSLLQ', 'F3', '73 /6', 'i64x2', 'shl'),
  ...mmxAndXmm('PCMPEQB', '74', direct('i8x16.eq')),
  ...mmxAndXmm('PCMPEQW', '75', direct('i16x8.eq')),
  ...mmxAndXmm('PCMPEQD', '76', direct('i32x4.eq')),
  ...mmxAndXmm('PADDQ', 'D4', direct('i64x2.add'), { mmx: 'sse2' }),
  ...mmxAndXmm('PMULLW', 'D5', direct('i16x8.mul')),
  ...mmxAndXmm('PSUBUSB', 'D8', direct('i8x16.sub_sat_u')),
  ...mmxAndXmm('PSUBUSW', 'D9', direct('i16x8.sub_sat_u')),
  ...mmxAndXmm('PMINUB', 'DA', direct('i8x16.min_u'), sse),
  ...mmxAndXmm('PAND', 'DB', direct('v128.and')),
  ...mmxAndXmm('PADDUSB', 'DC', direct('i8x16.add_sat_u')),
  ...mmxAndXmm('PADDUSW', 'DD', direct('i16x8.add_sat_u')),
  ...mmxAndXmm('PMAXUB', 'DE', direct('i8x16.max_u'), sse),
  ...mmxAndXmm('PANDN', 'DF', swapped('v128.andnot')),
  ...mmxAndXmm('PAVGB', 'E0', direct('i8x16.avgr_u'), sse),
  ...mmxAndXmm('PAVGW', 'E3', direct('i16x8.avgr_u'), sse),
  ...mmxAndXmm('PMULHUW', 'E4', highWords('u'), sse),
  ...mmxAndXmm('PMULHW', 'E5', highWords('s')),
  ...mmxAndXmm('PSUBSB', 'E8', direct('i8x16.sub_sat_s')),
  ...mmxAndXmm('PSUBSW', 'E9', direct('i16x8.sub_sat_s')),
  ...mmxAndXmm('PMINSW', 'EA', direct('i16x8.min_s'), sse),
  ...mmxAndXmm('POR', 'EB', direct('v128.or')),
  ...mmxAndXmm('PADDSB', 'EC', direct('i8x16.add_sat_s')),
  ...mmxAndXmm('PADDSW', 'ED', direct('i16x8.add_sat_s')),
  ...mmxAndXmm('PMAXSW', 'EE', direct('i16x8.max_s'), sse),
  ...mmxAndXmm('PXOR', 'EF', direct('v128.xor')),
  ...mmxAndXmm('PMULUDQ', 'F4', evenProducts('u'), { mmx: 'sse2' }),
  ...mmxAndXmm('PMADDWD', 'F5', direct('i32x4.dot_i16x8_s')),
  ...mmxAndXmm('PSADBW', 'F6', sumOfDifferences, sse),
  ...mmxAndXmm('PSUBB', 'F8', direct('i8x16.sub')),
  ...mmxAndXmm('PSUBW', 'F9', direct('i16x8.sub')),
  ...mmxAndXmm('PSUBD', 'FA', direct('i32x4.sub')),
  ...mmxAndXmm('PSUBQ', 'FB', direct('i64x2.sub'), { mmx: 'sse2' }),
  ...mmxAndXmm('PADDB', 'FC', direct('i8x16.add')),
  ...mmxAndXmm('PADDW', 'FD', direct('i16x8.add')),
  ...mmxAndXmm('PADDD', 'FE', direct('i32x4.add')),
  ...mmxAndXmm('PSHUFB', '38 00', shuffleBytes(0x8f8f8f8f), ssse3, shuffleBytes(0x87878787)),
  ...horizontalRows('PHADDW', '38 01', 2, 'i16x8.add'),
  ...horizontalRows('PHADDD', '38 02', 4, 'i32x4.add'),
  ...horizontalRows('PHADDSW', '38 03', 2, 'i16x8.add_sat_s'),
  ...mmxAndXmm('PMADDUBSW', '38 04', multiplyAddBytes, ssse3),
  ...horizontalRows('PHSUBW', '38 05', 2, 'i16x8.sub'),
  ...horizontalRows('PHSUBD', '38 06', 4, 'i32x4.sub'),
  ...horizontalRows('PHSUBSW', '38 07', 2, 'i16x8.sub_sat_s'),
  ...mmxAndXmm('PSIGNB', '38 08', sign('i8x16'), ssse3),
  ...mmxAndXmm('PSIGNW', '38 09', sign('i16x8'), ssse3),
  ...mmxAndXmm('PSIGND', '38 0A', sign('i32x4'), ssse3),
  ...mmxAndXmm('PMULHRSW', '38 0B', multiplyRound, ssse3),
  ...mmxAndXmm('PABSB', '38 1C', pabs('i8x16'), ssse3),
  ...mmxAndXmm('PABSW', '38 1D', pabs('i16x8'), ssse3),
  ...mmxAndXmm('PABSD', '38 1E', pabs('i32x4'), ssse3),
];

import type { Machine, Value } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import { evenProducts } from './sse-integer.ts';
import { direct, immediate32, int, knownImmediate, lowHalf, row, vec, type VectorOperation, xmm0, xmmBinary, xmmOnly, xmmSource } from './sse-operand.ts';

/** Blends by the top bit of every element of XMM0. */
const blendByMask = (shape: string, bits: number): VectorOperation => (m, a, b) => {
  const mask = vec(m, `${shape}.shr_s`, m.readRegister(xmm0, 128), m.i32(bits - 1));
  return vec(m, 'v128.bitselect', b, a, mask);
};

/** PTEST. */
const ptest = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const a = m.read(0);
  const none = (v: Value): Value => m.isZero(int(m, 'v128.any_true', v));
  const zero = m.i32(0);
  m.assignFlags({ zf: none(vec(m, 'v128.and', a, b)), cf: none(vec(m, 'v128.andnot', b, a)), pf: zero, af: zero, sf: zero, of: zero });
};

/** PMOVSX and PMOVZX: the low elements of the source, widened step by step. */
const widen = (steps: readonly string[]) => (m: Machine): void => {
  m.need('sse');
  let v: Value;
  if (!m.isMemory(1)) v = m.read(1, 128);
  else {
    const x = m.read(1);
    v = x.width === 64 ? lowHalf(m, x) : vec(m, x.width === 32 ? 'i32x4.splat' : 'i16x8.splat', x);
  }
  for (const step of steps) v = vec(m, step, v);
  m.write(0, v);
};

const WIDENINGS = [
  ['BW', '0', 'xm64', ['i16x8.extend_low_i8x16_']],
  ['BD', '1', 'xm32', ['i16x8.extend_low_i8x16_', 'i32x4.extend_low_i16x8_']],
  ['BQ', '2', 'xm16', ['i16x8.extend_low_i8x16_', 'i32x4.extend_low_i16x8_', 'i64x2.extend_low_i32x4_']],
  ['WD', '3', 'xm64', ['i32x4.extend_low_i16x8_']],
  ['WQ', '4', 'xm32', ['i32x4.extend_low_i16x8_', 'i64x2.extend_low_i32x4_']],
  ['DQ', '5', 'xm64', ['i64x2.extend_low_i32x4_']],
] as const;

const widenings = (name: string, byte: string, sign: string): Row[] =>
  WIDENINGS.map(([suffix, n, source, steps]) => row(`${name}${suffix}`, `66 0F 38 ${byte}${n} /r`, `x,${source}`, widen(steps.map((step) => step + sign)), { feature: 'sse41' }));

interface StringForm {
  /** Lengths come from (R/E)AX and (R/E)DX. */
  readonly explicit: boolean;
  /** The lengths are 64 bits wide. */
  readonly wide: boolean;
  /** The result is a mask in XMM0, not an index in ECX. */
  readonly mask: boolean;
}

/** PCMPxSTRx. The memory operand may be unaligned. */
const compareStrings = ({ explicit, wide, mask }: StringForm) => (m: Machine): void => {
  m.need('sse');
  const b = m.read(1, 128);
  const a = m.read(0);
  const imm = immediate32(m, 2);
  const known = knownImmediate(m, 2);
  const length = (v: Value, register: number): Value => {
    if (!explicit) return m.call('simd_implicit_length', 'i32', 32, v, imm);
    const n = wide ? m.gpr(register, 64) : m.signExtend(m.gpr(register, 32), 64);
    return m.call('simd_explicit_length', 'i32', 32, n, imm);
  };
  const la = length(a, 0);
  const lb = length(b, 2);
  const r = m.call('simd_compare_strings', 'i32', 32, a, b, la, lb, imm);
  const count = known !== undefined ? m.i32(known & 1 ? 8 : 16) : m.shr(m.i32(16), m.bit(imm, 0));
  if (mask) m.writeRegister(xmm0, m.call('simd_string_mask', 'v128', 128, r, imm));
  else {
    const first = m.ctz(m.or(r, m.shl(m.i32(1), count)));
    const last = m.select(r, m.sub(m.i32(31), m.clz(r)), count);
    m.setGpr(1, known !== undefined ? (known & 0x40 ? last : first) : m.select(m.bit(imm, 6), last, first));
  }
  const zero = m.i32(0);
  m.assignFlags({ cf: m.ne(r, zero), zf: m.ltU(lb, count), sf: m.ltU(la, count), of: m.bit(r, 0), af: zero, pf: zero });
};

const sse41 = { feature: 'sse41' } as const;
const sse42 = { feature: 'sse42' } as const;
const integer = (mnemonic: string, byte: string, op: string): Row => xmmOnly(mnemonic, `66 0F 38 ${byte} /r`, direct(op), 'sse41');

/** What SSE4.1 and SSE4.2 added, apart from shuffles, lane moves and rounding. */
export const sse4: readonly Row[] = [
  xmmOnly('PBLENDVB', '66 0F 38 10 /r', blendByMask('i8x16', 8), 'sse41'),
  xmmOnly('BLENDVPS', '66 0F 38 14 /r', blendByMask('i32x4', 32), 'sse41'),
  xmmOnly('BLENDVPD', '66 0F 38 15 /r', blendByMask('i64x2', 64), 'sse41'),
  row('PTEST', '66 0F 38 17 /r', 'x,xm128', ptest, sse41),
  ...widenings('PMOVSX', '2', 's'),
  xmmOnly('PMULDQ', '66 0F 38 28 /r', evenProducts('s'), 'sse41'),
  integer('PCMPEQQ', '29', 'i64x2.eq'),
  integer('PACKUSDW', '2B', 'i16x8.narrow_i32x4_u'),
  ...widenings('PMOVZX', '3', 'u'),
  xmmOnly('PCMPGTQ', '66 0F 38 37 /r', direct('i64x2.gt_s'), 'sse42'),
  integer('PMINSB', '38', 'i8x16.min_s'),
  integer('PMINSD', '39', 'i32x4.min_s'),
  integer('PMINUW', '3A', 'i16x8.min_u'),
  integer('PMINUD', '3B', 'i32x4.min_u'),
  integer('PMAXSB', '3C', 'i8x16.max_s'),
  integer('PMAXSD', '3D', 'i32x4.max_s'),
  integer('PMAXUW', '3E', 'i16x8.max_u'),
  integer('PMAXUD', '3F', 'i32x4.max_u'),
  integer('PMULLD', '40', 'i32x4.mul'),
  row('PHMINPOSUW', '66 0F 38 41 /r', 'x,xm128', xmmBinary((m, _a, b) => m.call('simd_phminposuw', 'v128', 128, b)), sse41),
  row('MPSADBW', '66 0F 3A 42 /r', 'x,xm128,imm8', xmmBinary((m, a, b) => m.call('simd_mpsadbw', 'v128', 128, a, b, immediate32(m, 2))), sse41),
  row('PCMPESTRM', '66 0F 3A 60 /r', 'x,xm128,imm8', compareStrings({ explicit: true, wide: false, mask: true }), sse42),
  row('PCMPESTRM', '66 W1 0F 3A 60 /r', 'x,xm128,imm8', compareStrings({ explicit: true, wide: true, mask: true }), { ...sse42, suffix: 'w1' }),
  row('PCMPESTRI', '66 0F 3A 61 /r', 'x,xm128,imm8', compareStrings({ explicit: true, wide: false, mask: false }), sse42),
  row('PCMPESTRI', '66 W1 0F 3A 61 /r', 'x,xm128,imm8', compareStrings({ explicit: true, wide: true, mask: false }), { ...sse42, suffix: 'w1' }),
  row('PCMPISTRM', '66 0F 3A 62 /r', 'x,xm128,imm8', compareStrings({ explicit: false, wide: false, mask: true }), sse42),
  row('PCMPISTRI', '66 0F 3A 63 /r', 'x,xm128,imm8', compareStrings({ explicit: false, wide: false, mask: false }), sse42),
];

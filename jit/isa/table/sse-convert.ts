import type { Machine, Value } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import { exactPacked } from './sse-float.ts';
import {
  compareFloat, denormal, denormalLanes, doubtfulLanes, float, type Format, fromBits, nanLanes, nativeUnless, notFast, raisePending, scalar, toBits,
  unlessFast,
} from './sse-native.ts';
import { enterMmx, lowSource, mmxSource, putMmx, row, splat64, vec, xmmSource, zeroVector } from './sse-operand.ts';

/** Operation numbers of the microcode's `sse_packed`. */
const DQ2PS = 64;
const PS2DQ = 65;
const PD2DQ = 67;
const PS2PD = 70;
const PD2PS = 71;
const PS2PI = 72;
const PD2PI = 74;
const PI2PS = 76;

/** Biased exponent of a float's bits, as an integer of the same type. */
function exponentOf(m: Machine, format: Format, bits: Value): Value {
  const n = (value: number): Value => m.constant(format === 'f32' ? 32 : 64, value);
  return m.shr(m.shl(bits, n(1)), n(format === 'f32' ? 24 : 53));
}
const BIAS = { f32: 127, f64: 1023 } as const;

/** True unless |x| < 2 ^ power. */
const beyond = (m: Machine, format: Format, bits: Value, power: number): Value =>
  m.gtU(exponentOf(m, format, bits), m.constant(format === 'f32' ? 32 : 64, BIAS[format] + power - 1));

/** Lanes that are not below 2^31 in magnitude. */
const beyondLanes = (m: Machine, format: Format, v: Value): Value => format === 'f32'
  ? vec(m, 'i32x4.gt_s', vec(m, 'i32x4.shr_u', vec(m, 'i32x4.shl', v, m.i32(1)), m.i32(24)), vec(m, 'i32x4.splat', m.i32(157)))
  : vec(m, 'i64x2.gt_s', vec(m, 'i64x2.shr_u', vec(m, 'i64x2.shl', v, m.i32(1)), m.i32(53)), splat64(m, 1053n));

/** Low 64 bits of `r` over `a`. */
const overLow = (m: Machine, a: Value, r: Value): Value => m.shuffle(a, r, [16, 17, 18, 19, 20, 21, 22, 23, 8, 9, 10, 11, 12, 13, 14, 15]);
const overSingle = (m: Machine, a: Value, r: Value): Value => m.shuffle(a, r, [16, 17, 18, 19, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

// --- integers to floats --------------------------------------------------------------------------
/** CVTDQ2PD: exact. */
const dwordsToDoubles = (m: Machine): void => {
  m.need('sse');
  m.write(0, vec(m, 'f64x2.convert_low_i32x4_s', lowSource(m, 1)));
};
const dwordsToSingles = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  m.write(0, nativeUnless(m, vec(m, 'f32x4.convert_i32x4_s', b), notFast(m), () => exactPacked(m, DQ2PS, b, b)));
};
/** CVTPI2PS and CVTPI2PD are MMX instructions only when they read an MMX register; recorded hardware says so of both. */
const mmxOperand = (m: Machine): Value => {
  m.need('sse');
  if (m.isMemory(1)) return mmxSource(m, 1);
  m.need('mmx');
  enterMmx(m);
  return mmxSource(m, 1);
};
const mmxToDoubles = (m: Machine): void => {
  const v = mmxOperand(m);
  m.write(0, vec(m, 'f64x2.convert_low_i32x4_s', v));
};
const mmxToSingles = (m: Machine): void => {
  const v = mmxOperand(m);
  const r = nativeUnless(m, vec(m, 'f32x4.convert_i32x4_s', v), notFast(m), () => exactPacked(m, PI2PS, v, v));
  m.write(0, overLow(m, m.read(0), r));
};
const int32ToDouble = (m: Machine): void => {
  m.need('sse');
  const x = m.read(1);
  m.write(0, overLow(m, m.read(0), vec(m, 'f64x2.convert_low_i32x4_s', vec(m, 'i32x4.splat', x))));
};
const int32ToSingle = (m: Machine): void => {
  m.need('sse');
  const x = m.read(1);
  const native = vec(m, 'f32x4.convert_i32x4_s', vec(m, 'i32x4.splat', x));
  const r = nativeUnless(m, native, notFast(m), () => vec(m, 'i32x4.splat', m.call('simd_from_i32_f32', 'i32', 32, x)));
  m.write(0, overSingle(m, m.read(0), r));
};
/** Both halves of the integer are put into doubles exactly, so that only their sum is rounded. */
const int64ToDouble = (m: Machine): void => {
  m.need('sse');
  const x = m.read(1);
  const double = (bits: Value): Value => fromBits(m, 'f64', bits);
  const c = (value: bigint): Value => m.constant(64, value);
  const low = double(m.or(m.and(x, c(0xffffffffn)), c(0x4330000000000000n)));
  const high = double(m.xor(m.shr(x, c(32n)), c(0x4530000080000000n)));
  const native = float(m, 'f64', 'add', float(m, 'f64', 'sub', high, double(c(0x4530000080100000n))), low);
  const r = nativeUnless(m, native, notFast(m), () => double(m.call('simd_from_i64_f64', 'i64', 64, x)));
  m.write(0, m.replaceLane('f64x2', m.read(0), 0, r));
};
const int64ToSingle = (m: Machine): void => {
  m.need('sse');
  const r = m.call('simd_from_i64_f32', 'i32', 32, m.read(1));
  raisePending(m);
  m.write(0, m.replaceLane('i32x4', m.read(0), 0, r));
};

// --- floats to integers --------------------------------------------------------------------------
/** CVTSS2SI, CVTSD2SI and their truncating forms, to 32 bits. */
const toInt32 = (format: Format, truncate: boolean) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const integral = truncate ? b.value : float(m, format, 'nearest', b.value);
  const native = format === 'f32'
    ? m.extractLane('i32x4', vec(m, 'i32x4.trunc_sat_f32x4_s', vec(m, 'f32x4.splat', integral)), 0)
    : m.extractLane('i32x4', vec(m, 'i32x4.trunc_sat_f64x2_s_zero', vec(m, 'f64x2.splat', integral)), 0);
  const doubt = unlessFast(m, beyond(m, format, truncate ? b.bits : toBits(m, format, integral), 31));
  m.write(0, nativeUnless(m, native, doubt, () => m.call(`simd_to_i32_${format}`, 'i32', 32, m.i32(truncate ? 1 : 0), b.bits)));
};

/** The same to 64 bits: an integral double below 2^51 shows its integer in the low bits once 1.5 * 2^52 is added. */
const toInt64 = (format: Format, truncate: boolean) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const wide = format === 'f64' ? b.value : m.wasm('f64.promote', 'f64', 64, b.value);
  const magic = m.constant(64, 0x4338000000000000n);
  const integral = float(m, 'f64', truncate ? 'trunc' : 'nearest', wide);
  const native = m.sub(toBits(m, 'f64', float(m, 'f64', 'add', integral, fromBits(m, 'f64', magic))), magic);
  const doubt = unlessFast(m, beyond(m, format, b.bits, 51));
  m.write(0, nativeUnless(m, native, doubt, () => m.call(`simd_to_i64_${format}`, 'i64', 64, m.i32(truncate ? 1 : 0), b.bits)));
};

/** Four singles or two doubles to dwords; zeros above where there are two. */
function toDwords(m: Machine, format: Format, truncate: boolean, b: Value, lanes: 2 | 4, code: number): Value {
  const shape = format === 'f32' ? 'f32x4' : 'f64x2';
  const integral = truncate ? b : vec(m, `${shape}.nearest`, b);
  const native = vec(m, format === 'f32' ? 'i32x4.trunc_sat_f32x4_s' : 'i32x4.trunc_sat_f64x2_s_zero', integral);
  const doubt = doubtfulLanes(m, format, beyondLanes(m, format, integral));
  const counted = format === 'f32' && lanes === 2 ? m.and(doubt, m.i32(3)) : doubt;
  return nativeUnless(m, native, unlessFast(m, counted), () => exactPacked(m, code + (truncate ? 1 : 0), b, b));
}
const singlesToDwords = (truncate: boolean) => (m: Machine): void => {
  m.need('sse');
  m.write(0, toDwords(m, 'f32', truncate, xmmSource(m, 1), 4, PS2DQ));
};
const doublesToDwords = (truncate: boolean) => (m: Machine): void => {
  m.need('sse');
  m.write(0, toDwords(m, 'f64', truncate, xmmSource(m, 1), 2, PD2DQ));
};
const singlesToMmx = (truncate: boolean) => (m: Machine): void => {
  m.need('sse');
  m.need('mmx');
  const b = lowSource(m, 1);
  enterMmx(m); // the x87 state changes even when #XM follows
  putMmx(m, 0, toDwords(m, 'f32', truncate, b, 2, PS2PI));
};
const doublesToMmx = (truncate: boolean) => (m: Machine): void => {
  m.need('sse');
  m.need('mmx');
  const b = xmmSource(m, 1);
  enterMmx(m);
  putMmx(m, 0, toDwords(m, 'f64', truncate, b, 2, PD2PI));
};

// --- between precisions ----------------------------------------------------------------------------
/** CVTSS2SD is exact; only denormals and NaNs raise anything. */
const singleToDouble = (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, 'f32');
  const doubt = m.or(denormal(m, 'f32', b.bits), compareFloat(m, 'f32', 'ne', b.value, b.value));
  const r = nativeUnless(m, m.wasm('f64.promote', 'f64', 64, b.value), doubt, () => fromBits(m, 'f64', m.call('simd_f32_f64', 'i64', 64, b.bits)));
  m.write(0, m.replaceLane('f64x2', m.read(0), 0, r));
};
const singlesToDoubles = (m: Machine): void => {
  m.need('sse');
  const b = lowSource(m, 1);
  const doubt = m.and(doubtfulLanes(m, 'f32', denormalLanes(m, 'f32', b), nanLanes(m, 'f32', b)), m.i32(3));
  m.write(0, nativeUnless(m, vec(m, 'f64x2.promote_low_f32x4', b), doubt, () => exactPacked(m, PS2PD, b, b)));
};

/** Exponents of doubles whose single is surely normal. */
const LEAST_EXPONENT = 898;
const EXPONENTS = 252;

const doubleToSingle = (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, 'f64');
  const c = (value: number): Value => m.constant(64, value);
  const outside = m.geU(m.sub(exponentOf(m, 'f64', b.bits), c(LEAST_EXPONENT)), c(EXPONENTS));
  const doubt = unlessFast(m, m.and(outside, m.ne(m.shl(b.bits, c(1)), c(0))));
  const r = nativeUnless(m, m.wasm('f32.demote', 'f32', 32, b.value), doubt, () => fromBits(m, 'f32', m.call('simd_f64_f32', 'i32', 32, b.bits)));
  m.write(0, m.replaceLane('f32x4', m.read(0), 0, r));
};
const doublesToSingles = (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const exponent = vec(m, 'i64x2.shr_u', vec(m, 'i64x2.shl', b, m.i32(1)), m.i32(53));
  const below = vec(m, 'i64x2.sub', exponent, splat64(m, BigInt(LEAST_EXPONENT)));
  const above = vec(m, 'i64x2.sub', splat64(m, BigInt(LEAST_EXPONENT + EXPONENTS - 1)), exponent);
  const doubt = doubtfulLanes(m, 'f64', vec(m, 'v128.andnot', below, vec(m, 'f64x2.eq', b, zeroVector(m))), above);
  m.write(0, nativeUnless(m, vec(m, 'f32x4.demote_f64x2_zero', b), unlessFast(m, doubt), () => exactPacked(m, PD2PS, b, b)));
};

const sse = { feature: 'sse' } as const;
const sse2 = { feature: 'sse2' } as const;

/** Both integer sizes of a conversion. */
const integerRows = (mnemonic: string, prefix: string, byte: string, operands: (width: 32 | 64) => string, sem: (width: 32 | 64) => (m: Machine) => void, feature: string): Row[] => [
  row(mnemonic, `${prefix} 0F ${byte} /r`, operands(32), sem(32), { feature }),
  row(mnemonic, `${prefix} W1 0F ${byte} /r`, operands(64), sem(64), { feature }),
];
const toInteger = (mnemonic: string, prefix: string, byte: string, format: Format, truncate: boolean, feature: string): Row[] =>
  integerRows(mnemonic, prefix, byte, (w) => `r${w},${format === 'f32' ? 'xm32' : 'xm64'}`, (w) => (w === 32 ? toInt32 : toInt64)(format, truncate), feature);

/** Conversions between floats, integers and MMX registers. */
export const sseConvert: readonly Row[] = [
  row('CVTPI2PS', 'NP 0F 2A /r', 'x,qm64', mmxToSingles, sse),
  row('CVTPI2PD', '66 0F 2A /r', 'x,qm64', mmxToDoubles, sse2),
  ...integerRows('CVTSI2SS', 'F3', '2A', (w) => `x,rm${w}`, (w) => (w === 32 ? int32ToSingle : int64ToSingle), 'sse'),
  ...integerRows('CVTSI2SD', 'F2', '2A', (w) => `x,rm${w}`, (w) => (w === 32 ? int32ToDouble : int64ToDouble), 'sse2'),
  row('CVTTPS2PI', 'NP 0F 2C /r', 'q,xm64', singlesToMmx(true), sse),
  row('CVTTPD2PI', '66 0F 2C /r', 'q,xm128', doublesToMmx(true), sse2),
  ...toInteger('CVTTSS2SI', 'F3', '2C', 'f32', true, 'sse'),
  ...toInteger('CVTTSD2SI', 'F2', '2C', 'f64', true, 'sse2'),
  row('CVTPS2PI', 'NP 0F 2D /r', 'q,xm64', singlesToMmx(false), sse),
  row('CVTPD2PI', '66 0F 2D /r', 'q,xm128', doublesToMmx(false), sse2),
  ...toInteger('CVTSS2SI', 'F3', '2D', 'f32', false, 'sse'),
  ...toInteger('CVTSD2SI', 'F2', '2D', 'f64', false, 'sse2'),
  row('CVTPS2PD', 'NP 0F 5A /r', 'x,xm64', singlesToDoubles, sse2),
  row('CVTPD2PS', '66 0F 5A /r', 'x,xm128', doublesToSingles, sse2),
  row('CVTSS2SD', 'F3 0F 5A /r', 'x,xm32', singleToDouble, sse2),
  row('CVTSD2SS', 'F2 0F 5A /r', 'x,xm64', doubleToSingle, sse2),
  row('CVTDQ2PS', 'NP 0F 5B /r', 'x,xm128', dwordsToSingles, sse2),
  row('CVTPS2DQ', '66 0F 5B /r', 'x,xm128', singlesToDwords(false), sse2),
  row('CVTTPS2DQ', 'F3 0F 5B /r', 'x,xm128', singlesToDwords(true), sse2),
  row('CVTTPD2DQ', '66 0F E6 /r', 'x,xm128', doublesToDwords(true), sse2),
  row('CVTPD2DQ', 'F2 0F E6 /r', 'x,xm128', doublesToDwords(false), sse2),
  row('CVTDQ2PD', 'F3 0F E6 /r', 'x,xm64', dwordsToDoubles, sse2),
];

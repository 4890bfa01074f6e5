/**
 * What the SSE rows call when native arithmetic in line will not do: one entry per kind of instruction, which clears
 * SSE_XM_PENDING first and leaves 1 in it for #XM, 2 for #UD (CR4.OSXMMEXCPT is off).
 */
import { CR4, FP_SCRATCH, MXCSR, SSE_XM_PENDING } from '../../state/vcpu-layout';
import {
  sse_add_f32, sse_add_f64, sse_cmp_f32, sse_cmp_f64, sse_comi_f32, sse_comi_f64, sse_cvt_f32_f64, sse_cvt_f32_i32, sse_cvt_f32_i64, sse_cvt_f64_f32,
  sse_cvt_f64_i32, sse_cvt_f64_i64, sse_cvt_i32_f32, sse_cvt_i64_f32, sse_cvt_i64_f64, sse_cvtt_f32_i32, sse_cvtt_f32_i64, sse_cvtt_f64_i32,
  sse_cvtt_f64_i64, sse_div_f32, sse_div_f64, sse_max_f32, sse_max_f64, sse_min_f32, sse_min_f64, sse_mul_f32, sse_mul_f64, sse_round_f32,
  sse_packed, sse_round_f64, sse_set_mxcsr, sse_sqrt_f32, sse_sqrt_f64, sse_sub_f32, sse_sub_f64, sse_ucomi_f32, sse_ucomi_f64,
} from '../fp/index';

const OSXMMEXCPT: i32 = 0x400;
const DAZ: i32 = 0x40;

// @ts-ignore: decorator
@inline
function start(): void {
  store<i32>(SSE_XM_PENDING, 0);
}

// @ts-ignore: decorator
@inline
function settle(): void {
  if (load<i32>(SSE_XM_PENDING) && !(load<i32>(CR4) & OSXMMEXCPT)) store<i32>(SSE_XM_PENDING, 2);
}

/** Recomputes what follows from MXCSR after something else wrote it. */
export function sse_mxcsr_changed(): void {
  sse_set_mxcsr(load<i32>(MXCSR));
}

/** True when all exceptions are masked, PE is sticky and rounding is to nearest; DAZ and FTZ may be anything. */
// @ts-ignore: decorator
@inline
function plain(): bool {
  return (load<i32>(MXCSR) & 0x7fa0) == 0x1fa0;
}

// --- scalars -------------------------------------------------------------------------------------
const LEAST_F32: f32 = reinterpret<f32>(0x00800000);
const LEAST_F64: f64 = reinterpret<f64>(0x0010000000000000);

// @ts-ignore: decorator
@inline
function normal32(x: f32): bool {
  return abs<f32>(x) > LEAST_F32 && abs<f32>(x) < f32.POSITIVE_INFINITY;
}
// @ts-ignore: decorator
@inline
function normal64(x: f64): bool {
  return abs<f64>(x) > LEAST_F64 && abs<f64>(x) < f64.POSITIVE_INFINITY;
}

/** Set by the functions below when their result is exact in every respect that MXCSR knows. */
let sure: bool = false;

/** Arithmetic on zeros and normal numbers with a normal or exactly zero result: DAZ and FTZ don't matter then. */
function native32(op: i32, a: f32, b: f32): f32 {
  sure = false;
  if ((a != 0 && !normal32(a)) || (b != 0 && !normal32(b))) return 0;
  const r = op == 0 ? a + b : op == 1 ? a * b : op == 2 ? a - b : a / b;
  if (r == 0) sure = op == 1 ? a == 0 || b == 0 : op == 4 ? a == 0 && b != 0 : true;
  else sure = normal32(r);
  return r;
}
function native64(op: i32, a: f64, b: f64): f64 {
  sure = false;
  if ((a != 0 && !normal64(a)) || (b != 0 && !normal64(b))) return 0;
  const r = op == 0 ? a + b : op == 1 ? a * b : op == 2 ? a - b : a / b;
  if (r == 0) sure = op == 1 ? a == 0 || b == 0 : op == 4 ? a == 0 && b != 0 : true;
  else sure = normal64(r);
  return r;
}

/** One element by the operation numbers of `sse_packed` (0 to 7 and 12). */
function scalar32(op: i32, imm: i32, a: u32, b: u32): u32 {
  switch (op) {
    case 0: return sse_add_f32(a, b);
    case 1: return sse_mul_f32(a, b);
    case 2: return sse_sub_f32(a, b);
    case 3: return sse_min_f32(a, b);
    case 4: return sse_div_f32(a, b);
    case 5: return sse_max_f32(a, b);
    case 6: return sse_sqrt_f32(b);
    case 7: return sse_cmp_f32(a, b, imm & 7);
    default: return sse_round_f32(b, imm);
  }
}
function scalar64(op: i32, imm: i32, a: u64, b: u64): u64 {
  switch (op) {
    case 0: return sse_add_f64(a, b);
    case 1: return sse_mul_f64(a, b);
    case 2: return sse_sub_f64(a, b);
    case 3: return sse_min_f64(a, b);
    case 4: return sse_div_f64(a, b);
    case 5: return sse_max_f64(a, b);
    case 6: return sse_sqrt_f64(b);
    case 7: return sse_cmp_f64(a, b, imm & 7);
    default: return sse_round_f64(b, imm);
  }
}

/** 0, 1, 2 and 4 are addition, multiplication, subtraction, division. */
// @ts-ignore: decorator
@inline
function isArithmetic(op: i32): bool {
  return op < 5 && op != 3;
}

/** Scalar single-precision instruction; `op` as in `sse_packed`. */
export function simd_scalar_f32(op: i32, imm: i32, a: i32, b: i32): i32 {
  start();
  if (isArithmetic(op) && plain()) {
    const r = native32(op, reinterpret<f32>(a), reinterpret<f32>(b));
    if (sure) return reinterpret<i32>(r);
  }
  const r = scalar32(op, imm, a, b);
  settle();
  return r;
}

/** Scalar double-precision instruction; `op` as in the single-precision numbers of `sse_packed`. */
export function simd_scalar_f64(op: i32, imm: i32, a: i64, b: i64): i64 {
  start();
  if (isArithmetic(op) && plain()) {
    const r = native64(op, reinterpret<f64>(a), reinterpret<f64>(b));
    if (sure) return reinterpret<i64>(r);
  }
  const r = scalar64(op, imm, a, b);
  settle();
  return r;
}

/** Exceptions of COMISS (quiet 0) and UCOMISS. */
export function simd_comi_f32(quiet: i32, a: i32, b: i32): void {
  start();
  if (quiet) sse_ucomi_f32(a, b);
  else sse_comi_f32(a, b);
  settle();
}

/** Exceptions of COMISD (quiet 0) and UCOMISD. */
export function simd_comi_f64(quiet: i32, a: i64, b: i64): void {
  start();
  if (quiet) sse_ucomi_f64(a, b);
  else sse_comi_f64(a, b);
  settle();
}

/** A single as an instruction sees it: DAZ makes denormals zero. */
export function simd_seen_f32(bits: i32): i32 {
  return load<i32>(MXCSR) & DAZ && !(bits & 0x7f800000) ? bits & 0x80000000 : bits;
}

/** A double as an instruction sees it: DAZ makes denormals zero. */
export function simd_seen_f64(bits: i64): i64 {
  return load<i32>(MXCSR) & DAZ && !(bits & 0x7ff0000000000000) ? bits & 0x8000000000000000 : bits;
}

// --- packed --------------------------------------------------------------------------------------
/** Packed arithmetic on zeros and normal numbers, as `native32` and `native64`. */
function nativePacked(op: i32, a: v128, b: v128): v128 {
  sure = false;
  const zero = i64x2.splat(0);
  let r: v128;
  let bad: v128;
  if (op < 32) {
    const least = f32x4.splat(LEAST_F32);
    const limit = f32x4.splat(f32.POSITIVE_INFINITY);
    r = op == 0 ? f32x4.add(a, b) : op == 1 ? f32x4.mul(a, b) : op == 2 ? f32x4.sub(a, b) : f32x4.div(a, b);
    const aZero = f32x4.eq(a, zero);
    const bZero = f32x4.eq(b, zero);
    const aGood = v128.or(v128.and(f32x4.gt(f32x4.abs(a), least), f32x4.lt(f32x4.abs(a), limit)), aZero);
    const bGood = v128.or(v128.and(f32x4.gt(f32x4.abs(b), least), f32x4.lt(f32x4.abs(b), limit)), bZero);
    const rGood = v128.and(f32x4.gt(f32x4.abs(r), least), f32x4.lt(f32x4.abs(r), limit));
    const excuse = op == 1 ? v128.or(aZero, bZero) : op == 4 ? v128.andnot(aZero, bZero) : f32x4.eq(r, zero);
    bad = v128.not(v128.and(v128.and(aGood, bGood), v128.or(rGood, excuse)));
  } else {
    const least = f64x2.splat(LEAST_F64);
    const limit = f64x2.splat(f64.POSITIVE_INFINITY);
    r = op == 32 ? f64x2.add(a, b) : op == 33 ? f64x2.mul(a, b) : op == 34 ? f64x2.sub(a, b) : f64x2.div(a, b);
    const aZero = f64x2.eq(a, zero);
    const bZero = f64x2.eq(b, zero);
    const aGood = v128.or(v128.and(f64x2.gt(f64x2.abs(a), least), f64x2.lt(f64x2.abs(a), limit)), aZero);
    const bGood = v128.or(v128.and(f64x2.gt(f64x2.abs(b), least), f64x2.lt(f64x2.abs(b), limit)), bZero);
    const rGood = v128.and(f64x2.gt(f64x2.abs(r), least), f64x2.lt(f64x2.abs(r), limit));
    const excuse = op == 33 ? v128.or(aZero, bZero) : op == 36 ? v128.andnot(aZero, bZero) : f64x2.eq(r, zero);
    bad = v128.not(v128.and(v128.and(aGood, bGood), v128.or(rGood, excuse)));
  }
  sure = !v128.any_true(bad);
  return r;
}

/** Packed instruction; `op` as in `sse_packed`. */
export function simd_packed(op: i32, imm: i32, a: v128, b: v128): v128 {
  start();
  if (op < 64 && isArithmetic(op & 31) && plain()) {
    const r = nativePacked(op, a, b);
    if (sure) return r;
  }
  v128.store(FP_SCRATCH, a);
  v128.store(FP_SCRATCH, b, 16);
  sse_packed(op, op == 7 || op == 39 ? imm & 7 : imm);
  settle();
  return v128.load(FP_SCRATCH, 32);
}

// --- conversions -----------------------------------------------------------------------------------
/** CVTSI2SS from 32 bits. */
export function simd_from_i32_f32(x: i32): i32 {
  start();
  const r = sse_cvt_i32_f32(x);
  settle();
  return r;
}

/** CVTSI2SS from 64 bits. */
export function simd_from_i64_f32(x: i64): i32 {
  start();
  if (plain()) return reinterpret<i32>(<f32>x);
  const r = sse_cvt_i64_f32(x);
  settle();
  return r;
}

/** CVTSI2SD from 64 bits. */
export function simd_from_i64_f64(x: i64): i64 {
  start();
  const r = sse_cvt_i64_f64(x);
  settle();
  return r;
}

/** CVTSS2SI and CVTTSS2SI to 32 bits. */
export function simd_to_i32_f32(truncate: i32, bits: i32): i32 {
  start();
  const r = truncate ? sse_cvtt_f32_i32(bits) : sse_cvt_f32_i32(bits);
  settle();
  return r;
}

/** CVTSD2SI and CVTTSD2SI to 32 bits. */
export function simd_to_i32_f64(truncate: i32, bits: i64): i32 {
  start();
  const r = truncate ? sse_cvtt_f64_i32(bits) : sse_cvt_f64_i32(bits);
  settle();
  return r;
}

/** CVTSS2SI and CVTTSS2SI to 64 bits. */
export function simd_to_i64_f32(truncate: i32, bits: i32): i64 {
  start();
  const r = truncate ? sse_cvtt_f32_i64(bits) : sse_cvt_f32_i64(bits);
  settle();
  return r;
}

/** CVTSD2SI and CVTTSD2SI to 64 bits. */
export function simd_to_i64_f64(truncate: i32, bits: i64): i64 {
  start();
  const r = truncate ? sse_cvtt_f64_i64(bits) : sse_cvt_f64_i64(bits);
  settle();
  return r;
}

/** CVTSS2SD. */
export function simd_f32_f64(bits: i32): i64 {
  start();
  const r = sse_cvt_f32_f64(bits);
  settle();
  return r;
}

/** CVTSD2SS. */
export function simd_f64_f32(bits: i64): i32 {
  start();
  const r = sse_cvt_f64_f32(bits);
  settle();
  return r;
}

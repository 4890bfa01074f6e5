/** The SSE slow paths on one element: the exported scalar routines. */
import {
  addElement, compareElement, divElement, mulElement, pickElement, predicateElement, sqrtElement,
} from './sse-arithmetic';
import { currentRounding, fromInteger, roundElement, toDouble, toInteger, toSingle } from './sse-convert';
import { DOUBLE, SINGLE, begin, end } from './sse-core';

/** ZF, PF, CF of a comparison. */
// @ts-ignore: decorator
@inline
function compareFlags(relation: i32): i32 {
  return relation == 0 ? 0x40 : relation == 1 ? 1 : relation == 2 ? 0 : 0x45;
}

/** a + b, single. */
export function sse_add_f32(a: u32, b: u32): u32 {
  begin();
  const r = <u32>addElement(a, b, 0, SINGLE);
  end();
  return r;
}

/** a - b, single. */
export function sse_sub_f32(a: u32, b: u32): u32 {
  begin();
  const r = <u32>addElement(a, b, 0x8000, SINGLE);
  end();
  return r;
}

/** a * b, single. */
export function sse_mul_f32(a: u32, b: u32): u32 {
  begin();
  const r = <u32>mulElement(a, b, SINGLE);
  end();
  return r;
}

/** a / b, single. */
export function sse_div_f32(a: u32, b: u32): u32 {
  begin();
  const r = <u32>divElement(a, b, SINGLE);
  end();
  return r;
}

/** Minimum of a and b, single. */
export function sse_min_f32(a: u32, b: u32): u32 {
  begin();
  const r = <u32>pickElement(a, b, 1, SINGLE);
  end();
  return r;
}

/** Maximum of a and b, single. */
export function sse_max_f32(a: u32, b: u32): u32 {
  begin();
  const r = <u32>pickElement(a, b, 2, SINGLE);
  end();
  return r;
}

/** Square root, single. */
export function sse_sqrt_f32(b: u32): u32 {
  begin();
  const r = <u32>sqrtElement(b, SINGLE);
  end();
  return r;
}

/** ROUNDSS and ROUNDSD, single. */
export function sse_round_f32(b: u32, imm: i32): u32 {
  begin();
  const r = <u32>roundElement(b, imm, SINGLE);
  end();
  return r;
}

/** Compares by predicate: all ones or zero, single. */
export function sse_cmp_f32(a: u32, b: u32, predicate: i32): u32 {
  begin();
  const holds = predicateElement(a, b, predicate, SINGLE);
  end();
  return <u32>(0 - u64(holds));
}

/** ZF, PF, CF of COMI, single. */
export function sse_comi_f32(a: u32, b: u32): i32 {
  begin();
  const relation = compareElement(a, b, false, SINGLE);
  end();
  return compareFlags(relation);
}

/** ZF, PF, CF of UCOMI, single. */
export function sse_ucomi_f32(a: u32, b: u32): i32 {
  begin();
  const relation = compareElement(a, b, true, SINGLE);
  end();
  return compareFlags(relation);
}

/** 32-bit integer to single. */
export function sse_cvt_i32_f32(v: i32): u32 {
  begin();
  const r = <u32>fromInteger(<i64>v, SINGLE);
  end();
  return r;
}

/** Single to 32-bit integer. */
export function sse_cvt_f32_i32(b: u32): i32 {
  begin();
  const r = <i32>toInteger(b, SINGLE, 32, currentRounding());
  end();
  return r;
}

/** Single to 32-bit integer, truncating. */
export function sse_cvtt_f32_i32(b: u32): i32 {
  begin();
  const r = <i32>toInteger(b, SINGLE, 32, 3);
  end();
  return r;
}

/** 64-bit integer to single. */
export function sse_cvt_i64_f32(v: i64): u32 {
  begin();
  const r = <u32>fromInteger(v, SINGLE);
  end();
  return r;
}

/** Single to 64-bit integer. */
export function sse_cvt_f32_i64(b: u32): i64 {
  begin();
  const r = toInteger(b, SINGLE, 64, currentRounding());
  end();
  return r;
}

/** Single to 64-bit integer, truncating. */
export function sse_cvtt_f32_i64(b: u32): i64 {
  begin();
  const r = toInteger(b, SINGLE, 64, 3);
  end();
  return r;
}

/** a + b, double. */
export function sse_add_f64(a: u64, b: u64): u64 {
  begin();
  const r = <u64>addElement(a, b, 0, DOUBLE);
  end();
  return r;
}

/** a - b, double. */
export function sse_sub_f64(a: u64, b: u64): u64 {
  begin();
  const r = <u64>addElement(a, b, 0x8000, DOUBLE);
  end();
  return r;
}

/** a * b, double. */
export function sse_mul_f64(a: u64, b: u64): u64 {
  begin();
  const r = <u64>mulElement(a, b, DOUBLE);
  end();
  return r;
}

/** a / b, double. */
export function sse_div_f64(a: u64, b: u64): u64 {
  begin();
  const r = <u64>divElement(a, b, DOUBLE);
  end();
  return r;
}

/** Minimum of a and b, double. */
export function sse_min_f64(a: u64, b: u64): u64 {
  begin();
  const r = <u64>pickElement(a, b, 1, DOUBLE);
  end();
  return r;
}

/** Maximum of a and b, double. */
export function sse_max_f64(a: u64, b: u64): u64 {
  begin();
  const r = <u64>pickElement(a, b, 2, DOUBLE);
  end();
  return r;
}

/** Square root, double. */
export function sse_sqrt_f64(b: u64): u64 {
  begin();
  const r = <u64>sqrtElement(b, DOUBLE);
  end();
  return r;
}

/** ROUNDSS and ROUNDSD, double. */
export function sse_round_f64(b: u64, imm: i32): u64 {
  begin();
  const r = <u64>roundElement(b, imm, DOUBLE);
  end();
  return r;
}

/** Compares by predicate: all ones or zero, double. */
export function sse_cmp_f64(a: u64, b: u64, predicate: i32): u64 {
  begin();
  const holds = predicateElement(a, b, predicate, DOUBLE);
  end();
  return <u64>(0 - u64(holds));
}

/** ZF, PF, CF of COMI, double. */
export function sse_comi_f64(a: u64, b: u64): i32 {
  begin();
  const relation = compareElement(a, b, false, DOUBLE);
  end();
  return compareFlags(relation);
}

/** ZF, PF, CF of UCOMI, double. */
export function sse_ucomi_f64(a: u64, b: u64): i32 {
  begin();
  const relation = compareElement(a, b, true, DOUBLE);
  end();
  return compareFlags(relation);
}

/** 32-bit integer to double. */
export function sse_cvt_i32_f64(v: i32): u64 {
  begin();
  const r = <u64>fromInteger(<i64>v, DOUBLE);
  end();
  return r;
}

/** Double to 32-bit integer. */
export function sse_cvt_f64_i32(b: u64): i32 {
  begin();
  const r = <i32>toInteger(b, DOUBLE, 32, currentRounding());
  end();
  return r;
}

/** Double to 32-bit integer, truncating. */
export function sse_cvtt_f64_i32(b: u64): i32 {
  begin();
  const r = <i32>toInteger(b, DOUBLE, 32, 3);
  end();
  return r;
}

/** 64-bit integer to double. */
export function sse_cvt_i64_f64(v: i64): u64 {
  begin();
  const r = <u64>fromInteger(v, DOUBLE);
  end();
  return r;
}

/** Double to 64-bit integer. */
export function sse_cvt_f64_i64(b: u64): i64 {
  begin();
  const r = toInteger(b, DOUBLE, 64, currentRounding());
  end();
  return r;
}

/** Double to 64-bit integer, truncating. */
export function sse_cvtt_f64_i64(b: u64): i64 {
  begin();
  const r = toInteger(b, DOUBLE, 64, 3);
  end();
  return r;
}

/** Single to double. */
export function sse_cvt_f32_f64(b: u32): u64 {
  begin();
  const r = toDouble(b);
  end();
  return r;
}

/** Double to single. */
export function sse_cvt_f64_f32(b: u64): u32 {
  begin();
  const r = <u32>toSingle(b);
  end();
  return r;
}

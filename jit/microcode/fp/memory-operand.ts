/** Memory operands as f80 values: single, double and integer. */
import { DE, J_BIT } from './state';

/** Significand is returned by the functions; this is its sign and exponent. */
export let opSe: i32 = 0;
/** DE when the operand was a denormal. */
export let opFlags: i32 = 0;

/** Widens a single. NaNs keep their quiet bit, so that the caller sees signalling ones. */
export function widen32(bits: i64): u64 {
  const raw = <i32>bits;
  const sign = (raw >>> 16) & 0x8000;
  const e = (raw >>> 23) & 0xff;
  const m = (<u64>(raw & 0x7fffff)) << 40;
  opFlags = 0;
  if (e != 0 && e != 255) {
    opSe = sign | (e + 0x3f80);
    return m | J_BIT;
  }
  if (e == 255) {
    opSe = sign | 0x7fff;
    return m | J_BIT;
  }
  opSe = sign;
  if (m == 0) return 0;
  opFlags = DE;
  const z = i32(clz(m));
  opSe = sign | (0x3f81 - z);
  return m << z;
}

/** Widens a double. NaNs keep their quiet bit, so that the caller sees signalling ones. */
export function widen64(bits: i64): u64 {
  const sign = <i32>(bits >>> 48) & 0x8000;
  const e = <i32>(bits >>> 52) & 0x7ff;
  const m = <u64>bits << 11;
  opFlags = 0;
  if (e != 0 && e != 0x7ff) {
    opSe = sign | (e + 0x3c00);
    return m | J_BIT;
  }
  if (e != 0) {
    opSe = sign | 0x7fff;
    return m | J_BIT;
  }
  const n = m & ~J_BIT;
  opSe = sign;
  if (n == 0) return 0;
  opFlags = DE;
  const z = i32(clz(n));
  opSe = sign | (0x3c01 - z);
  return n << z;
}

/** Widens an integer. */
// @ts-ignore: decorator
@inline
export function widenInteger(v: i64): u64 {
  opFlags = 0;
  if (v == 0) {
    opSe = 0;
    return 0;
  }
  const magnitude: u64 = v < 0 ? 0 - <u64>v : <u64>v;
  const z = clz(magnitude);
  opSe = (<i32>(v >>> 48) & 0x8000) | (0x403e - i32(z));
  return magnitude << z;
}

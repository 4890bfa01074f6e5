/** The exact sum of two values, before rounding: what x87 and SSE addition share. */
import { J_BIT } from './state';

/** The sum: (-1)^sign * hi.lo * 2^(e - 16383), its top bit set, the lowest one sticky; hi = lo = 0 when the operands cancel. */
export let sumHi: u64 = 0;
export let sumLo: u64 = 0;
export let sumE: i32 = 0;
export let sumSign: i32 = 0;

/** Sums values with normalised significands. */
export function sumWide(a: u64, ae: i32, as: i32, b: u64, be: i32, bs: i32): void {
  const swap = be > ae || (be == ae && b > a);
  const x = swap ? b : a;
  const y = swap ? a : b;
  const d = swap ? be - ae : ae - be;
  let e = swap ? be : ae;
  let hi: u64 = 0;
  let lo: u64 = 1;
  if (d < 64) {
    hi = y >> d;
    lo = (y << 1) << (63 - d);
  } else if (d < 128) {
    lo = (y >> (d - 64)) | u64(((y << 1) << (127 - d)) != 0);
  }
  if (as == bs) {
    hi += x;
    if (hi < x) {
      lo = (hi << 63) | (lo >> 1) | (lo & 1);
      hi = (hi >> 1) | J_BIT;
      e++;
    }
  } else {
    hi = x - hi - u64(lo != 0);
    lo = 0 - lo;
    if (hi == 0) {
      hi = lo;
      lo = 0;
      e -= 64;
    }
    const z = i32(clz(hi));
    if (z > 0 && z < 64) {
      hi = (hi << z) | (lo >> (64 - z));
      lo <<= z;
      e -= z;
    }
  }
  sumHi = hi;
  sumLo = lo;
  sumE = e;
  sumSign = swap ? bs : as;
}

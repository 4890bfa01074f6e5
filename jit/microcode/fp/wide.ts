/** 128-bit integer steps out of 64-bit ones. */

const M32: u64 = 0xffffffff;

/** Low half of the last `mulWide`. */
export let wideLo: u64 = 0;

/** High half of a * b; the low half is in `wideLo`. */
// @ts-ignore: decorator
@inline
export function mulWide(a: u64, b: u64): u64 {
  const al = a & M32;
  const ah = a >> 32;
  const bl = b & M32;
  const bh = b >> 32;
  const ll = al * bl;
  const lh = al * bh;
  const hl = ah * bl;
  const mid = (ll >> 32) + (lh & M32) + (hl & M32);
  wideLo = (mid << 32) | (ll & M32);
  return ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32);
}

/** Remainder of the last `divWide`. */
export let wideRem: u64 = 0;

/** One 32-bit digit of the quotient of (r:next) / d, by Knuth's algorithm D. */
// @ts-ignore: decorator
@inline
function digit(r: u64, next: u64, d: u64): u64 {
  const dh = d >> 32;
  const dl = d & M32;
  let q = r / dh;
  let rest = r - q * dh;
  while (q > M32 || q * dl > ((rest << 32) | next)) {
    q--;
    rest += dh;
    if (rest > M32) break;
  }
  wideRem = ((r << 32) | next) - q * d;
  return q;
}

/** (hi:lo) / d for hi < d and d with its top bit set; the remainder is in `wideRem`. */
// @ts-ignore: decorator
@inline
export function divWide(hi: u64, lo: u64, d: u64): u64 {
  const q1 = digit(hi, lo >> 32, d);
  const q0 = digit(wideRem, lo & M32, d);
  return (q1 << 32) | q0;
}

/**
 * Integer square root of hi:lo, which is at least 2^126. `wideRem` says where the true root lies above the result:
 * 0 = nowhere, 1 = below half a unit, all ones = above half a unit.
 */
export function sqrtWide(hi: u64, lo: u64): u64 {
  const estimate = sqrt<f64>(<f64>hi) * 4294967296.0;
  let s: u64 = estimate >= 18446744073709551615.0 ? 0xffffffffffffffff : <u64>estimate;
  // One Newton step on the exact error brings 52 bits to 64, give or take one unit.
  let high = mulWide(s, s);
  let el = lo - wideLo;
  let eh = <i64>(hi - high - u64(lo < wideLo));
  s += <u64>(<i64>floor<f64>((<f64>eh * 18446744073709551616.0 + <f64>el) / (2.0 * estimate)));
  high = mulWide(s, s);
  el = lo - wideLo;
  eh = <i64>(hi - high - u64(lo < wideLo));
  while (eh < 0) {
    s--;
    const twice = (s << 1) | 1;
    el += twice;
    eh += <i64>(s >> 63) + i64(el < twice);
  }
  while (eh > <i64>(s >> 63) || (eh == <i64>(s >> 63) && el > s << 1)) {
    const twice = (s << 1) | 1;
    eh -= <i64>(s >> 63) + i64(el < twice);
    el -= twice;
    s++;
  }
  wideRem = eh != 0 || el > s ? ~(<u64>0) : u64(el != 0);
  return s;
}

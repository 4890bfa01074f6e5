/** 128-bit arithmetic out of 64-bit steps: products, quotients, roots, and fixed point on one accumulator. */

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
  const half = 0.5 / estimate;
  // One Newton step on the exact error brings 52 bits to 64, give or take one unit.
  let high = mulWide(s, s);
  let el = lo - wideLo;
  let eh = <i64>(hi - high - u64(lo < wideLo));
  s += <u64>(<i64>floor<f64>((<f64>eh * 18446744073709551616.0 + <f64>el) * half));
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

/** The accumulator, vh:vl. */
export let vh: u64 = 0;
export let vl: u64 = 0;
/** Exponent that goes with the accumulator when it holds a floating value. */
export let ve: i32 = 0;

/** Sets the accumulator. */
// @ts-ignore: decorator
@inline
export function set128(h: u64, l: u64): void {
  vh = h;
  vl = l;
}

/** Sets the accumulator's exponent. */
// @ts-ignore: decorator
@inline
export function setExponent(e: i32): void {
  ve = e;
}

/** High 64 bits of a * b. */
// @ts-ignore: decorator
@inline
export function mulHigh(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const lh = al * bh;
  const hl = ah * bl + (lh & 0xffffffff) + ((al * bl) >> 32);
  return ah * bh + (lh >> 32) + (hl >> 32);
}

/** Accumulator = accumulator * (h:l) >> 128, cut; at most three units of 2^-128 too small. */
export function mul128(h: u64, l: u64): void {
  const high = mulWide(vh, h);
  const low = wideLo;
  const cross = mulHigh(vh, l);
  const other = mulHigh(vl, h);
  const partial = low + cross;
  const sum = partial + other;
  vh = high + u64(partial < cross) + u64(sum < other);
  vl = sum;
}

/** Accumulator = (h:l) - accumulator * z, for Horner's scheme with alternating signs. */
export function stepDown(h: u64, l: u64, zh: u64, zl: u64): void {
  mul128(zh, zl);
  const borrow = u64(l < vl);
  vl = l - vl;
  vh = h - vh - borrow;
}

/** Accumulator = (h:l) + accumulator * z. */
export function stepUp(h: u64, l: u64, zh: u64, zl: u64): void {
  mul128(zh, zl);
  vl += l;
  vh += h + u64(vl < l);
}

/** Accumulator = accumulator + (h:l). */
export function add128(h: u64, l: u64): void {
  vl += l;
  vh += h + u64(vl < l);
}

/** Accumulator = (h:l) - accumulator. */
export function subFrom128(h: u64, l: u64): void {
  const borrow = u64(l < vl);
  vl = l - vl;
  vh = h - vh - borrow;
}

/** Shifts the accumulator left until its top bit is set, and lowers its exponent as far. It must not be zero. */
export function normalize128(): void {
  if (vh == 0) {
    vh = vl;
    vl = 0;
    ve -= 64;
  }
  const z = clz(vh);
  if (z == 0) return;
  vh = (vh << z) | (vl >> (64 - z));
  vl <<= z;
  ve -= i32(z);
}

/** Shifts the accumulator right by n, 0 to any number. */
export function shiftRight128(n: i32): void {
  if (n <= 0) return;
  if (n >= 64) {
    vl = n < 128 ? vh >> (n - 64) : 0;
    vh = 0;
    return;
  }
  vl = (vl >> n) | (vh << (64 - n));
  vh >>= n;
}

/** One 64-bit digit of (vh:vl) / (dh:dl), for vh:vl < dh:dl and dh with its top bit set; the accumulator keeps the remainder. */
function digit128(dh: u64, dl: u64): u64 {
  let q: u64 = vh >= dh ? 0xffffffffffffffff : divWide(vh, vl, dh);
  // The estimate from dh alone is at most two too large: take q * d off (vh:vl:0) and mend.
  let high = mulWide(q, dh);
  let mid = wideLo;
  const cross = mulWide(q, dl);
  const low = wideLo;
  mid += cross;
  high += u64(mid < cross);
  let r0: u64 = 0 - low;
  let r1 = vl - mid;
  let r2 = vh - high - u64(vl < mid);
  if (low != 0) {
    r2 -= u64(r1 == 0);
    r1--;
  }
  while (<i64>r2 < 0) {
    q--;
    r0 += dl;
    const carry = u64(r0 < dl);
    const sum = r1 + dh;
    const next = sum + carry;
    r2 += u64(sum < dh) + u64(next < sum);
    r1 = next;
  }
  vh = r1;
  vl = r0;
  return q;
}

/** Accumulator = floor((vh:vl) * 2^128 / (dh:dl)), for vh:vl < dh:dl and dh with its top bit set. */
export function div128(dh: u64, dl: u64): void {
  const q1 = digit128(dh, dl);
  const q0 = digit128(dh, dl);
  vh = q1;
  vl = q0;
}

/** 128-bit fixed-point arithmetic on one accumulator, for the transcendental instructions. */
import { divWide, mulWide, wideLo, wideRem } from './wide';

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

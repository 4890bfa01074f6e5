/** SHA-1 and SHA-256 steps, as the SDM describes SHA1RNDS4 and its siblings. Element 3 is the top dword. */

// @ts-ignore: decorator
@inline
function lane(v: v128, i: i32): u32 {
  return <u32>(i == 0 ? i32x4.extract_lane(v, 0) : i == 1 ? i32x4.extract_lane(v, 1) : i == 2 ? i32x4.extract_lane(v, 2) : i32x4.extract_lane(v, 3));
}

/** A vector of four dwords, lowest first. */
// @ts-ignore: decorator
@inline
function vector(a: u32, b: u32, c: u32, d: u32): v128 {
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(<i32>a), 1, <i32>b), 2, <i32>c), 3, <i32>d);
}

/** SHA1NEXTE. */
export function simd_sha1nexte(a: v128, b: v128): v128 {
  return i32x4.add(b, vector(0, 0, 0, rotl<u32>(lane(a, 3), 30)));
}

/** SHA1MSG1. */
export function simd_sha1msg1(a: v128, b: v128): v128 {
  return v128.xor(a, v128.shuffle<u8>(a, b, 24, 25, 26, 27, 28, 29, 30, 31, 0, 1, 2, 3, 4, 5, 6, 7));
}

/** SHA1MSG2. */
export function simd_sha1msg2(a: v128, b: v128): v128 {
  const w16 = rotl<u32>(lane(a, 3) ^ lane(b, 2), 1);
  const w17 = rotl<u32>(lane(a, 2) ^ lane(b, 1), 1);
  const w18 = rotl<u32>(lane(a, 1) ^ lane(b, 0), 1);
  const w19 = rotl<u32>(lane(a, 0) ^ w16, 1);
  return vector(w19, w18, w17, w16);
}

/** SHA1RNDS4: four rounds with the function and constant that `kind` (0 to 3) numbers. */
export function simd_sha1rnds4(state: v128, words: v128, kind: i32): v128 {
  let a = lane(state, 3);
  let b = lane(state, 2);
  let c = lane(state, 1);
  let d = lane(state, 0);
  let e: u32 = 0;
  const k: u32 = kind == 0 ? 0x5a827999 : kind == 1 ? 0x6ed9eba1 : kind == 2 ? 0x8f1bbcdc : 0xca62c1d6;
  for (let i = 3; i >= 0; i--) {
    const f = kind == 0 ? (b & c) ^ (~b & d) : kind == 2 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
    const next = f + rotl<u32>(a, 5) + lane(words, i) + e + k;
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  return vector(d, c, b, a);
}

/** Dwords rotated right. */
// @ts-ignore: decorator
@inline
function turned(v: v128, n: i32): v128 {
  return v128.or(i32x4.shr_u(v, n), i32x4.shl(v, 32 - n));
}

/** SHA256MSG1. */
export function simd_sha256msg1(a: v128, b: v128): v128 {
  const next = v128.shuffle<u8>(a, b, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
  return i32x4.add(a, v128.xor(v128.xor(turned(next, 7), turned(next, 18)), i32x4.shr_u(next, 3)));
}

// @ts-ignore: decorator
@inline
function sigma1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
}

/** SHA256MSG2. */
export function simd_sha256msg2(a: v128, b: v128): v128 {
  const w16 = lane(a, 0) + sigma1(lane(b, 2));
  const w17 = lane(a, 1) + sigma1(lane(b, 3));
  const w18 = lane(a, 2) + sigma1(w16);
  const w19 = lane(a, 3) + sigma1(w17);
  return vector(w16, w17, w18, w19);
}

/** SHA256RNDS2: `cdgh` is the destination, `abef` the source, `wk` XMM0. */
export function simd_sha256rnds2(cdgh: v128, abef: v128, wk: v128): v128 {
  let a = lane(abef, 3);
  let b = lane(abef, 2);
  let c = lane(cdgh, 3);
  let d = lane(cdgh, 2);
  let e = lane(abef, 1);
  let f = lane(abef, 0);
  let g = lane(cdgh, 1);
  let h = lane(cdgh, 0);
  for (let i = 0; i < 2; i++) {
    const t = ((e & f) ^ (~e & g)) + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + lane(wk, i) + h;
    const s = ((a & b) ^ (a & c) ^ (b & c)) + (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22));
    h = g;
    g = f;
    f = e;
    e = d + t;
    d = c;
    c = b;
    b = a;
    a = t + s;
  }
  return vector(f, e, b, a);
}

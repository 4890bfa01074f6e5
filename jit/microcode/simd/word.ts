/** MPSADBW and PHMINPOSUW. */

/** Byte differences, without sign. */
// @ts-ignore: decorator
@inline
function distance(a: v128, b: v128): v128 {
  return v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
}

/** MPSADBW: eight sums of four byte differences, between a block of `b` and the windows of `a` that begin at bit 2 of `imm`. */
export function simd_mpsadbw(a: v128, b: v128, imm: i32): v128 {
  const from = i8x16.add(i8x16.splat(<i8>(imm & 4)), i8x16(0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8));
  const block = (imm & 3) << 2;
  const first = i8x16.add(i16x8.splat(<i16>((block << 8) | block)), i16x8.splat(0x0100));
  const second = i8x16.add(first, i16x8.splat(0x0202));
  // words of pairs: bytes i and i + 1 of the window against bytes 0 and 1 of the block, then 2 and 3
  const low = distance(v128.swizzle(a, from), v128.swizzle(b, first));
  const high = distance(v128.swizzle(a, i8x16.add(from, i8x16.splat(2))), v128.swizzle(b, second));
  return i16x8.add(i16x8.extadd_pairwise_i8x16_u(low), i16x8.extadd_pairwise_i8x16_u(high));
}

/** PHMINPOSUW: least word and its place. */
export function simd_phminposuw(v: v128): v128 {
  let m = i16x8.min_u(v, v128.shuffle<u8>(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  m = i16x8.min_u(m, v128.shuffle<u8>(m, m, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  m = i16x8.min_u(m, v128.shuffle<u8>(m, m, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  const place = ctz<i32>(i16x8.bitmask(i16x8.eq(v, m)));
  return i32x4.replace_lane(i32x4.splat(0), 0, (place << 16) | i16x8.extract_lane_u(m, 0));
}

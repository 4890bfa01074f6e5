/** PCLMULQDQ: multiplication of polynomials over GF(2). */

/** Every fourth bit, from bit 0. */
const EVERY_FOURTH: u64 = 0x1111111111111111;

/**
 * Low 64 bits of the product. Operands are split so that their bits are four places apart: sums of up to 16 partial
 * products then never carry into a bit that counts.
 */
function low(x: u64, y: u64): u64 {
  const x0 = x & EVERY_FOURTH;
  const x1 = x & (EVERY_FOURTH << 1);
  const x2 = x & (EVERY_FOURTH << 2);
  const x3 = x & (EVERY_FOURTH << 3);
  const y0 = y & EVERY_FOURTH;
  const y1 = y & (EVERY_FOURTH << 1);
  const y2 = y & (EVERY_FOURTH << 2);
  const y3 = y & (EVERY_FOURTH << 3);
  const z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
  const z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
  const z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
  const z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
  return (z0 & EVERY_FOURTH) | (z1 & (EVERY_FOURTH << 1)) | (z2 & (EVERY_FOURTH << 2)) | (z3 & (EVERY_FOURTH << 3));
}

/** Bits in the opposite order. */
function reverse(x: u64): u64 {
  x = ((x >> 1) & 0x5555555555555555) | ((x & 0x5555555555555555) << 1);
  x = ((x >> 2) & 0x3333333333333333) | ((x & 0x3333333333333333) << 2);
  x = ((x >> 4) & 0x0f0f0f0f0f0f0f0f) | ((x & 0x0f0f0f0f0f0f0f0f) << 4);
  return bswap<u64>(x);
}

/** The 128-bit product of one half of each operand: bit 0 of `imm` picks of `a`, bit 4 of `b`. */
export function simd_pclmul(a: v128, b: v128, imm: i32): v128 {
  const x = <u64>(imm & 1 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0));
  const y = <u64>(imm & 16 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0));
  const high = reverse(low(reverse(x), reverse(y))) >> 1;
  return i64x2.replace_lane(i64x2.splat(<i64>low(x, y)), 1, <i64>high);
}

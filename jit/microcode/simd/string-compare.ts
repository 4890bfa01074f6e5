/** PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM vol 2, 4.1). */
import { FP_SCRATCH } from '../../state/vcpu-layout';

const A: i32 = FP_SCRATCH;
const B: i32 = FP_SCRATCH + 16;

/** Element `i` of a string; `format` bit 0: words, bit 1: signed. */
function element(p: i32, i: i32, format: i32): i32 {
  if (format == 0) return load<u8>(p + i);
  if (format == 1) return load<u16>(p + 2 * i);
  if (format == 2) return load<i8>(p + i);
  return load<i16>(p + 2 * i);
}

/** Elements before the first zero element. */
export function simd_implicit_length(v: v128, imm: i32): i32 {
  const zeros = imm & 1 ? i16x8.bitmask(i16x8.eq(v, i16x8.splat(0))) : i8x16.bitmask(i8x16.eq(v, i8x16.splat(0)));
  return ctz<i32>(zeros | (imm & 1 ? 0x100 : 0x10000));
}

/** Length from a general register, in magnitude and no larger than the register. */
export function simd_explicit_length(value: i64, imm: i32): i32 {
  const most: i64 = imm & 1 ? 8 : 16;
  const n = value < 0 ? -value : value;
  return n < 0 || n > most ? <i32>most : <i32>n;
}

/** Characters of b that are one of a's. */
function equalAny(la: i32, lb: i32, format: i32): i32 {
  let result = 0;
  for (let j = 0; j < lb; j++) {
    const c = element(B, j, format);
    for (let i = 0; i < la; i++) if (element(A, i, format) == c) {
      result |= 1 << j;
      break;
    }
  }
  return result;
}

/** Characters of b inside one of a's ranges. */
function ranges(la: i32, lb: i32, format: i32): i32 {
  let result = 0;
  for (let j = 0; j < lb; j++) {
    const c = element(B, j, format);
    for (let i = 0; i + 1 < la; i += 2) if (element(A, i, format) <= c && c <= element(A, i + 1, format)) {
      result |= 1 << j;
      break;
    }
  }
  return result;
}

/** Equal characters in the same place; places behind both ends are equal. */
function equalEach(n: i32, la: i32, lb: i32, format: i32): i32 {
  let result = 0;
  for (let j = 0; j < n; j++) {
    const inA = j < la;
    const inB = j < lb;
    if (inA && inB ? element(A, j, format) == element(B, j, format) : inA == inB) result |= 1 << j;
  }
  return result;
}

/** Places of b where a, as far as both reach, begins. */
function equalOrdered(n: i32, la: i32, lb: i32, format: i32): i32 {
  let result = 0;
  for (let j = 0; j < n; j++) {
    let holds = true;
    for (let i = 0; i < la && i + j < n; i++) {
      if (i + j >= lb || element(A, i, format) != element(B, i + j, format)) {
        holds = false;
        break;
      }
    }
    if (holds) result |= 1 << j;
  }
  return result;
}

/** The result bit mask (IntRes2) of comparing `a` (la elements) with `b` (lb elements). */
export function simd_compare_strings(a: v128, b: v128, la: i32, lb: i32, imm: i32): i32 {
  v128.store(A, a);
  v128.store(B, b);
  const n = imm & 1 ? 8 : 16;
  const format = imm & 3;
  const way = (imm >> 2) & 3;
  const all = (1 << n) - 1;
  const r = way == 0 ? equalAny(la, lb, format) : way == 1 ? ranges(la, lb, format) : way == 2 ? equalEach(n, la, lb, format) : equalOrdered(n, la, lb, format);
  if (!(imm & 0x10)) return r;
  return imm & 0x20 ? r ^ ((1 << lb) - 1) : r ^ all;
}

/** The mask PCMPESTRM and PCMPISTRM write to XMM0: bits, or whole elements when bit 6 of `imm` is set. */
export function simd_string_mask(result: i32, imm: i32): v128 {
  if (!(imm & 0x40)) return i32x4.replace_lane(i32x4.splat(0), 0, result);
  if (imm & 1) return i16x8.ne(v128.and(i16x8.splat(<i16>result), i16x8(1, 2, 4, 8, 16, 32, 64, 128)), i16x8.splat(0));
  const bits = v128.shuffle<u8>(i16x8.splat(<i16>result), i16x8.splat(<i16>result), 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  return i8x16.ne(v128.and(bits, i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128)), i8x16.splat(0));
}

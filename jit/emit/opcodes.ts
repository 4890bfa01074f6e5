/** Bit of opcodes that WebAssembly writes after the byte 0xfc. */
export const PREFIX_FC = 0x100;
/** Bit of opcodes that WebAssembly writes after the byte 0xfd: vectors. */
export const PREFIX_FD = 0x200;
/** Bits of opcodes that WebAssembly writes after the byte 0xfe: atomics. */
export const PREFIX_FE = 0x300;

const FC = PREFIX_FC;
const FD = PREFIX_FD;

/**
 * Opcodes of the operations by group, shape and name. `unary` and `binary` give the group's type; `test` and `compare`
 * give an i32. Names are those of WebAssembly text, without the operand type where Binaryen leaves it out.
 */
export const OPERATIONS = {
  i32: {
    load: { load: 0x28, load8_s: 0x2c, load8_u: 0x2d, load16_s: 0x2e, load16_u: 0x2f },
    store: { store: 0x36, store8: 0x3a, store16: 0x3b },
    test: { eqz: 0x45 },
    compare: { eq: 0x46, ne: 0x47, lt_s: 0x48, lt_u: 0x49, gt_s: 0x4a, gt_u: 0x4b, le_s: 0x4c, le_u: 0x4d, ge_s: 0x4e, ge_u: 0x4f },
    unary: {
      ...{ clz: 0x67, ctz: 0x68, popcnt: 0x69, extend8_s: 0xc0, extend16_s: 0xc1, wrap: 0xa7, reinterpret: 0xbc },
      ...{ trunc_f32_s: 0xa8, trunc_f32_u: 0xa9, trunc_f64_s: 0xaa, trunc_f64_u: 0xab },
      ...{ trunc_sat_f32_s: FC, trunc_sat_f32_u: FC + 1, trunc_sat_f64_s: FC + 2, trunc_sat_f64_u: FC + 3 },
    },
    binary: {
      ...{ add: 0x6a, sub: 0x6b, mul: 0x6c, div_s: 0x6d, div_u: 0x6e, rem_s: 0x6f, rem_u: 0x70, and: 0x71, or: 0x72, xor: 0x73 },
      ...{ shl: 0x74, shr_s: 0x75, shr_u: 0x76, rotl: 0x77, rotr: 0x78 },
    },
  },
  i64: {
    load: { load: 0x29, load8_s: 0x30, load8_u: 0x31, load16_s: 0x32, load16_u: 0x33, load32_s: 0x34, load32_u: 0x35 },
    store: { store: 0x37, store8: 0x3c, store16: 0x3d, store32: 0x3e },
    test: { eqz: 0x50 },
    compare: { eq: 0x51, ne: 0x52, lt_s: 0x53, lt_u: 0x54, gt_s: 0x55, gt_u: 0x56, le_s: 0x57, le_u: 0x58, ge_s: 0x59, ge_u: 0x5a },
    unary: {
      ...{ clz: 0x79, ctz: 0x7a, popcnt: 0x7b, extend8_s: 0xc2, extend16_s: 0xc3, extend32_s: 0xc4, extend_s: 0xac, extend_u: 0xad, reinterpret: 0xbd },
      ...{ trunc_f32_s: 0xae, trunc_f32_u: 0xaf, trunc_f64_s: 0xb0, trunc_f64_u: 0xb1 },
      ...{ trunc_sat_f32_s: FC + 4, trunc_sat_f32_u: FC + 5, trunc_sat_f64_s: FC + 6, trunc_sat_f64_u: FC + 7 },
    },
    binary: {
      ...{ add: 0x7c, sub: 0x7d, mul: 0x7e, div_s: 0x7f, div_u: 0x80, rem_s: 0x81, rem_u: 0x82, and: 0x83, or: 0x84, xor: 0x85 },
      ...{ shl: 0x86, shr_s: 0x87, shr_u: 0x88, rotl: 0x89, rotr: 0x8a },
    },
  },
  f32: {
    load: { load: 0x2a },
    store: { store: 0x38 },
    compare: { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60 },
    unary: {
      ...{ abs: 0x8b, neg: 0x8c, ceil: 0x8d, floor: 0x8e, trunc: 0x8f, nearest: 0x90, sqrt: 0x91, demote: 0xb6, reinterpret: 0xbe },
      ...{ convert_i32_s: 0xb2, convert_i32_u: 0xb3, convert_i64_s: 0xb4, convert_i64_u: 0xb5 },
    },
    binary: { add: 0x92, sub: 0x93, mul: 0x94, div: 0x95, min: 0x96, max: 0x97, copysign: 0x98 },
  },
  f64: {
    load: { load: 0x2b },
    store: { store: 0x39 },
    compare: { eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66 },
    unary: {
      ...{ abs: 0x99, neg: 0x9a, ceil: 0x9b, floor: 0x9c, trunc: 0x9d, nearest: 0x9e, sqrt: 0x9f, promote: 0xbb, reinterpret: 0xbf },
      ...{ convert_i32_s: 0xb7, convert_i32_u: 0xb8, convert_i64_s: 0xb9, convert_i64_u: 0xba },
    },
    binary: { add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3, min: 0xa4, max: 0xa5, copysign: 0xa6 },
  },
  v128: {
    load: {
      ...{ load: FD, load8x8_s: FD + 1, load8x8_u: FD + 2, load16x4_s: FD + 3, load16x4_u: FD + 4, load32x2_s: FD + 5, load32x2_u: FD + 6 },
      ...{ load8_splat: FD + 7, load16_splat: FD + 8, load32_splat: FD + 9, load64_splat: FD + 10, load32_zero: FD + 0x5c, load64_zero: FD + 0x5d },
    },
    store: { store: FD + 11 },
    loadLane: { load8_lane: FD + 0x54, load16_lane: FD + 0x55, load32_lane: FD + 0x56, load64_lane: FD + 0x57 },
    storeLane: { store8_lane: FD + 0x58, store16_lane: FD + 0x59, store32_lane: FD + 0x5a, store64_lane: FD + 0x5b },
    test: { any_true: FD + 0x53 },
    unary: { not: FD + 0x4d },
    binary: { and: FD + 0x4e, andnot: FD + 0x4f, or: FD + 0x50, xor: FD + 0x51 },
    ternary: { bitselect: FD + 0x52 },
  },
  i8x16: {
    extract: { extract_lane_s: FD + 0x15, extract_lane_u: FD + 0x16 },
    replace: { replace_lane: FD + 0x17 },
    test: { all_true: FD + 0x63, bitmask: FD + 0x64 },
    unary: { splat: FD + 0x0f, abs: FD + 0x60, neg: FD + 0x61, popcnt: FD + 0x62 },
    binary: {
      ...{ swizzle: FD + 0x0e, eq: FD + 0x23, ne: FD + 0x24, lt_s: FD + 0x25, lt_u: FD + 0x26, gt_s: FD + 0x27, gt_u: FD + 0x28 },
      ...{ le_s: FD + 0x29, le_u: FD + 0x2a, ge_s: FD + 0x2b, ge_u: FD + 0x2c, narrow_i16x8_s: FD + 0x65, narrow_i16x8_u: FD + 0x66 },
      ...{ shl: FD + 0x6b, shr_s: FD + 0x6c, shr_u: FD + 0x6d, add: FD + 0x6e, add_sat_s: FD + 0x6f, add_sat_u: FD + 0x70, sub: FD + 0x71 },
      ...{ sub_sat_s: FD + 0x72, sub_sat_u: FD + 0x73, min_s: FD + 0x76, min_u: FD + 0x77, max_s: FD + 0x78, max_u: FD + 0x79, avgr_u: FD + 0x7b },
    },
  },
  i16x8: {
    extract: { extract_lane_s: FD + 0x18, extract_lane_u: FD + 0x19 },
    replace: { replace_lane: FD + 0x1a },
    test: { all_true: FD + 0x83, bitmask: FD + 0x84 },
    unary: {
      ...{ splat: FD + 0x10, abs: FD + 0x80, neg: FD + 0x81, extadd_pairwise_i8x16_s: FD + 0x7c, extadd_pairwise_i8x16_u: FD + 0x7d },
      ...{ extend_low_i8x16_s: FD + 0x87, extend_high_i8x16_s: FD + 0x88, extend_low_i8x16_u: FD + 0x89, extend_high_i8x16_u: FD + 0x8a },
    },
    binary: {
      ...{ eq: FD + 0x2d, ne: FD + 0x2e, lt_s: FD + 0x2f, lt_u: FD + 0x30, gt_s: FD + 0x31, gt_u: FD + 0x32, le_s: FD + 0x33, le_u: FD + 0x34 },
      ...{ ge_s: FD + 0x35, ge_u: FD + 0x36, q15mulr_sat_s: FD + 0x82, narrow_i32x4_s: FD + 0x85, narrow_i32x4_u: FD + 0x86, shl: FD + 0x8b },
      ...{ shr_s: FD + 0x8c, shr_u: FD + 0x8d, add: FD + 0x8e, add_sat_s: FD + 0x8f, add_sat_u: FD + 0x90, sub: FD + 0x91, sub_sat_s: FD + 0x92 },
      ...{ sub_sat_u: FD + 0x93, mul: FD + 0x95, min_s: FD + 0x96, min_u: FD + 0x97, max_s: FD + 0x98, max_u: FD + 0x99, avgr_u: FD + 0x9b },
      ...{ extmul_low_i8x16_s: FD + 0x9c, extmul_high_i8x16_s: FD + 0x9d, extmul_low_i8x16_u: FD + 0x9e, extmul_high_i8x16_u: FD + 0x9f },
    },
  },
  i32x4: {
    extract: { extract_lane: FD + 0x1b },
    replace: { replace_lane: FD + 0x1c },
    test: { all_true: FD + 0xa3, bitmask: FD + 0xa4 },
    unary: {
      ...{ splat: FD + 0x11, abs: FD + 0xa0, neg: FD + 0xa1, extadd_pairwise_i16x8_s: FD + 0x7e, extadd_pairwise_i16x8_u: FD + 0x7f },
      ...{ extend_low_i16x8_s: FD + 0xa7, extend_high_i16x8_s: FD + 0xa8, extend_low_i16x8_u: FD + 0xa9, extend_high_i16x8_u: FD + 0xaa },
      ...{ trunc_sat_f32x4_s: FD + 0xf8, trunc_sat_f32x4_u: FD + 0xf9, trunc_sat_f64x2_s_zero: FD + 0xfc, trunc_sat_f64x2_u_zero: FD + 0xfd },
    },
    binary: {
      ...{ eq: FD + 0x37, ne: FD + 0x38, lt_s: FD + 0x39, lt_u: FD + 0x3a, gt_s: FD + 0x3b, gt_u: FD + 0x3c, le_s: FD + 0x3d, le_u: FD + 0x3e },
      ...{ ge_s: FD + 0x3f, ge_u: FD + 0x40, shl: FD + 0xab, shr_s: FD + 0xac, shr_u: FD + 0xad, add: FD + 0xae, sub: FD + 0xb1, mul: FD + 0xb5 },
      ...{ min_s: FD + 0xb6, min_u: FD + 0xb7, max_s: FD + 0xb8, max_u: FD + 0xb9, dot_i16x8_s: FD + 0xba },
      ...{ extmul_low_i16x8_s: FD + 0xbc, extmul_high_i16x8_s: FD + 0xbd, extmul_low_i16x8_u: FD + 0xbe, extmul_high_i16x8_u: FD + 0xbf },
    },
  },
  i64x2: {
    extract: { extract_lane: FD + 0x1d },
    replace: { replace_lane: FD + 0x1e },
    test: { all_true: FD + 0xc3, bitmask: FD + 0xc4 },
    unary: {
      ...{ splat: FD + 0x12, abs: FD + 0xc0, neg: FD + 0xc1, extend_low_i32x4_s: FD + 0xc7, extend_high_i32x4_s: FD + 0xc8 },
      ...{ extend_low_i32x4_u: FD + 0xc9, extend_high_i32x4_u: FD + 0xca },
    },
    binary: {
      ...{ shl: FD + 0xcb, shr_s: FD + 0xcc, shr_u: FD + 0xcd, add: FD + 0xce, sub: FD + 0xd1, mul: FD + 0xd5, eq: FD + 0xd6, ne: FD + 0xd7 },
      ...{ lt_s: FD + 0xd8, gt_s: FD + 0xd9, le_s: FD + 0xda, ge_s: FD + 0xdb },
      ...{ extmul_low_i32x4_s: FD + 0xdc, extmul_high_i32x4_s: FD + 0xdd, extmul_low_i32x4_u: FD + 0xde, extmul_high_i32x4_u: FD + 0xdf },
    },
  },
  f32x4: {
    extract: { extract_lane: FD + 0x1f },
    replace: { replace_lane: FD + 0x20 },
    unary: {
      ...{ splat: FD + 0x13, abs: FD + 0xe0, neg: FD + 0xe1, sqrt: FD + 0xe3, ceil: FD + 0x67, floor: FD + 0x68, trunc: FD + 0x69, nearest: FD + 0x6a },
      ...{ convert_i32x4_s: FD + 0xfa, convert_i32x4_u: FD + 0xfb, demote_f64x2_zero: FD + 0x5e },
    },
    binary: {
      ...{ eq: FD + 0x41, ne: FD + 0x42, lt: FD + 0x43, gt: FD + 0x44, le: FD + 0x45, ge: FD + 0x46, add: FD + 0xe4, sub: FD + 0xe5, mul: FD + 0xe6 },
      ...{ div: FD + 0xe7, min: FD + 0xe8, max: FD + 0xe9, pmin: FD + 0xea, pmax: FD + 0xeb },
    },
  },
  f64x2: {
    extract: { extract_lane: FD + 0x21 },
    replace: { replace_lane: FD + 0x22 },
    unary: {
      ...{ splat: FD + 0x14, abs: FD + 0xec, neg: FD + 0xed, sqrt: FD + 0xef, ceil: FD + 0x74, floor: FD + 0x75, trunc: FD + 0x7a, nearest: FD + 0x94 },
      ...{ convert_low_i32x4_s: FD + 0xfe, convert_low_i32x4_u: FD + 0xff, promote_low_f32x4: FD + 0x5f },
    },
    binary: {
      ...{ eq: FD + 0x47, ne: FD + 0x48, lt: FD + 0x49, gt: FD + 0x4a, le: FD + 0x4b, ge: FD + 0x4c, add: FD + 0xf0, sub: FD + 0xf1, mul: FD + 0xf2 },
      ...{ div: FD + 0xf3, min: FD + 0xf4, max: FD + 0xf5, pmin: FD + 0xf6, pmax: FD + 0xf7 },
    },
  },
} as const;

/** Names of the groups of operations. */
export type GroupName = keyof typeof OPERATIONS;

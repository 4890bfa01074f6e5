/** The x87 state in memory images: FSTENV, FLDENV, FSAVE, FRSTOR, FXSAVE, FXRSTOR, through FP_SCRATCH. */
import {
  FPU_CW, FPU_FCS, FPU_FDP, FPU_FDS, FPU_FIP, FPU_FOP, FPU_SW, FPU_TAG, FPU_TOP, FP_SCRATCH, MXCSR,
} from '../../state/vcpu-layout';
import { settle, x87_fldcw, x87_fnstsw } from './control';
import { MXCSR_MASK, sse_set_mxcsr } from './mxcsr';
import { NORMAL, ZERO, kindOf } from './operands';
import { put, seAt, sigAt, slot, st } from './state';

/** The two-bit tags: 0 = valid, 1 = zero, 2 = special, 3 = empty. */
function fullTags(): i32 {
  const used = load<i32>(FPU_TAG);
  let tags = 0;
  for (let i = 7; i >= 0; i--) {
    const p = slot(i);
    let tag = 3;
    if ((used >> i) & 1) {
      const kind = kindOf(sigAt(p), seAt(p));
      tag = kind == NORMAL ? 0 : kind == ZERO ? 1 : 2;
    }
    tags = (tags << 2) | tag;
  }
  return tags;
}

/** In-use bits from two-bit tags. */
function usedFrom(tags: i32): i32 {
  let used = 0;
  for (let i = 0; i < 8; i++) used |= i32(((tags >> (2 * i)) & 3) != 3) << i;
  return used;
}

/** Writes field `n` of an environment; unused upper halves of the 32-bit form read as ones. */
// @ts-ignore: decorator
@inline
function field(n: i32, wide: i32, value: i32): void {
  if (wide) store<i32>(FP_SCRATCH + 4 * n, value);
  else store<u16>(FP_SCRATCH + 2 * n, value);
}

/** Writes the environment to FP_SCRATCH: 14 or 28 bytes by `fmt`. */
export function x87_env_store(fmt: i32): void {
  const wide = fmt & 2;
  const ones: i32 = 0xffff0000;
  field(0, wide, load<i32>(FPU_CW) | ones);
  field(1, wide, x87_fnstsw() | ones);
  field(2, wide, fullTags() | ones);
  const ip = load<i32>(FPU_FIP);
  const dp = load<i32>(FPU_FDP);
  const opcode = load<i32>(FPU_FOP) & 0x7ff;
  const cs = load<i32>(FPU_FCS) & 0xffff;
  const ds = load<i32>(FPU_FDS) & 0xffff;
  if (fmt & 1) {
    field(3, wide, ip);
    field(4, wide, cs | (opcode << 16));
    field(5, wide, dp);
    field(6, wide, ds | ones);
    return;
  }
  // Real mode keeps linear addresses.
  const linearIp = ip + (cs << 4);
  const linearDp = dp + (ds << 4);
  field(3, wide, linearIp | ones);
  field(4, wide, ((linearIp >>> 16) << 12) | opcode);
  field(5, wide, linearDp | ones);
  field(6, wide, (linearDp >>> 16) << 12);
}

/** What FNSTENV does after its write: all exceptions are masked. */
export function x87_env_stored(): void {
  store<i32>(FPU_CW, load<i32>(FPU_CW) | 0x3f);
  settle();
}

/** Reads field `n` of an environment. */
// @ts-ignore: decorator
@inline
function fieldAt(n: i32, wide: i32): i32 {
  return wide ? load<i32>(FP_SCRATCH + 4 * n) : <i32>load<u16>(FP_SCRATCH + 2 * n);
}

/** FLDENV from FP_SCRATCH. */
export function x87_env_load(fmt: i32): void {
  const wide = fmt & 2;
  const sw = fieldAt(1, wide);
  store<i32>(FPU_SW, sw & 0x477f);
  store<i32>(FPU_TOP, (sw >> 11) & 7);
  store<i32>(FPU_TAG, usedFrom(fieldAt(2, wide)));
  x87_fldcw(fieldAt(0, wide) & 0xffff);
  const third = fieldAt(3, wide);
  const fourth = fieldAt(4, wide);
  const fifth = fieldAt(5, wide);
  const sixth = fieldAt(6, wide);
  if (fmt & 1) {
    store<u64>(FPU_FIP, <u64>(<u32>third));
    store<i32>(FPU_FCS, fourth & 0xffff);
    if (wide) store<i32>(FPU_FOP, (fourth >> 16) & 0x7ff);
    store<u64>(FPU_FDP, <u64>(<u32>fifth));
    store<i32>(FPU_FDS, sixth & 0xffff);
    return;
  }
  store<u64>(FPU_FIP, <u64>(<u32>((third & 0xffff) | ((fourth >>> 12) << 16))));
  store<i32>(FPU_FOP, fourth & 0x7ff);
  store<i32>(FPU_FCS, 0);
  store<u64>(FPU_FDP, <u64>(<u32>((fifth & 0xffff) | ((sixth >>> 12) << 16))));
  store<i32>(FPU_FDS, 0);
}

/** ST(i), empty or not, to FP_SCRATCH. */
export function x87_st_store(i: i32): void {
  const p = st(i);
  store<u64>(FP_SCRATCH, sigAt(p));
  store<u64>(FP_SCRATCH + 8, <u64>seAt(p));
}

/** ST(i) from FP_SCRATCH; the tag stays. */
export function x87_st_load(i: i32): void {
  put(st(i), load<u64>(FP_SCRATCH), <i32>load<u16>(FP_SCRATCH + 8));
}

/** Bytes 0 to 31 of the FXSAVE image to FP_SCRATCH. */
export function fx_header_store(rexw: i32): void {
  store<u16>(FP_SCRATCH, load<i32>(FPU_CW));
  store<u16>(FP_SCRATCH + 2, x87_fnstsw());
  store<u16>(FP_SCRATCH + 4, load<i32>(FPU_TAG));
  store<u16>(FP_SCRATCH + 6, load<i32>(FPU_FOP));
  store<u64>(FP_SCRATCH + 8, load<u64>(FPU_FIP));
  store<u64>(FP_SCRATCH + 16, load<u64>(FPU_FDP));
  if (!rexw) {
    store<i32>(FP_SCRATCH + 12, load<i32>(FPU_FCS) & 0xffff);
    store<i32>(FP_SCRATCH + 20, load<i32>(FPU_FDS) & 0xffff);
  }
  store<i32>(FP_SCRATCH + 24, load<i32>(MXCSR));
  store<i32>(FP_SCRATCH + 28, MXCSR_MASK);
}

/** The FXRSTOR header from FP_SCRATCH; 1 when MXCSR has reserved bits, and nothing is changed. */
export function fx_header_load(rexw: i32): i32 {
  const mxcsr = load<i32>(FP_SCRATCH + 24);
  if (mxcsr & ~MXCSR_MASK) return 1;
  sse_set_mxcsr(mxcsr);
  const sw = <i32>load<u16>(FP_SCRATCH + 2);
  store<i32>(FPU_SW, sw & 0x477f);
  store<i32>(FPU_TOP, (sw >> 11) & 7);
  store<i32>(FPU_TAG, <i32>load<u8>(FP_SCRATCH + 4));
  x87_fldcw(<i32>load<u16>(FP_SCRATCH));
  store<i32>(FPU_FOP, <i32>load<u16>(FP_SCRATCH + 6) & 0x7ff);
  if (rexw) {
    store<u64>(FPU_FIP, load<u64>(FP_SCRATCH + 8));
    store<u64>(FPU_FDP, load<u64>(FP_SCRATCH + 16));
    return 0;
  }
  store<u64>(FPU_FIP, <u64>load<u32>(FP_SCRATCH + 8));
  store<i32>(FPU_FCS, <i32>load<u16>(FP_SCRATCH + 12));
  store<u64>(FPU_FDP, <u64>load<u32>(FP_SCRATCH + 16));
  store<i32>(FPU_FDS, <i32>load<u16>(FP_SCRATCH + 20));
  return 0;
}

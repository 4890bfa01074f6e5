/**
 * The x87 stores, in two halves: the conversion, which leaves the x87 state as it is and notes what is to become of it, and
 * the commitment, after the caller's memory write has succeeded.
 */
import { FPU_CW, FPU_SW, FP_SCRATCH } from '../../state/vcpu-layout';
import { INFINITY, QNAN, SNAN, UNSUPPORTED, ZERO, integerToBcd, kindOf, normalExponent, normalSig } from './operands';
import {
  C1, IE, INDEFINITE_SE, INDEFINITE_SIG, OE, PE, QUIET, SF, UE, commit, inUse, phys, pop, seAt, sigAt, slot,
} from './state';

/** i32: flags the commitment will record. */
const PENDING_FLAGS: i32 = FP_SCRATCH + 48;
/** i32: the store must not be made. */
const SUPPRESSED: i32 = FP_SCRATCH + 52;

const ABOVE_HALF: u64 = 0x8000000000000000;

/** Notes the outcome; `blocking` are the exceptions that, unmasked, prevent the store. */
// @ts-ignore: decorator
@inline
function note(flags: i32, blocking: i32): void {
  store<i32>(PENDING_FLAGS, flags);
  store<i32>(SUPPRESSED, i32((flags & blocking & ~load<i32>(FPU_CW)) != 0));
}

/** Whether a value with the rest of `rest` (in units of 2^-64) behind its last bit rounds up. */
// @ts-ignore: decorator
@inline
function roundsUp(rest: u64, odd: bool, sign: i32, rc: i32): bool {
  if (rc == 0) return (rest | u64(odd)) > ABOVE_HALF;
  if (rc == 3) return false;
  return rest != 0 && (rc == 2) == (sign == 0);
}

/** The value shifted right by n (0 to 64 and beyond), and the lost bits as a 64-bit fraction with stickiness. */
let rest: u64 = 0;
function shiftOut(sig: u64, n: i32): u64 {
  if (n <= 0) {
    rest = 0;
    return sig;
  }
  if (n < 64) {
    rest = sig << (64 - n);
    return sig >> n;
  }
  rest = n == 64 ? sig : n < 128 ? (sig >> (n - 64)) | u64((sig << (128 - n)) != 0) : u64(sig != 0);
  return 0;
}

/** Sign of the value narrowed last: that of ST(0), but the indefinite is negative. */
let narrowSign: i32 = 0;

/**
 * Narrows ST(0) to a format with `bits` significand bits (with the leading one) and `bias`; the result is the
 * format's bits without the sign.
 */
function narrow(sig: u64, se: i32, bits: i32, bias: i32): u64 {
  const sign = se & 0x8000;
  narrowSign = sign;
  const k = kindOf(sig, se);
  const top: i32 = 2 * bias + 1;
  const fieldShift: u64 = bits - 1;
  if (k == ZERO) {
    note(0, 0);
    return 0;
  }
  if (k == UNSUPPORTED) {
    note(IE, IE);
    narrowSign = 0x8000;
    return (((<u64>top) << 1) | 1) << (fieldShift - 1);
  }
  if (k >= QNAN) {
    note(k == SNAN ? IE : 0, IE);
    return ((<u64>top) << fieldShift) | (((sig | QUIET) << 1) >> (65 - bits));
  }
  if (k == INFINITY) {
    note(0, 0);
    return (<u64>top) << fieldShift;
  }
  const cw = load<i32>(FPU_CW);
  const rc = (cw >> 10) & 3;
  const s = normalSig(sig);
  const e = normalExponent(sig, se) - 0x3fff + bias;
  let m = shiftOut(s, 64 - bits);
  let up = roundsUp(rest, (m & 1) != 0, sign, rc);
  let flags = 0;
  // The leading one adds 1 to the exponent field, and a carry out of the rounding one more.
  if (e > 0) {
    const value = ((<u64>(e - 1)) << fieldShift) + m + u64(up);
    if (rest != 0) flags = PE | (up ? C1 : 0);
    if (e < top && value < (<u64>top) << fieldShift) {
      note(flags, 0);
      return value;
    }
    const away = rc == 0 || (rc != 3 && (rc == 2) == (sign == 0));
    note(cw & OE ? OE | PE | (away ? C1 : 0) : OE, OE);
    return ((<u64>top) << fieldShift) - u64(!away);
  }
  // Tiny, unless rounding with an unbounded exponent makes it the smallest normal number.
  const grows = e == 0 && up && m + 1 == (<u64>1) << bits;
  m = shiftOut(s, 65 - bits - e);
  up = roundsUp(rest, (m & 1) != 0, sign, rc);
  if (rest != 0) flags = PE | (up ? C1 : 0);
  if (!grows) {
    if (!(cw & UE)) flags = UE;
    else if (rest != 0) flags |= UE;
  }
  note(flags, UE);
  return m + u64(up);
}

/** FST m32, first step: the bits to store. */
export function x87_fst_m32(): i64 {
  const top = phys(0);
  if (!inUse(top)) {
    note(IE | SF, IE);
    return 0xffc00000;
  }
  const p = slot(top);
  const se = seAt(p);
  const value = narrow(sigAt(p), se, 24, 127);
  return <i64>(value | ((<u64>narrowSign) << 16));
}

/** FST m64, first step: the bits to store. */
export function x87_fst_m64(): i64 {
  const top = phys(0);
  if (!inUse(top)) {
    note(IE | SF, IE);
    return 0xfff8000000000000;
  }
  const p = slot(top);
  const se = seAt(p);
  const sig = sigAt(p);
  const e = (se & 0x7fff) - 0x3c00;
  if (<u32>(e - 1) < 0x7fe && <i64>sig < 0 && (load<i32>(FPU_CW) & 0xc00) == 0) {
    const low = sig << 53;
    const m = sig >> 11;
    const up = (low | (m & 1)) > ABOVE_HALF;
    const value = ((<u64>(e - 1)) << 52) + m + u64(up);
    if (value < 0x7ff0000000000000) {
      store<i32>(PENDING_FLAGS, (i32(low != 0) << 5) | (i32(up) << 9));
      store<i32>(SUPPRESSED, 0);
      return <i64>(value | ((<u64>(se & 0x8000)) << 48));
    }
  }
  const value = narrow(sig, se, 53, 1023);
  return <i64>(value | ((<u64>narrowSign) << 48));
}

/** FSTP m80, first step: 10 bytes to FP_SCRATCH. */
export function x87_fst_m80(): void {
  const top = phys(0);
  const p = slot(top);
  let sig = sigAt(p);
  let se = seAt(p);
  let flags = 0;
  if (!inUse(top)) {
    flags = IE | SF;
    sig = INDEFINITE_SIG;
    se = INDEFINITE_SE;
  }
  note(flags, IE);
  store<u64>(FP_SCRATCH, sig);
  store<u16>(FP_SCRATCH + 8, se);
}

/** Magnitude of ST(0) as an integer not above `limit` (one more when negative and `asymmetric`); -1 in `integerOk` otherwise. */
let integerOk: bool = false;
let integerSign: i32 = 0;
let integerFlags: i32 = 0;
function toInteger(limit: u64, asymmetric: u64, truncate: bool): u64 {
  const top = phys(0);
  integerOk = false;
  integerSign = 0;
  integerFlags = IE | SF;
  if (!inUse(top)) return 0;
  const p = slot(top);
  const sig = sigAt(p);
  const se = seAt(p);
  integerSign = se & 0x8000;
  integerFlags = IE;
  const k = kindOf(sig, se);
  if (k >= INFINITY) return 0;
  const e = se & 0x7fff;
  if (e > 0x403e) return 0;
  const rc = truncate ? 3 : (load<i32>(FPU_CW) >> 10) & 3;
  let m = shiftOut(sig, 0x403e - e);
  const up = roundsUp(rest, (m & 1) != 0, integerSign, rc);
  if (up) m++;
  if (m > limit + (integerSign ? asymmetric : 0) || (up && m == 0)) return 0;
  integerOk = true;
  integerFlags = rest == 0 ? 0 : PE | (up ? C1 : 0);
  return m;
}

/** Converts ST(0) to an integer with `bits` bits. */
function storeInteger(bits: i32, truncate: bool): i64 {
  const m = toInteger(((<u64>1) << (bits - 1)) - 1, 1, truncate);
  note(integerFlags, IE);
  if (!integerOk) return <i64>((<u64>1) << (bits - 1));
  return integerSign ? -<i64>m : <i64>m;
}

/** FIST m16, first step: the bits to store. */
export function x87_fist_m16(): i64 {
  return storeInteger(16, false);
}

/** FIST m32, first step: the bits to store. */
export function x87_fist_m32(): i64 {
  return storeInteger(32, false);
}

/** FIST m64, first step: the bits to store. */
export function x87_fist_m64(): i64 {
  return storeInteger(64, false);
}

/** FISTTP m16, first step: the bits to store. */
export function x87_fisttp_m16(): i64 {
  return storeInteger(16, true);
}

/** FISTTP m32, first step: the bits to store. */
export function x87_fisttp_m32(): i64 {
  return storeInteger(32, true);
}

/** FISTTP m64, first step: the bits to store. */
export function x87_fisttp_m64(): i64 {
  return storeInteger(64, true);
}

/** FBSTP, first step: 10 bytes to FP_SCRATCH. */
export function x87_fbst(): void {
  const m = toInteger(999999999999999999, 0, false);
  note(integerFlags, IE);
  if (integerOk) {
    integerToBcd(m, integerSign);
    return;
  }
  store<u64>(FP_SCRATCH, 0xc000000000000000);
  store<u16>(FP_SCRATCH + 8, 0xffff);
}

/** Whether the store prepared last must not be made. */
export function x87_store_suppressed(): i32 {
  return load<i32>(SUPPRESSED);
}

/** Ends a store: flags, and the pop when the store was made. */
export function x87_store_commit(popped: i32): void {
  const flags = load<i32>(PENDING_FLAGS);
  const suppressed = load<i32>(SUPPRESSED);
  if (flags & ~load<i32>(FPU_CW) & 0x3f) commit(flags);
  else store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~C1) | flags);
  if (popped & i32(!suppressed)) pop();
}

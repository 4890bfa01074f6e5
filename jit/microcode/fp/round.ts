/** Exact sums, and rounding of 128-bit significands with the exceptions that follow (SDM vol 1, 4.9 and 8.5). */
import { FPU_CW } from '../../state/vcpu-layout';
import { C1, J_BIT, OE, PE, UE, precisionShift, raise, setResult } from './state';

/** What wrapped exponents are moved by when overflow or underflow is not masked. */
const WRAP: i32 = 24576;

/** Significand after rounding; `rCarry` tells that it wrapped, `rUp` that it went up, `rInexact` that bits were lost. */
export let rCarry: bool = false;
export let rUp: bool = false;
export let rInexact: bool = false;

/** Rounds hi:lo to 64 - k bits; `rc` is the RC field. */
export function roundSig(sign: i32, hi: u64, lo: u64, k: i32, rc: i32): u64 {
  const unit: u64 = (<u64>1) << k;
  let rest = lo;
  let head = hi;
  if (k) {
    rest = (hi << (64 - k)) | u64(lo != 0);
    head = hi & (0 - unit);
  }
  let up = false;
  if (rc == 0) up = (rest | u64((head & unit) != 0)) > J_BIT;
  else if (rc == 1) up = rest != 0 && sign != 0;
  else if (rc == 2) up = rest != 0 && sign == 0;
  rInexact = rest != 0;
  rUp = up;
  rCarry = false;
  if (up) {
    head += unit;
    rCarry = head == 0 || (head & J_BIT) < (hi & J_BIT);
  }
  return head;
}

/** hi:lo >> n with the lost bits kept as stickiness in bit 0; the low word; `shiftedHi` takes the high one. */
export let shiftedHi: u64 = 0;
export function shiftRightSticky(hi: u64, lo: u64, n: i32): u64 {
  if (n < 64) {
    shiftedHi = hi >> n;
    const lost = n == 0 ? 0 : lo << (64 - n);
    return ((hi << 1) << (63 - n)) | (n == 0 ? lo : lo >> n) | u64(lost != 0);
  }
  shiftedHi = 0;
  if (n == 64) return hi | u64(lo != 0);
  if (n < 128) return (hi >> (n - 64)) | u64((hi << (128 - n)) != 0 || lo != 0);
  return u64((hi | lo) != 0);
}

/**
 * Delivers (-1)^sign * hi.lo * 2^(e - 16383) (hi has its top bit set) as the result, rounded to 64 - k bits.
 * Tininess is detected after rounding. `sign` is 0 or 0x8000.
 */
export function roundPackTo(sign: i32, e: i32, hi: u64, lo: u64, k: i32): void {
  const cw = load<i32>(FPU_CW);
  const rc = (cw >> 10) & 3;
  let sig = roundSig(sign, hi, lo, k, rc);
  let exp = e;
  if (rCarry) {
    sig = J_BIT;
    exp++;
  }
  if (exp <= 0) {
    if (!(cw & UE)) {
      raise(UE);
      exp += WRAP;
      if (exp <= 0) {
        // Only FSCALE gets this far down (SDM vol 1, 8.5.5).
        raise(PE);
        setResult(0, sign);
        return;
      }
    } else {
      const low = shiftRightSticky(hi, lo, 1 - e);
      sig = roundSig(sign, shiftedHi, low, k, rc);
      exp = sig >= J_BIT ? 1 : 0;
      if (rInexact) raise(UE);
    }
  } else if (exp >= 0x7fff) {
    if (cw & OE) {
      const away = rc == 0 || (rc == 1 && sign != 0) || (rc == 2 && sign == 0);
      raise(OE | PE | (away ? C1 : 0));
      if (away) setResult(J_BIT, sign | 0x7fff);
      else setResult((~(<u64>0)) << k, sign | 0x7ffe);
      return;
    }
    raise(OE);
    exp -= WRAP;
    if (exp >= 0x7fff) {
      raise(PE | C1);
      setResult(J_BIT, sign | 0x7fff);
      return;
    }
  }
  if (rInexact) raise(PE | (rUp ? C1 : 0));
  setResult(sig, sign | exp);
}

/** As `roundPackTo`, to the precision the control word asks for. */
export function roundPack(sign: i32, e: i32, hi: u64, lo: u64): void {
  roundPackTo(sign, e, hi, lo, precisionShift(load<i32>(FPU_CW)));
}

/** The sum: (-1)^sign * hi.lo * 2^(e - 16383), its top bit set, the lowest one sticky; hi = lo = 0 when the operands cancel. */
export let sumHi: u64 = 0;
export let sumLo: u64 = 0;
export let sumE: i32 = 0;
export let sumSign: i32 = 0;

/** Sums values with normalised significands. */
export function sumWide(a: u64, ae: i32, as: i32, b: u64, be: i32, bs: i32): void {
  const swap = be > ae || (be == ae && b > a);
  const x = swap ? b : a;
  const y = swap ? a : b;
  const d = swap ? be - ae : ae - be;
  let e = swap ? be : ae;
  let hi: u64 = 0;
  let lo: u64 = 1;
  if (d < 64) {
    hi = y >> d;
    lo = (y << 1) << (63 - d);
  } else if (d < 128) {
    lo = (y >> (d - 64)) | u64(((y << 1) << (127 - d)) != 0);
  }
  if (as == bs) {
    hi += x;
    if (hi < x) {
      lo = (hi << 63) | (lo >> 1) | (lo & 1);
      hi = (hi >> 1) | J_BIT;
      e++;
    }
  } else {
    hi = x - hi - u64(lo != 0);
    lo = 0 - lo;
    if (hi == 0) {
      hi = lo;
      lo = 0;
      e -= 64;
    }
    const z = i32(clz(hi));
    if (z > 0 && z < 64) {
      hi = (hi << z) | (lo >> (64 - z));
      lo <<= z;
      e -= z;
    }
  }
  sumHi = hi;
  sumLo = lo;
  sumE = e;
  sumSign = swap ? bs : as;
}

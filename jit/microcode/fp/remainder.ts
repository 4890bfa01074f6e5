/** FPREM and FPREM1: exact partial remainders. */
import { FPU_SW } from '../../state/vcpu-layout';
import { DENORMAL, INFINITY, ZERO, denormal, invalid, kindA, kindB, normalExponent, normalSig, screen2 } from './operands';
import { roundPackTo } from './round';
import { C0, C1, C2, C3, finish, inUse, phys, seAt, setFlags, setResult, sigAt, slot, underflowTo } from './state';
import { divWide, wideRem } from './wide';

/** No quotient was formed: C0 and C3 stay as they were. */
const NONE: i32 = -1;
/** The remainder is only partial. */
const INCOMPLETE: i32 = 8;

/** Low three bits of the quotient found last, or INCOMPLETE, or NONE. */
let quotient: i32 = 0;

/** Remainder of two finite values, neither of them zero; `nearest` rounds the quotient to even (IEEE), else it is cut. */
function reduce(a: u64, ea: i32, sign: i32, b: u64, eb: i32, nearest: bool): void {
  const d = ea - eb;
  if (d < 0) {
    if (nearest && d == -1 && a > b) {
      quotient = 1;
      const r = b - (a - b);
      const z = i32(clz(r));
      roundPackTo(sign ^ 0x8000, ea - z, r << z, 0, 0);
    } else roundPackTo(sign, ea, a, 0, 0);
    return;
  }
  // Beyond 63 bits of quotient the hardware takes a bite and leaves the rest to the program's loop.
  const n = d < 64 ? d : (d & 31) | 32;
  let r = a;
  let q: u64 = 0;
  if (r >= b) {
    r -= b;
    q = 1;
  }
  if (n > 0) {
    q = (q << n) + divWide(r >> (64 - n), r << n, b);
    r = wideRem;
  }
  let s = sign;
  if (d >= 64) quotient = INCOMPLETE;
  else {
    if (nearest && (r > b - r || (r == b - r && q & 1))) {
      r = b - r;
      s ^= 0x8000;
      q++;
    }
    quotient = <i32>q & 7;
  }
  if (r == 0) {
    setResult(0, sign);
    return;
  }
  const z = i32(clz(r));
  roundPackTo(s, eb + (d - n) - z, r << z, 0, 0);
}

/** ST(0) rem ST(1), as the result of the running instruction. */
function remainder(aSig: u64, aSe: i32, bSig: u64, bSe: i32, nearest: bool): void {
  quotient = NONE;
  if (screen2(aSig, aSe, bSig, bSe)) return;
  const ka = kindA;
  const kb = kindB;
  if (ka == INFINITY || kb == ZERO) {
    invalid();
    return;
  }
  if ((ka == DENORMAL || kb == DENORMAL) && denormal()) return;
  quotient = 0;
  if (ka == ZERO) setResult(aSig, aSe);
  else if (kb == INFINITY) roundPackTo(aSe & 0x8000, normalExponent(aSig, aSe), normalSig(aSig), 0, 0);
  else reduce(normalSig(aSig), normalExponent(aSig, aSe), aSe & 0x8000, normalSig(bSig), normalExponent(bSig, bSe), nearest);
}

/** The whole instruction: quotient bits 2, 1, 0 go to C0, C3, C1; C2 tells that the reduction is incomplete. */
function partial(nearest: bool): void {
  const top = phys(0);
  const other = phys(1);
  store<i32>(FPU_SW, load<i32>(FPU_SW) & ~(C1 | C2));
  if (!(inUse(top) & inUse(other))) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  const from = slot(other);
  setFlags(0);
  remainder(sigAt(p), seAt(p), sigAt(from), seAt(from), nearest);
  if (!finish(p) || quotient == NONE) return;
  const q = quotient;
  const conditions = q == INCOMPLETE ? C2 : ((q & 4) << 6) | ((q & 2) << 13) | ((q & 1) << 9);
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~(C0 | C1 | C2 | C3)) | conditions);
}

export function x87_fprem(): void {
  partial(false);
}

export function x87_fprem1(): void {
  partial(true);
}

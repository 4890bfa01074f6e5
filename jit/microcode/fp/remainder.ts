/** FPREM and FPREM1 (exact partial remainders), FRNDINT, FSCALE and FXTRACT. */
import { FPU_CW, FPU_SW } from '../../state/vcpu-layout';
import {
  DENORMAL, INFINITY, ZERO, denormal, invalid, kindA, kindB, normalExponent, normalSig, opSe, screen1, screen2,
  widenInteger,
} from './operands';
import { roundPackTo } from './round';
import {
  C0, C1, C2, C3, IE, INDEFINITE_SE, INDEFINITE_SIG, J_BIT, PE, SF, ZE, canPush, commit, finish, gSe, gSig, inUse,
  phys, push, put, raise, seAt, setFlags, setResult, sigAt, slot, underflowTo, unmasked, xf,
} from './state';
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

/** FPREM. */
export function x87_fprem(): void {
  partial(false);
}

/** FPREM1. */
export function x87_fprem1(): void {
  partial(true);
}

/** Rounds a value to an integer in the current mode, as the result of the running instruction. */
function roundToInteger(sig: u64, se: i32): void {
  if (screen1(sig, se)) return;
  if (kindA == DENORMAL && denormal()) return;
  const e = se & 0x7fff;
  setResult(sig, se);
  if (kindA == ZERO || e >= 0x403e) return;
  const sign = se & 0x8000;
  const rc = (load<i32>(FPU_CW) >> 10) & 3;
  const n = 0x403e - e;
  let m: u64 = 0;
  let rest: u64 = n > 64 ? 1 : sig;
  if (n < 64) {
    m = sig >> n;
    rest = sig << (64 - n);
  }
  if (rest == 0) return;
  const up = rc == 0 ? (rest | (m & 1)) > J_BIT : rc != 3 && (rc == 2) == (sign == 0);
  raise(PE | (up ? C1 : 0));
  m += u64(up);
  if (m == 0) {
    setResult(0, sign);
    return;
  }
  const z = i32(clz(m));
  setResult(m << z, sign | (0x403e - z));
}

/** FRNDINT. */
export function x87_frndint(): void {
  const top = phys(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  setFlags(0);
  roundToInteger(sigAt(p), seAt(p));
  finish(p);
}

/** ST(0) * 2^trunc(ST(1)), as the result of the running instruction. */
function scale(aSig: u64, aSe: i32, bSig: u64, bSe: i32): void {
  if (screen2(aSig, aSe, bSig, bSe)) return;
  const ka = kindA;
  const kb = kindB;
  const sign = aSe & 0x8000;
  if (kb == INFINITY) {
    const down = (bSe & 0x8000) != 0;
    if (down ? ka == INFINITY : ka == ZERO) {
      invalid();
      return;
    }
    if (ka == DENORMAL && denormal()) return;
    if (down) setResult(0, sign);
    else setResult(J_BIT, sign | 0x7fff);
    return;
  }
  if ((ka == DENORMAL || kb == DENORMAL) && denormal()) return;
  if (ka == INFINITY || ka == ZERO) {
    setResult(aSig, aSe);
    return;
  }
  const eb = bSe & 0x7fff;
  let n = 0;
  if (eb >= 0x3fff + 17) n = 0x20000;
  else if (eb >= 0x3fff) n = <i32>(bSig >> (0x403e - eb));
  if (bSe & 0x8000) n = -n;
  roundPackTo(sign, normalExponent(aSig, aSe) + n, normalSig(aSig), 0, 0);
}

/** FSCALE. */
export function x87_fscale(): void {
  const top = phys(0);
  const other = phys(1);
  if (!(inUse(top) & inUse(other))) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  const from = slot(other);
  setFlags(0);
  scale(sigAt(p), seAt(p), sigAt(from), seAt(from));
  finish(p);
}

/** Puts both halves of FXTRACT's answer in place. */
function deliver(sig: u64, se: i32, exponentSig: u64, exponentSe: i32): void {
  commit(xf);
  if (unmasked(xf)) return;
  put(slot(phys(0)), exponentSig, exponentSe);
  push(sig, se);
}

/** FXTRACT. */
export function x87_fxtract(): void {
  const top = phys(0);
  const p = slot(top);
  setFlags(0);
  if (!inUse(top) || !canPush()) {
    const overflow = inUse(top);
    commit(overflow ? IE | SF | C1 : IE | SF);
    if (!(load<i32>(FPU_CW) & IE)) return;
    if (!overflow) underflowTo(top);
    else put(p, INDEFINITE_SIG, INDEFINITE_SE);
    push(INDEFINITE_SIG, INDEFINITE_SE);
    return;
  }
  const sig = sigAt(p);
  const se = seAt(p);
  if (screen1(sig, se)) {
    deliver(gSig, gSe, gSig, gSe);
    return;
  }
  const k = kindA;
  if (k == ZERO) {
    raise(ZE);
    deliver(sig, se, J_BIT, 0xffff);
  } else if (k == INFINITY) deliver(sig, se, J_BIT, 0x7fff);
  else {
    if (k == DENORMAL) denormal();
    const exponent = widenInteger(<i64>(normalExponent(sig, se) - 0x3fff));
    deliver(normalSig(sig), (se & 0x8000) | 0x3fff, exponent, opSe);
  }
}

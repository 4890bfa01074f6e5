/** FSIN, FCOS, FSINCOS, FPTAN. The argument is reduced with a 66-bit pi, as the hardware does. */
import { FPU_CW, FPU_SW } from '../../state/vcpu-layout';
import { DENORMAL, INFINITY, ZERO, denormal, invalid, kindA, normalExponent, normalSig, screen1 } from './operands';
import { roundPackTo } from './round';
import {
  C1, C2, IE, INDEFINITE_SE, INDEFINITE_SIG, J_BIT, PE, SF, canPush, commit, finish, gSe, gSig, inUse, phys, push,
  put, raise, seAt, setFlags, setResult, sigAt, slot, tagUsed, underflowTo, unmasked, xf,
} from './state';
import {
  div128, mul128, mulHigh, mulWide, normalize128, set128, setExponent, stepDown, subFrom128, ve, vh, vl, wideLo,
} from './wide';

/** 66-bit pi / 2, in units of 2^-65. */
const HALF_PI_HIGH: u64 = 3;
const HALF_PI_LOW: u64 = 0x243f6a8885a308d3;

/** The reduced argument: sign (0 or 0x8000), exponent, 128-bit significand; and the quadrant it came from. */
let rSign: i32 = 0;
let rE: i32 = 0;
let rh: u64 = 0;
let rl: u64 = 0;
let quadrant: i32 = 0;
/** r^2 as a 128-bit fraction. */
let zh: u64 = 0;
let zl: u64 = 0;

/** Brings a finite non-zero value with exponent below 2^63 into -pi/4 to pi/4. */
function reduce(sig: u64, e: i32, sign: i32): void {
  rSign = sign;
  quadrant = 0;
  if (e < 0x3ffe || (e == 0x3ffe && sig < 0xc90fdaa22168c234)) {
    rE = e;
    rh = sig;
    rl = 0;
    return;
  }
  // The value in units of 2^-65.
  const shift = e - 0x3ffd;
  let h: u64 = shift < 64 ? sig >> (64 - shift) : shift == 64 ? sig : 0;
  let l: u64 = shift < 64 ? sig << shift : 0;
  // Quotient digits of up to 40 bits, from floating point, each at most one off.
  while (h > HALF_PI_HIGH || (h == HALF_PI_HIGH && l >= HALF_PI_LOW)) {
    const length = 128 - i32(clz(h));
    const k = length > 106 ? length - 106 : 0;
    const scale = reinterpret<f64>((<u64>(0x3ff + 64 - k)) << 52);
    const x = <f64>h * scale + <f64>l * reinterpret<f64>((<u64>(0x3ff - k)) << 52);
    let q = <u64>(x / 57952155664616982739.0);
    if (q == 0) q = 1;
    // q * pi/2, below 2^107, shifted by k.
    let ph = mulWide(q, HALF_PI_LOW);
    let pl = wideLo;
    ph += q * HALF_PI_HIGH;
    if (k) {
      ph = (ph << k) | (pl >> (64 - k));
      pl <<= k;
    }
    const borrow = u64(l < pl);
    const low = l - pl;
    const high = h - ph - borrow;
    if (h < ph || (h == ph && l < pl)) {
      q--;
      const back = k ? HALF_PI_LOW << k : HALF_PI_LOW;
      const backHigh = k ? (HALF_PI_HIGH << k) | (HALF_PI_LOW >> (64 - k)) : HALF_PI_HIGH;
      l = low + back;
      h = high + backHigh + u64(l < back);
    } else {
      h = high;
      l = low;
    }
    if (k < 2) quadrant += <i32>(q << k);
  }
  // Past pi/4: from the other side.
  if (h > 1 || (h == 1 && l > 0x921fb54442d18469)) {
    set128(h, l);
    subFrom128(HALF_PI_HIGH, HALF_PI_LOW);
    h = vh;
    l = vl;
    rSign ^= 0x8000;
    quadrant++;
  }
  if (sign) quadrant = -quadrant;
  quadrant &= 3;
  if ((h | l) == 0) {
    rh = 0;
    return;
  }
  set128(h, l);
  setExponent(0x3fff + 62);
  normalize128();
  rh = vh;
  rl = vl;
  rE = ve;
}

/** Sets z = r^2. */
function square(): void {
  zh = 0;
  zl = 0;
  const down = 2 * (0x3ffe - rE);
  if (down >= 128) return;
  set128(rh, rl);
  mul128(rh, rl);
  if (down >= 64) {
    zl = vh >> (down - 64);
    return;
  }
  zh = down ? vh >> down : vh;
  zl = down ? (vl >> down) | (vh << (64 - down)) : vl;
}

/** Accumulator = 1 - sin(r) / r. */
function sineSeries(): void {
  let t: u64 = 0x0;
  t = 0x0 - mulHigh(t, zh);
  t = 0x0 - mulHigh(t, zh);
  t = 0x0 - mulHigh(t, zh);
  t = 0x0 - mulHigh(t, zh);
  t = 0x98 - mulHigh(t, zh);
  t = 0xca96 - mulHigh(t, zh);
  t = 0xd73f9f - mulHigh(t, zh);
  t = 0xb092309d - mulHigh(t, zh);
  t = 0x6b99159fd5 - mulHigh(t, zh);
  set128(t, 0);
  stepDown(0x2e3bc74aad8e, 0x671f5583911ca003, zh, zl);
  stepDown(0xd00d00d00d00d, 0xd00d00d00d00d0, zh, zl);
  stepDown(0x222222222222222, 0x2222222222222222, zh, zl);
  stepDown(0x2aaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaab, zh, zl);
  mul128(zh, zl);
}

/** Accumulator = 1 - cos(r). */
function cosineSeries(): void {
  let t: u64 = 0x0;
  t = 0x0 - mulHigh(t, zh);
  t = 0x0 - mulHigh(t, zh);
  t = 0x0 - mulHigh(t, zh);
  t = 0x8 - mulHigh(t, zh);
  t = 0xb41 - mulHigh(t, zh);
  t = 0xd73fa - mulHigh(t, zh);
  t = 0xc9cba54 - mulHigh(t, zh);
  t = 0x8f76c77fc - mulHigh(t, zh);
  t = 0x49f93edde28 - mulHigh(t, zh);
  set128(t, 0);
  stepDown(0x1a01a01a01a01, 0xa01a01a01a01a01a, zh, zl);
  stepDown(0x5b05b05b05b05b, 0x5b05b05b05b05b0, zh, zl);
  stepDown(0xaaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaab, zh, zl);
  stepDown(0x8000000000000000, 0x0, zh, zl);
  mul128(zh, zl);
}

/** Accumulator and exponent = |sin(r)|; r is not zero. */
function sine(): void {
  sineSeries();
  if ((vh | vl) == 0) vl = 1;
  subFrom128(0, 0);
  mul128(rh, rl);
  setExponent(rE);
  normalize128();
}

/** Accumulator and exponent = cos(r). */
function cosine(): void {
  cosineSeries();
  if ((vh | vl) == 0) vl = 1;
  subFrom128(0, 0);
  setExponent(0x3ffe);
  normalize128();
}

/** Result = sine of the reduced argument, `turn` quadrants on (0 = sine, 1 = cosine). */
function turned(turn: i32): void {
  const q = (quadrant + turn) & 3;
  const flip = q & 2 ? 0x8000 : 0;
  if (q & 1) {
    if (rh == 0) {
      setResult(J_BIT, flip | 0x3fff);
      raise(PE);
      return;
    }
    cosine();
    roundPackTo(flip, ve, vh, vl | 1, 0);
    return;
  }
  if (rh == 0) {
    setResult(0, rSign ^ flip);
    return;
  }
  sine();
  roundPackTo(rSign ^ flip, ve, vh, vl | 1, 0);
}

/** What `enter` found. */
const DONE: i32 = 0;
const OUT_OF_RANGE: i32 = 1;
const REDUCED: i32 = 2;
const IS_ZERO: i32 = 3;

/** Looks at the operand: answers of NaN and infinity are results already; anything else in range is reduced. */
function enter(sig: u64, se: i32): i32 {
  if (screen1(sig, se)) return DONE;
  if (kindA == INFINITY) {
    invalid();
    return DONE;
  }
  if (kindA == ZERO) return IS_ZERO;
  if ((se & 0x7fff) >= 0x403e) return OUT_OF_RANGE;
  if (kindA == DENORMAL && denormal()) return DONE;
  reduce(normalSig(sig), normalExponent(sig, se), se & 0x8000);
  square();
  return REDUCED;
}

/** Sets or clears C2. */
// @ts-ignore: decorator
@inline
function setC2(on: i32): void {
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~C2) | (on ? C2 : 0));
}

/** FSIN (turn 0) and FCOS (turn 1). */
function single(turn: i32): void {
  const top = phys(0);
  setC2(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  const sig = sigAt(p);
  const se = seAt(p);
  setFlags(0);
  const state = enter(sig, se);
  if (state == OUT_OF_RANGE) {
    commit(0);
    setC2(1);
    return;
  }
  if (state == IS_ZERO) {
    if (turn) setResult(J_BIT, 0x3fff);
    else setResult(sig, se);
  } else if (state == REDUCED) turned(turn);
  finish(p);
}

/** FSIN. */
export function x87_fsin(): void {
  single(0);
}

/** FCOS. */
export function x87_fcos(): void {
  single(1);
}

/** Result = tangent of the reduced argument. */
function tangent(): void {
  const odd = quadrant & 1;
  if (rh == 0) {
    // An exact multiple of the 66-bit pi / 2.
    if (odd) setResult(J_BIT, (rSign ^ 0x8000) | 0x7fff);
    else setResult(0, rSign);
    return;
  }
  if (!odd && rE < 0x3fff - 60) {
    // r and a little more.
    roundPackTo(rSign, rE, rh, rl | 1, 0);
    return;
  }
  sine();
  const sh = vh;
  const sl = vl;
  const se = ve;
  cosine();
  const ch = vh;
  const cl = vl;
  const ce = ve;
  let nh = odd ? ch : sh;
  let nl = odd ? cl : sl;
  const dh = odd ? sh : ch;
  const dl = odd ? sl : cl;
  let e = (odd ? ce - se : se - ce) + 0x3ffe;
  if (nh > dh || (nh == dh && nl >= dl)) {
    nl = (nl >> 1) | (nh << 63);
    nh >>= 1;
    e++;
  }
  set128(nh, nl);
  div128(dh, dl);
  setExponent(e);
  normalize128();
  roundPackTo(odd ? rSign ^ 0x8000 : rSign, ve, vh, vl | 1, 0);
}

/** No register to work on, or none to push to; both results are indefinite when masked. */
function stackFault(top: i32): void {
  commit(inUse(top) ? IE | SF | C1 : IE | SF);
  if (!(load<i32>(FPU_CW) & IE)) return;
  put(slot(top), INDEFINITE_SIG, INDEFINITE_SE);
  tagUsed(top);
  push(INDEFINITE_SIG, INDEFINITE_SE);
}

/** FSINCOS and FPTAN: ST(0) gets the first result, the second is pushed. */
function double(withTangent: bool): void {
  const top = phys(0);
  setC2(0);
  if (!inUse(top) || !canPush()) {
    stackFault(top);
    return;
  }
  const p = slot(top);
  const sig = sigAt(p);
  const se = seAt(p);
  setFlags(0);
  const state = enter(sig, se);
  if (state == OUT_OF_RANGE) {
    commit(0);
    setC2(1);
    return;
  }
  let secondSig = J_BIT;
  let secondSe: i32 = 0x3fff;
  if (state == DONE) {
    secondSig = gSig;
    secondSe = gSe;
  } else if (state == IS_ZERO) setResult(sig, se);
  else {
    if (!withTangent) {
      turned(1);
      secondSig = gSig;
      secondSe = gSe;
    }
    if (withTangent) tangent();
    else turned(0);
  }
  const flags = xf;
  commit(flags);
  if (unmasked(flags & 7)) return;
  put(p, gSig, gSe);
  push(secondSig, secondSe);
}

/** FSINCOS. */
export function x87_fsincos(): void {
  double(false);
}

/** FPTAN. */
export function x87_fptan(): void {
  double(true);
}

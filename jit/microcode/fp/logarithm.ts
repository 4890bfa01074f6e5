/** FYL2X and FYL2XP1. */
import {
  DENORMAL, INFINITY, NORMAL, ZERO, denormal, invalid, kindA, kindB, normalExponent, normalSig, screen2,
} from './operands';
import { roundPackTo } from './round';
import {
  J_BIT, PE, ZE, finish, inUse, phys, pop, raise, seAt, setFlags, setResult, sigAt, slot, underflowTo,
} from './state';
import {
  add128, div128, mul128, mulHigh, normalize128, set128, setExponent, shiftRight128, stepUp, subFrom128, ve, vh, vl,
} from './wide';

/** Accumulator = atanh(s) / s / 2, for z = s^2. */
function logSeries(zh: u64, zl: u64): void {
  let t: u64 = 0x2d82d82d82d82d8;
  t = 0x2fa0be82fa0be83 + mulHigh(t, zh);
  t = 0x31f3831f3831f38 + mulHigh(t, zh);
  t = 0x348348348348348 + mulHigh(t, zh);
  t = 0x3759f22983759f2 + mulHigh(t, zh);
  t = 0x3a83a83a83a83a8 + mulHigh(t, zh);
  t = 0x3e0f83e0f83e0f8 + mulHigh(t, zh);
  t = 0x421084210842108 + mulHigh(t, zh);
  t = 0x469ee58469ee584 + mulHigh(t, zh);
  t = 0x4bda12f684bda13 + mulHigh(t, zh);
  t = 0x51eb851eb851eb8 + mulHigh(t, zh);
  t = 0x590b21642c8590b + mulHigh(t, zh);
  t = 0x618618618618618 + mulHigh(t, zh);
  t = 0x6bca1af286bca1b + mulHigh(t, zh);
  set128(t, 0);
  stepUp(0x787878787878787, 0x8787878787878788, zh, zl);
  stepUp(0x888888888888888, 0x8888888888888889, zh, zl);
  stepUp(0x9d89d89d89d89d8, 0x9d89d89d89d89d8a, zh, zl);
  stepUp(0xba2e8ba2e8ba2e8, 0xba2e8ba2e8ba2e8c, zh, zl);
  stepUp(0xe38e38e38e38e38, 0xe38e38e38e38e38e, zh, zl);
  stepUp(0x1249249249249249, 0x2492492492492492, zh, zl);
  stepUp(0x1999999999999999, 0x999999999999999a, zh, zl);
  stepUp(0x2aaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaab, zh, zl);
  stepUp(0x8000000000000000, 0x0, zh, zl);
}

/** Sign of the logarithm in the accumulator. */
let logSign: i32 = 0;

/** Accumulator and exponent = |log2((1 + s) / (1 - s))|, for s = (vh:vl) * 2^(ve - 16383 - 127), normalised, at most 0.18. */
function logOfRatio(): void {
  const sh = vh;
  const sl = vl;
  const e = ve;
  const down = 2 * (0x3ffe - e);
  if (down >= 128) set128(0, 0);
  else {
    mul128(sh, sl);
    shiftRight128(down);
  }
  logSeries(vh, vl);
  mul128(sh, sl);
  // log2 = 2 * atanh(s) / ln 2; the series carried a factor 1/2, and 1 / ln 2 is 2 * 0.721348.
  mul128(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89);
  setExponent(e + 3);
  normalize128();
}

/** Accumulator and exponent = |log2(m * 2^n)|, m = h:l in [1, 2); `logSign` its sign. Zero leaves vh = vl = 0. */
function logarithm(h: u64, l: u64, n: i32): void {
  let big = h > 0xb504f333f9de6484 || (h == 0xb504f333f9de6484 && l > 0);
  const k = n + i32(big);
  // m - 1 and m + 1, or for m > sqrt 2, 1 - m/2 and 1 + m/2: as 128-bit fractions of 4 and of 2.
  let negative = false;
  if (big) {
    set128(h, l);
    subFrom128(0, 0);
    negative = true;
  } else set128(h & 0x7fffffffffffffff, l);
  const zero = (vh | vl) == 0;
  if (!zero) {
    // (m - 1) / (m + 1): numerator and denominator in units of 2^-127; for big m, (2 - m) / (2 + m) in the same.
    setExponent(0x3fff);
    normalize128();
    const nh = vh;
    const nl = vl;
    const e = ve;
    set128(h, l);
    shiftRight128(1);
    if (big) add128(0x8000000000000000, 0);
    else add128(0x4000000000000000, 0);
    // Now (m + 1) / 4 * 2^128 in [0.5, 0.61), or (2 + m) / 4 in [0.85, 1).
    const dh = vh;
    const dl = vl;
    set128(nh, nl);
    let f = e - 2 + 1;
    if (vh > dh || (vh == dh && vl >= dl)) {
      shiftRight128(1);
      f++;
    }
    div128(dh, dl);
    setExponent(f - 1);
    normalize128();
    logOfRatio();
  }
  if (k == 0) {
    logSign = negative ? 0x8000 : 0;
    return;
  }
  // k + fraction: the fraction in units of 2^-111, k up to 16 bits above it.
  logSign = k < 0 ? 0x8000 : 0;
  const magnitude: u64 = <u64>(k < 0 ? -k : k);
  if (zero) set128(0, 0);
  else shiftRight128(0x3fff + 16 - ve);
  const same = (k < 0) == negative;
  if (same) add128(magnitude << 47, 0);
  else subFrom128(magnitude << 47, 0);
  setExponent(0x3fff + 16);
  normalize128();
}

/** Result = y * the logarithm in the accumulator. */
function timesLogarithm(ySig: u64, ySe: i32, exact: bool): void {
  const e = normalExponent(ySig, ySe) + ve - 0x3fff + 1;
  mul128(normalSig(ySig), 0);
  setExponent(e);
  normalize128();
  roundPackTo((ySe & 0x8000) ^ logSign, ve, vh, exact ? vl : vl | 1, 0);
}

/** y * log2(x), as the result of the running instruction. */
function yLog2x(ySig: u64, ySe: i32, xSig: u64, xSe: i32): void {
  if (screen2(ySig, ySe, xSig, xSe)) return;
  const ky = kindA;
  const kx = kindB;
  const sign = ySe & 0x8000;
  if (kx != ZERO && xSe & 0x8000) {
    invalid();
    return;
  }
  const e = xSe & 0x7fff;
  const one = kx == NORMAL && e == 0x3fff && xSig == J_BIT;
  if ((kx == ZERO && ky == ZERO) || (kx == INFINITY && ky == ZERO) || (one && ky == INFINITY)) {
    invalid();
    return;
  }
  if (kx == ZERO) {
    if (ky != INFINITY) raise(ZE);
    setResult(J_BIT, (sign ^ 0x8000) | 0x7fff);
    return;
  }
  if ((ky == DENORMAL || kx == DENORMAL) && denormal()) return;
  const below = e < 0x3fff ? 0x8000 : 0;
  if (kx == INFINITY || ky == INFINITY) {
    setResult(J_BIT, (sign ^ (kx == INFINITY ? 0 : below)) | 0x7fff);
    return;
  }
  if (one || ky == ZERO) {
    setResult(0, sign ^ below);
    return;
  }
  const m = normalSig(xSig);
  logarithm(m, 0, normalExponent(xSig, xSe) - 0x3fff);
  timesLogarithm(ySig, ySe, m == J_BIT);
}

/** y * log2(1 + x), as the result of the running instruction. */
function yLog2xPlus1(ySig: u64, ySe: i32, xSig: u64, xSe: i32): void {
  if (screen2(ySig, ySe, xSig, xSe)) return;
  const ky = kindA;
  const kx = kindB;
  const sign = ySe & 0x8000;
  const xSign = xSe & 0x8000;
  if ((kx == ZERO && ky == INFINITY) || (kx == INFINITY && (ky == ZERO || xSign))) {
    invalid();
    return;
  }
  if ((ky == DENORMAL || kx == DENORMAL) && denormal()) return;
  if (kx == INFINITY || ky == INFINITY) {
    setResult(J_BIT, (sign ^ xSign) | 0x7fff);
    return;
  }
  if (kx == ZERO || ky == ZERO) {
    setResult(0, sign ^ xSign);
    return;
  }
  const m = normalSig(xSig);
  const e = normalExponent(xSig, xSe);
  if (xSign && e >= 0x3fff) {
    // No logarithm there: the operand stays.
    raise(PE);
    setResult(xSig, xSe);
    return;
  }
  if (e >= 0x3fff - 2) {
    onePlus(m, e, xSign != 0);
    logarithm(vh, vl, ve - 0x3fff);
  } else smallLogarithm(m, e, xSign);
  timesLogarithm(ySig, ySe, false);
}

/** Accumulator and exponent = 1 + x, for |x| of at least 1/4. */
function onePlus(m: u64, e: i32, negative: bool): void {
  if (e > 0x3fff + 100) {
    set128(m, 0);
    setExponent(e);
    return;
  }
  const up = e > 0x3ffe ? e + 1 : 0x4000;
  set128(J_BIT, 0);
  shiftRight128(up - 0x3fff);
  const oh = vh;
  const ol = vl;
  set128(m, 0);
  shiftRight128(up - e);
  if (negative) subFrom128(oh, ol);
  else add128(oh, ol);
  setExponent(up);
  normalize128();
}

/** Accumulator and exponent = |log2(1 + x)| for |x| below 1/4. */
function smallLogarithm(m: u64, e: i32, sign: i32): void {
  // x / (2 + x): the denominator as a fraction of 4.
  set128(m, 0);
  shiftRight128(0x4000 - e);
  if (sign) subFrom128(0x8000000000000000, 0);
  else add128(0x8000000000000000, 0);
  let dh = vh;
  let dl = vl;
  let f = e - 1;
  if (sign && !(dh & 0x8000000000000000)) {
    dh = (dh << 1) | (dl >> 63);
    dl <<= 1;
    f++;
  }
  set128(m, 0);
  if (m > dh || (m == dh && dl == 0)) {
    shiftRight128(1);
    f++;
  }
  div128(dh, dl);
  setExponent(f - 1);
  normalize128();
  logOfRatio();
  logSign = sign;
}

/** ST(1) = f(ST(1), ST(0)), then pop. */
function binary(plusOne: bool): void {
  const top = phys(0);
  const other = phys(1);
  if (!(inUse(top) & inUse(other))) {
    if (underflowTo(other)) pop();
    return;
  }
  const from = slot(top);
  const p = slot(other);
  setFlags(0);
  if (plusOne) yLog2xPlus1(sigAt(p), seAt(p), sigAt(from), seAt(from));
  else yLog2x(sigAt(p), seAt(p), sigAt(from), seAt(from));
  if (finish(p)) pop();
}

/** FYL2X. */
export function x87_fyl2x(): void {
  binary(false);
}

/** FYL2XP1. */
export function x87_fyl2xp1(): void {
  binary(true);
}

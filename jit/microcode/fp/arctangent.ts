/** FPATAN. */
import { DENORMAL, INFINITY, ZERO, denormal, kindA, kindB, normalExponent, normalSig, screen2 } from './operands';
import { roundPackTo } from './round';
import { finish, inUse, phys, pop, seAt, setFlags, setResult, sigAt, slot, underflowTo } from './state';
import {
  add128, div128, mul128, mulHigh, normalize128, set128, setExponent, shiftRight128, stepDown, subFrom128, ve, vh, vl,
} from './wide';

/** High and low words of pi * 2^126. */
const PI_HIGH: u64 = 0xc90fdaa22168c234;
const PI_LOW: u64 = 0xc4c6628b80dc1cd1;

/** Accumulator = atan(k / 16) as a 128-bit fraction. */
function tableAngle(k: i32): void {
  switch (k) {
    case 1: return set128(0xffaaddb967ef4e3, 0x6cb2792dc0e2e0d5);
    case 2: return set128(0x1fd5ba9aac2f6dc6, 0x5912f313e7d111df);
    case 3: return set128(0x2f72f6979cb6044d, 0x1ec2d3e207271d22);
    case 4: return set128(0x3eb6ebf25901bac5, 0x5b71e7bd7de885f9);
    case 5: return set128(0x4d89dcdc1faf2f34, 0xe2d5da4c693d7994);
    case 6: return set128(0x5bd86507937bc239, 0xc55190916e7f2242);
    case 7: return set128(0x6993bb0f308ff2db, 0x213e4af4800f389b);
    case 8: return set128(0x76b19c1586ed3da2, 0xb7f222f65e1d4682);
    case 9: return set128(0x832bf4a6d9867e2a, 0x4b6a09cb61a515c1);
    case 10: return set128(0x8f005d5ef7f59f9b, 0x5c835e1665c43748);
    case 11: return set128(0x9a2f80e671bdda20, 0x4226f8e2204ff3bd);
    case 12: return set128(0xa4bc7d1934f70924, 0x19a87f2a457dac9f);
    case 13: return set128(0xaeac4c38b4d8c080, 0x14725e2f3e52070a);
    case 14: return set128(0xb8053e2bc2319e73, 0xcb2da55210a4443d);
    case 15: return set128(0xc0ce85b8ac526640, 0x89dd62c46e92fa25);
    case 16: return set128(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
    default: set128(0, 0);
  }
}

/** Series for atan(t)/t: accumulator = 1 - atan(t) / t, for z = t^2. */
function angleSeries(zh: u64, zl: u64): void {
  let t: u64 = 0x8d3dcb08d3dcb09;
  t = 0x97b425ed097b426 - mulHigh(t, zh);
  t = 0xa3d70a3d70a3d71 - mulHigh(t, zh);
  t = 0xb21642c8590b216 - mulHigh(t, zh);
  t = 0xc30c30c30c30c31 - mulHigh(t, zh);
  t = 0xd79435e50d79436 - mulHigh(t, zh);
  t = 0xf0f0f0f0f0f0f0f - mulHigh(t, zh);
  t = 0x1111111111111111 - mulHigh(t, zh);
  t = 0x13b13b13b13b13b1 - mulHigh(t, zh);
  set128(t, 0);
  stepDown(0x1745d1745d1745d1, 0x745d1745d1745d17, zh, zl);
  stepDown(0x1c71c71c71c71c71, 0xc71c71c71c71c71c, zh, zl);
  stepDown(0x2492492492492492, 0x4924924924924925, zh, zl);
  stepDown(0x3333333333333333, 0x3333333333333333, zh, zl);
  stepDown(0x5555555555555555, 0x5555555555555555, zh, zl);
  mul128(zh, zl);
}

/** Accumulator and exponent = atan(t) for t = (vh:vl) * 2^(ve - 16383 - 127), normalised, below about 1/16. */
function smallAngle(): void {
  const th = vh;
  const tl = vl;
  const e = ve;
  const down = 2 * (0x3ffe - e);
  if (down >= 128) set128(0, 0);
  else {
    mul128(th, tl);
    shiftRight128(down);
  }
  angleSeries(vh, vl);
  if ((vh | vl) == 0) set128(0, 1);
  subFrom128(0, 0);
  mul128(th, tl);
  setExponent(e);
  normalize128();
}

/** Accumulator and exponent = atan(n / d) for 0 < n <= d, both with normalised significands. */
function angle(n: u64, ne: i32, d: u64, de: i32): void {
  const less = i32(n < d);
  let e = ne - de + 0x3fff - less;
  if (e >= 0x3fff) {
    // The ratio is 1.
    set128(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
    setExponent(0x3ffe);
    return;
  }
  set128(less ? n : n >> 1, less ? 0 : n << 63);
  div128(d, 0);
  setExponent(e);
  if (e < 0x3fff - 4) {
    smallAngle();
    return;
  }
  // As a fraction t; with k / 16 near it, atan t = atan k/16 + atan((16 t - k) / (16 + k t)).
  shiftRight128(0x3ffe - e);
  const th = vh;
  const tl = vl;
  const k = <i32>((th + 0x0800000000000000) >> 60);
  const wrapped = th >= 0xf800000000000000;
  const index = wrapped ? 16 : k;
  const ch = wrapped ? 0 : <u64>k << 60;
  const below = wrapped || th < ch;
  // |t - k/16|, exact.
  if (below) subFrom128(ch, 0);
  else set128(th - ch, tl);
  const nh = vh;
  const nl = vl;
  if ((nh | nl) == 0) {
    tableAngle(index);
    setExponent(0x3ffe);
    normalize128();
    return;
  }
  // Denominator (1 + k t / 16) / 2.
  set128(th, tl);
  if (!wrapped) mul128(ch, 0);
  shiftRight128(1);
  add128(0x8000000000000000, 0);
  const dh = vh;
  const dl = vl;
  set128(nh, nl);
  setExponent(0x3ffd);
  normalize128();
  if (vh > dh || (vh == dh && vl >= dl)) {
    shiftRight128(1);
    setExponent(ve + 1);
  }
  div128(dh, dl);
  normalize128();
  smallAngle();
  shiftRight128(0x3ffe - ve);
  const ah = vh;
  const al = vl;
  tableAngle(index);
  if (below) {
    const bh = vh;
    const bl = vl;
    set128(ah, al);
    subFrom128(bh, bl);
  } else add128(ah, al);
  setExponent(0x3ffe);
  normalize128();
}

/** Result = `eighths` eighths of a turn's half (pi / 4 each): 1, 2, 3 or 4. */
function multiple(eighths: i32, sign: i32): void {
  if (eighths == 3) roundPackTo(sign, 0x4000, 0x96cbe3f9990e91a7, 0x9394c9e8a0a5159d, 0);
  else roundPackTo(sign, eighths == 4 ? 0x4000 : eighths == 2 ? 0x3fff : 0x3ffe, PI_HIGH, PI_LOW, 0);
}

/** atan(y / x) in the quadrant of the point, as the result of the running instruction. */
function arctangent(ySig: u64, ySe: i32, xSig: u64, xSe: i32): void {
  if (screen2(ySig, ySe, xSig, xSe)) return;
  const ky = kindA;
  const kx = kindB;
  const sign = ySe & 0x8000;
  const left = (xSe & 0x8000) != 0;
  if ((ky == DENORMAL || kx == DENORMAL) && denormal()) return;
  if (ky == INFINITY) {
    multiple(kx == INFINITY ? (left ? 3 : 1) : 2, sign);
    return;
  }
  if (ky == ZERO || kx == INFINITY) {
    if (left) multiple(4, sign);
    else setResult(0, sign);
    return;
  }
  if (kx == ZERO) {
    multiple(2, sign);
    return;
  }
  const n = normalSig(ySig);
  const ne = normalExponent(ySig, ySe);
  const d = normalSig(xSig);
  const de = normalExponent(xSig, xSe);
  const steep = ne > de || (ne == de && n > d);
  if (steep) angle(d, de, n, ne);
  else angle(n, ne, d, de);
  if (!steep && !left) {
    roundPackTo(sign, ve, vh, vl | 1, 0);
    return;
  }
  // pi/2 - a, pi/2 + a or pi - a, in units of 2^-126.
  shiftRight128(0x4000 - ve);
  const whole = left && !steep;
  const ph = whole ? PI_HIGH : PI_HIGH >> 1;
  const pl = whole ? PI_LOW : (PI_LOW >> 1) | (PI_HIGH << 63);
  if (steep && left) add128(ph, pl);
  else subFrom128(ph, pl);
  setExponent(0x4000);
  normalize128();
  roundPackTo(sign, ve, vh, vl | 1, 0);
}

/** FPATAN. */
export function x87_fpatan(): void {
  const top = phys(0);
  const other = phys(1);
  if (!(inUse(top) & inUse(other))) {
    if (underflowTo(other)) pop();
    return;
  }
  const from = slot(top);
  const p = slot(other);
  setFlags(0);
  arctangent(sigAt(p), seAt(p), sigAt(from), seAt(from));
  if (finish(p)) pop();
}

/** F2XM1. */
import { DENORMAL, INFINITY, ZERO, denormal, kindA, normalExponent, normalSig, screen1 } from './operands';
import { roundPackTo } from './round';
import { J_BIT, PE, finish, inUse, phys, raise, seAt, setFlags, setResult, sigAt, slot, underflowTo } from './state';
import {
  add128, mul128, mulHigh, normalize128, set128, setExponent, shiftRight128, stepDown, stepUp, subFrom128, ve, vh, vl,
} from './wide';

/** ln 2 as a 128-bit fraction. */
const LN2_HIGH: u64 = 0xb17217f7d1cf79ab;
const LN2_LOW: u64 = 0xc9e3b39803f2f6af;

/** Accumulator = 2^(j / 16) / 2 as a 128-bit fraction. */
function tablePower(j: i32): void {
  switch (j) {
    case 1: return set128(0x85aac367cc487b14, 0xc5c95b8c2154c1b2);
    case 2: return set128(0x8b95c1e3ea8bd6e6, 0xfbe4628758a53c90);
    case 3: return set128(0x91c3d373ab11c336, 0xfd6d8e0ae5ac9d8);
    case 4: return set128(0x9837f0518db8a96f, 0x46ad23182e42f6f6);
    case 5: return set128(0x9ef5326091a111ad, 0xa0911f09ebb9fdd1);
    case 6: return set128(0xa5fed6a9b15138ea, 0x1cbd7f621710701b);
    case 7: return set128(0xad583eea42a14ac6, 0x4980a8c8f59a2ec4);
    case 8: return set128(0xb504f333f9de6484, 0x597d89b3754abe9f);
    case 9: return set128(0xbd08a39f580c36be, 0xa8811fb66d0faf7a);
    case 10: return set128(0xc5672a115506dadd, 0x3e2ad0c964dd9f37);
    case 11: return set128(0xce248c151f8480e3, 0xe235838f95f2c6ed);
    case 12: return set128(0xd744fccad69d6af4, 0x39a68bb9902d3fde);
    case 13: return set128(0xe0ccdeec2a94e111, 0x65895048dd333ca);
    case 14: return set128(0xeac0c6e7dd24392e, 0xd02d75b3706e54fb);
    case 15: return set128(0xf5257d152486cc2c, 0x7b9d0c7aed980fc3);
    default: set128(0x8000000000000000, 0);
  }
}

/** Accumulator = (e^y - 1) / y / 2 for the 128-bit fraction y, at most about 1/16. */
function growthSeries(yh: u64, yl: u64): void {
  let t: u64 = 0x5a1;
  t = 0x654b + mulHigh(t, yh);
  t = 0x6b9fd + mulHigh(t, yh);
  t = 0x6b9fd0 + mulHigh(t, yh);
  t = 0x64e5d2a + mulHigh(t, yh);
  t = 0x5849184f + mulHigh(t, yh);
  t = 0x47bb63bfe + mulHigh(t, yh);
  t = 0x35cc8acfeb + mulHigh(t, yh);
  t = 0x24fc9f6ef14 + mulHigh(t, yh);
  t = 0x171de3a556c7 + mulHigh(t, yh);
  t = 0xd00d00d00d01 + mulHigh(t, yh);
  set128(t, 0);
  stepUp(0x6806806806806, 0x8068068068068068, yh, yl);
  stepUp(0x2d82d82d82d82d, 0x82d82d82d82d82d8, yh, yl);
  stepUp(0x111111111111111, 0x1111111111111111, yh, yl);
  stepUp(0x555555555555555, 0x5555555555555555, yh, yl);
  stepUp(0x1555555555555555, 0x5555555555555555, yh, yl);
  stepUp(0x4000000000000000, 0x0, yh, yl);
  stepUp(0x8000000000000000, 0x0, yh, yl);
}

/** Accumulator = 2^f - 1 as a 128-bit fraction, for the fraction f below 1/16. */
function growth(fh: u64, fl: u64): void {
  set128(fh, fl);
  mul128(LN2_HIGH, LN2_LOW);
  const yh = vh;
  const yl = vl;
  growthSeries(yh, yl);
  mul128(yh, yl);
  add128(vh, vl);
}

/** 2^x - 1 for 0 < |x| < 1, as the result of the running instruction. */
function exponential(sig: u64, e: i32, sign: i32): void {
  if (e < 0x3fff - 68) {
    // The series is its first term, and a little.
    set128(sig, 0);
    mul128(LN2_HIGH, LN2_LOW);
    setExponent(e);
    normalize128();
    roundPackTo(sign, ve, vh, vl | 1, 0);
    return;
  }
  if (e < 0x3fff - 4) {
    // (e^y - 1) / y is near 1: keep y's precision by working on its normalised significand.
    set128(sig, 0);
    mul128(LN2_HIGH, LN2_LOW);
    setExponent(e);
    normalize128();
    const nh = vh;
    const nl = vl;
    const ne = ve;
    shiftRight128(0x3ffe - ne);
    if (sign) decaySeries(vh, vl);
    else growthSeries(vh, vl);
    mul128(nh, nl);
    setExponent(ne + 1);
    normalize128();
    roundPackTo(sign, ve, vh, vl | 1, 0);
    return;
  }
  // 2^x = 2^n * 2^(j/16) * 2^f.
  set128(sig, 0);
  shiftRight128(0x3ffe - e);
  if (sign) subFrom128(0, 0);
  const j = <i32>(vh >> 60);
  growth(vh & 0x0fffffffffffffff, vl);
  const gh = vh;
  const gl = vl;
  tablePower(j);
  const th = vh;
  const tl = vl;
  mul128(gh, gl);
  add128(th, tl);
  // Accumulator is 2^frac / 2, from 1/2 to 1. For x > 0 the answer is twice it, less 1; for x < 0, 1 less it.
  if (sign) subFrom128(0, 0);
  else add128(0x8000000000000000, 0);
  setExponent(sign ? 0x3ffe : 0x3fff);
  normalize128();
  roundPackTo(sign, ve, vh, vl | 1, 0);
}

/** Accumulator = (1 - e^-y) / y / 2. */
function decaySeries(yh: u64, yl: u64): void {
  let t: u64 = 0x5a1;
  t = 0x654b - mulHigh(t, yh);
  t = 0x6b9fd - mulHigh(t, yh);
  t = 0x6b9fd0 - mulHigh(t, yh);
  t = 0x64e5d2a - mulHigh(t, yh);
  t = 0x5849184f - mulHigh(t, yh);
  t = 0x47bb63bfe - mulHigh(t, yh);
  t = 0x35cc8acfeb - mulHigh(t, yh);
  t = 0x24fc9f6ef14 - mulHigh(t, yh);
  t = 0x171de3a556c7 - mulHigh(t, yh);
  t = 0xd00d00d00d01 - mulHigh(t, yh);
  set128(t, 0);
  stepDown(0x6806806806806, 0x8068068068068068, yh, yl);
  stepDown(0x2d82d82d82d82d, 0x82d82d82d82d82d8, yh, yl);
  stepDown(0x111111111111111, 0x1111111111111111, yh, yl);
  stepDown(0x555555555555555, 0x5555555555555555, yh, yl);
  stepDown(0x1555555555555555, 0x5555555555555555, yh, yl);
  stepDown(0x4000000000000000, 0x0, yh, yl);
  stepDown(0x8000000000000000, 0x0, yh, yl);
}

/** F2XM1. */
export function x87_f2xm1(): void {
  const top = phys(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  const sig = sigAt(p);
  const se = seAt(p);
  setFlags(0);
  if (!screen1(sig, se)) {
    const negative = se & 0x8000;
    setResult(sig, se);
    if (kindA == INFINITY) {
      if (negative) setResult(J_BIT, 0xbfff);
    } else if (kindA != ZERO && (kindA != DENORMAL || !denormal())) {
      const e = normalExponent(sig, se);
      if (e < 0x3fff) exponential(normalSig(sig), e, negative);
      else {
        // Outside -1 to 1 the operand stays.
        raise(PE);
        if (e == 0x3fff && sig == J_BIT && negative) setResult(J_BIT, 0xbffe);
      }
    }
  }
  finish(p);
}

import type { Machine, Value } from '../../ir/machine.ts';
import { SCRATCH, SCRATCH_HIGH } from '../../state/vcpu-layout.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

/** Low and high halves of the 128-bit product of two 64-bit values. */
function wideProduct(m: Machine, a: Value, b: Value, signed: boolean): { low: Value; high: Value } {
  const mask = m.constant(64, 0xffffffffn);
  const n32 = m.constant(64, 32);
  const al = m.and(a, mask);
  const ah = m.shr(a, n32);
  const bl = m.and(b, mask);
  const bh = m.shr(b, n32);
  const ll = m.mul(al, bl);
  const lh = m.mul(al, bh);
  const hl = m.mul(ah, bl);
  const hh = m.mul(ah, bh);
  const middle = m.add(m.add(m.shr(ll, n32), m.and(lh, mask)), m.and(hl, mask));
  let high = m.add(m.add(hh, m.shr(lh, n32)), m.add(m.shr(hl, n32), m.shr(middle, n32)));
  if (signed) {
    high = m.sub(high, m.and(m.sar(a, m.i32(63)), b));
    high = m.sub(high, m.and(m.sar(b, m.i32(63)), a));
  }
  return { low: m.mul(a, b), high };
}

/** Full product as low and high values of the operand's width. */
function product(m: Machine, a: Value, b: Value, signed: boolean): { low: Value; high: Value } {
  const size = m.size;
  if (size === 64) return wideProduct(m, a, b, signed);
  const wide = signed ? m.mul(m.signExtend(a, 64), m.signExtend(b, 64)) : m.mul(m.zeroExtend(a, 64), m.zeroExtend(b, 64));
  return { low: m.truncate(wide, size), high: m.truncate(m.shr(wide, m.i32(size)), size) };
}

/** CF = OF = overflow; SF, ZF and PF follow the low half, AF is 0 (they are undefined by the manual). */
const productFlags = (m: Machine, low: Value, overflow: Value): void => {
  m.setResultFlags(low, { cf: overflow, of: overflow });
};

const mul = (signed: boolean) => (m: Machine): void => {
  const a = m.gpr(0, m.size);
  const b = m.read(0);
  const { low, high } = product(m, a, b, signed);
  const expected = signed ? m.sar(low, m.i32(m.size === 64 ? 63 : m.size === 32 ? 31 : m.size - 1)) : m.constant(m.size, 0);
  const overflow = m.ne(high, expected);
  if (m.size === 8) m.setGpr(0, m.or(m.relabel(low, 16), m.shl(m.relabel(high, 16), m.i32(8))));
  else {
    m.setGpr(0, low);
    m.setGpr(2, high);
  }
  productFlags(m, low, overflow);
};

/** IMUL with two or three operands: `destination = a * b`. */
const imul = (first: number, second: number) => (m: Machine): void => {
  const a = m.read(first);
  const b = m.read(second, m.size);
  const { low, high } = product(m, a, b, true);
  const overflow = m.ne(high, m.sar(low, m.i32(m.size === 64 ? 63 : m.size === 32 ? 31 : m.size - 1)));
  m.write(0, low);
  productFlags(m, low, overflow);
};

/** DIV and IDIV of 8, 16 and 32 bits through i64; #DE on a zero divisor or a quotient that does not fit. */
const divNarrow = (signed: boolean) => (m: Machine): void => {
  const size = m.size as 8 | 16 | 32;
  const divisor = m.read(0);
  m.faultIf(m.isZero(divisor), 0);
  let dividend: Value;
  if (size === 8) dividend = signed ? m.signExtend(m.gpr(0, 16), 64) : m.zeroExtend(m.gpr(0, 16), 64);
  else {
    const wide = m.or(m.zeroExtend(m.gpr(0, size), 64), m.shl(m.zeroExtend(m.gpr(2, size), 64), m.i32(size)));
    dividend = signed && size === 16 ? m.signExtend(m.truncate(wide, 32), 64) : wide;
  }
  const d = signed ? m.signExtend(divisor, 64) : m.zeroExtend(divisor, 64);
  if (signed && size === 32) {
    // the one i64 division that traps: -2^63 / -1, whose quotient does not fit anyway
    m.faultIf(m.and(m.eq(dividend, m.constant(64, -(1n << 63n))), m.eq(d, m.constant(64, -1))), 0);
  }
  const quotient = signed ? m.divS(dividend, d) : m.divU(dividend, d);
  const back = signed ? m.signExtend(m.truncate(quotient, size), 64) : m.zeroExtend(m.truncate(quotient, size), 64);
  m.faultIf(m.ne(quotient, back), 0);
  const remainder = m.sub(dividend, m.mul(quotient, d));
  if (size === 8) m.setGpr(0, m.or(m.zeroExtend(m.truncate(quotient, 8), 16), m.shl(m.zeroExtend(m.truncate(remainder, 8), 16), m.i32(8))));
  else {
    m.setGpr(0, m.truncate(quotient, size));
    m.setGpr(2, m.truncate(remainder, size));
  }
};

/** 64-bit DIV and IDIV: native when the high half is only an extension, else 128 by 64 bits in microcode. */
const divWide = (signed: boolean) => (m: Machine): void => {
  const divisor = m.read(0);
  m.faultIf(m.isZero(divisor), 0);
  const low = m.gpr(0, 64);
  const high = m.gpr(2, 64);
  const easy = signed
    ? m.and(m.eq(high, m.sar(low, m.i32(63))), m.isZero(m.and(m.eq(divisor, m.constant(64, -1)), m.eq(low, m.constant(64, -(1n << 63n))))))
    : m.isZero(high);
  const ok = m.variable(m.i32(1));
  const quotient = m.variable(m.constant(64, 0));
  const remainder = m.variable(m.constant(64, 0));
  m.when(easy, () => {
    const q = signed ? m.divS(low, divisor) : m.divU(low, divisor);
    m.assign(quotient, q);
    m.assign(remainder, m.sub(low, m.mul(q, divisor)));
  }, () => {
    // leaves quotient and remainder in scratch words; 0 when the quotient does not fit
    m.assign(ok, m.call(signed ? 'idiv128' : 'div128', 'i32', 32, high, low, divisor));
    m.assign(quotient, m.state(SCRATCH, 64));
    m.assign(remainder, m.state(SCRATCH_HIGH, 64));
  }, 'often');
  m.faultIf(m.isZero(m.value(ok)), 0);
  m.setGpr(0, m.value(quotient));
  m.setGpr(2, m.value(remainder));
};

/** MULX: unsigned product without flags, high half to operand 0, low half to operand 1. */
const mulx = (m: Machine): void => {
  const { low, high } = product(m, m.gpr(2, m.size), m.read(2), false);
  m.write(1, low);
  m.write(0, high);
};

/** Multiplication and division. */
export const muldiv: readonly Row[] = [
  row('MUL', 'F6 /4', 'rm8', mul(false), { size: 8 }),
  ...rowsV('MUL', 'F7 /4', 'rmv', mul(false)),
  row('IMUL', 'F6 /5', 'rm8', mul(true), { size: 8 }),
  ...rowsV('IMUL', 'F7 /5', 'rmv', mul(true)),
  ...rowsV('IMUL', '0F AF /r', 'rv,rmv', imul(0, 1)),
  ...rowsV('IMUL', '69 /r', 'rv,rmv,immz', imul(1, 2)),
  ...rowsV('IMUL', '6B /r', 'rv,rmv,imm8s', imul(1, 2)),
  row('DIV', 'F6 /6', 'rm8', divNarrow(false), { size: 8 }),
  row('IDIV', 'F6 /7', 'rm8', divNarrow(true), { size: 8 }),
  ...rowsV('DIV', 'F7 /6', 'rmv', (m) => (m.size === 64 ? divWide(false)(m) : divNarrow(false)(m))),
  ...rowsV('IDIV', 'F7 /7', 'rmv', (m) => (m.size === 64 ? divWide(true)(m) : divNarrow(true)(m))),
  row('MULX', 'VEX.LZ.F2.0F38.W0 F6 /r', 'r32,v32,rm32', mulx, { feature: 'bmi2' }),
  row('MULX', 'VEX.LZ.F2.0F38.W1 F6 /r', 'r64,v64,rm64', mulx, { feature: 'bmi2', modes: 'only64' }),
];

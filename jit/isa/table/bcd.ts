import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row } from '../dsl/row.ts';

const al = (m: Machine): Value => m.relabel(m.gpr(0, 8), 32);

/** DAA and DAS. */
const decimalAdjust = (subtract: boolean) => (m: Machine): void => {
  const old = al(m);
  const cf = m.flag('cf');
  const low = m.or(m.gtU(m.and(old, m.i32(15)), m.i32(9)), m.flag('af'));
  const high = m.or(m.gtU(old, m.i32(0x99)), cf);
  const correction = m.add(m.select(low, m.i32(6), m.i32(0)), m.select(high, m.i32(0x60), m.i32(0)));
  const r = m.truncate(subtract ? m.sub(old, correction) : m.add(old, correction), 8);
  const borrow = subtract ? m.and(low, m.ltU(old, m.i32(6))) : m.i32(0);
  m.setGpr(0, r);
  m.setResultFlags(r, { cf: m.or(high, borrow), of: m.i32(0), af: low });
};

/** AAA and AAS. */
const asciiAdjust = (subtract: boolean) => (m: Machine): void => {
  const ax = m.relabel(m.gpr(0, 16), 32);
  const adjust = m.or(m.gtU(m.and(ax, m.i32(15)), m.i32(9)), m.flag('af'));
  const step = m.i32(0x106);
  const moved = subtract ? m.sub(ax, step) : m.add(ax, step);
  const r = m.and(m.select(adjust, moved, ax), m.i32(0xff0f));
  const r16 = m.truncate(r, 16);
  m.setGpr(0, r16);
  m.setResultFlags(m.truncate(r, 8), { cf: adjust, of: m.i32(0), af: adjust });
};

const aam = (m: Machine): void => {
  const base = m.zeroExtend(m.read(0, 8), 32);
  m.faultIf(m.isZero(base), 0);
  const v = al(m);
  const q = m.divU(v, base);
  const r = m.truncate(m.remU(v, base), 8);
  m.setGpr(0, m.or(m.zeroExtend(r, 16), m.truncate(m.shl(q, m.i32(8)), 16)));
  m.setResultFlags(r, { cf: m.i32(0), of: m.i32(0) });
};

const aad = (m: Machine): void => {
  const ah = m.zeroExtend(m.gprHigh(0), 32);
  const r = m.truncate(m.add(al(m), m.mul(ah, m.zeroExtend(m.read(0, 8), 32))), 8);
  m.setGpr(0, m.zeroExtend(r, 16));
  m.setResultFlags(r, { cf: m.i32(0), of: m.i32(0) });
};

/** Decimal arithmetic of the 8086, gone in 64-bit mode. */
export const bcd: readonly Row[] = [
  row('DAA', '27', '', decimalAdjust(false), { size: 8, modes: 'no64' }),
  row('DAS', '2F', '', decimalAdjust(true), { size: 8, modes: 'no64' }),
  row('AAA', '37', '', asciiAdjust(false), { size: 8, modes: 'no64' }),
  row('AAS', '3F', '', asciiAdjust(true), { size: 8, modes: 'no64' }),
  row('AAM', 'D4', 'imm8', aam, { size: 8, modes: 'no64' }),
  row('AAD', 'D5', 'imm8', aad, { size: 8, modes: 'no64' }),
];

import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row } from '../dsl/row.ts';
import { EFLAGS } from '../../state/vcpu-layout.ts';

const lahf = (m: Machine): void => {
  const at = (v: Value, n: number): Value => m.shl(v, m.i32(n));
  let v: Value = m.or(m.flag('cf'), m.i32(2));
  v = m.or(v, at(m.flag('pf'), 2));
  v = m.or(v, at(m.flag('af'), 4));
  v = m.or(v, at(m.flag('zf'), 6));
  v = m.or(v, at(m.flag('sf'), 7));
  m.setGprHigh(0, m.relabel(v, 8));
};

const sahf = (m: Machine): void => {
  const ah = m.gprHigh(0);
  m.assignFlags({ cf: m.bit(ah, 0), pf: m.bit(ah, 2), af: m.bit(ah, 4), zf: m.bit(ah, 6), sf: m.bit(ah, 7) });
};

const direction = (set: boolean) => (m: Machine): void => {
  const old = m.state(EFLAGS);
  m.setState(EFLAGS, set ? m.or(old, m.i32(0x400)) : m.and(old, m.i32(~0x400)));
};

/** SALC: AL = CF ? FFh : 0, undocumented but in every CPU outside 64-bit mode. */
const salc = (m: Machine): void => m.setGpr(0, m.truncate(m.neg(m.flag('cf')), 8));

/** Flag control. */
export const flags: readonly Row[] = [
  row('CLC', 'F8', '', (m) => m.assignFlags({ cf: m.i32(0) })),
  row('STC', 'F9', '', (m) => m.assignFlags({ cf: m.i32(1) })),
  row('CMC', 'F5', '', (m) => m.assignFlags({ cf: m.isZero(m.flag('cf')) })),
  row('CLD', 'FC', '', direction(false)),
  row('STD', 'FD', '', direction(true)),
  row('LAHF', '9F', '', lahf, { size: 8, feature: 'lahf' }),
  row('SAHF', '9E', '', sahf, { size: 8, feature: 'lahf' }),
  row('SALC', 'D6', '', salc, { size: 8, modes: 'no64' }),
];

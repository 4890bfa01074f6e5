import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

type Shift = 'ROL' | 'ROR' | 'RCL' | 'RCR' | 'SHL' | 'SHR' | 'SAR';

/** Count operand cut to 5 bits (6 for 64-bit operands), as an i32. */
const maskedCount = (m: Machine, i: number): Value => m.and(m.zeroExtend(m.read(i, 8), 32), m.i32(m.size === 64 ? 63 : 31));

const one = (m: Machine): Value => m.i32(1);

interface Outcome { r: Value; cf: Value; of: Value }

function shifted(m: Machine, kind: 'SHL' | 'SHR' | 'SAR', a: Value, n: Value): Outcome {
  const size = m.size;
  const narrow = size < 32;
  const last = m.sub(n, one(m));
  if (kind === 'SHL') {
    // narrow operands: the bits shifted out stay in the i32 (count up to 31)
    if (narrow) {
      const before = m.shl(m.relabel(a, 32), last);
      const cf = m.bit(before, size - 1);
      const r = m.truncate(m.shl(m.relabel(a, 32), n), size);
      return { r, cf, of: m.xor(m.signBit(r), cf) };
    }
    const before = m.shl(a, last);
    const cf = m.signBit(before);
    const r = m.shl(a, n);
    return { r, cf, of: m.xor(m.signBit(r), cf) };
  }
  if (kind === 'SHR') {
    const before = m.shr(a, last);
    return { r: m.shr(a, n), cf: m.bit(before, 0), of: m.signBit(a) };
  }
  const wide = narrow ? m.signExtend(a, 32) : a;
  const before = m.sar(wide, last);
  const r = m.sar(wide, n);
  return { r: narrow ? m.truncate(r, size) : r, cf: m.bit(before, 0), of: m.i32(0) };
}

/** Rotates; the count is not 0 but may be a multiple of the size. */
function rotated(m: Machine, kind: 'ROL' | 'ROR', a: Value, n: Value): Outcome {
  const size = m.size;
  let r: Value;
  if (size >= 32) r = kind === 'ROL' ? m.rotl(a, n) : m.rotr(a, n);
  else {
    const k = m.and(n, m.i32(size - 1));
    const other = m.and(m.sub(m.i32(size), k), m.i32(size - 1));
    const w = m.relabel(a, 32);
    r = m.truncate(kind === 'ROL' ? m.or(m.shl(w, k), m.shr(w, other)) : m.or(m.shr(w, k), m.shl(w, other)), size);
  }
  if (kind === 'ROL') {
    const cf = m.bit(r, 0);
    return { r, cf, of: m.xor(m.signBit(r), cf) };
  }
  return { r, cf: m.signBit(r), of: m.xor(m.signBit(r), m.bit(r, size - 2)) };
}

/** Rotates through carry. 8 and 16-bit counts are taken modulo 9 and 17. */
function rotatedCarry(m: Machine, kind: 'RCL' | 'RCR', a: Value, count: Value): Outcome & { n: Value } {
  const size = m.size;
  const cfIn = m.flag('cf');
  if (size < 64) {
    const n = size === 32 ? count : m.zeroExtend(m.remU(count, m.i32(size + 1)), 32);
    // size + 1 bits in an i64
    const c = m.zeroExtend(cfIn, 64);
    const v = m.or(m.zeroExtend(a, 64), m.shl(c, m.i32(size)));
    const other = m.sub(m.i32(size + 1), n);
    const left = kind === 'RCL' ? n : other;
    const right = kind === 'RCL' ? other : n;
    const w = m.or(m.shl(v, left), m.shr(v, right));
    const r = m.truncate(w, size);
    const cf = m.truncate(m.and(m.shr(w, m.i32(size)), m.constant(64, 1)), 32);
    return { r, cf, n, of: kind === 'RCL' ? m.xor(m.signBit(r), cf) : m.xor(m.signBit(r), m.bit(r, size - 2)) };
  }
  const n = count; // 1 to 63
  const last = m.sub(n, one(m));
  const c = m.zeroExtend(cfIn, 64);
  const back = m.sub(m.i32(64), n);
  if (kind === 'RCL') {
    const spill = m.shr(m.shr(a, back), one(m)); // a >> (65 - n)
    const r = m.or(m.or(m.shl(a, n), m.shl(c, last)), spill);
    const cf = m.truncate(m.and(m.shr(a, back), m.constant(64, 1)), 32);
    return { r, cf, n, of: m.xor(m.signBit(r), cf) };
  }
  const spill = m.shl(m.shl(a, back), one(m)); // a << (65 - n)
  const r = m.or(m.or(m.shr(a, n), m.shl(c, back)), spill);
  const cf = m.truncate(m.and(m.shr(a, last), m.constant(64, 1)), 32);
  return { r, cf, n, of: m.xor(m.signBit(r), m.bit(r, 62)) };
}

function outcome(m: Machine, kind: Shift, a: Value, n: Value): Outcome {
  if (kind === 'SHL' || kind === 'SHR' || kind === 'SAR') return shifted(m, kind, a, n);
  if (kind === 'ROL' || kind === 'ROR') return rotated(m, kind, a, n);
  return rotatedCarry(m, kind, a, n);
}

/** Shifts and rotates by operand 1; a count of 0 changes nothing but still checks the destination for writing. */
const shift = (kind: Shift) => (m: Machine): void => {
  const a = m.readModify(0);
  const rotate = kind.startsWith('R');
  const flags = ({ r, cf, of }: Outcome): void => {
    if (rotate) m.assignFlags({ cf, of });
    else m.setResultFlags(r, { cf, of });
  };
  const source = m.operand(1);
  if (source.kind === 'immediate' && source.value !== 'record') {
    const n = Number(source.value) & (m.size === 64 ? 63 : 31);
    const made = n === 0 ? null : outcome(m, kind, a, m.i32(n));
    writeBack(m, made?.r ?? a);
    if (made !== null) flags(made);
    return;
  }
  const n = maskedCount(m, 1);
  if (kind === 'RCL' || kind === 'RCR') {
    m.when(n, () => {
      const made = outcome(m, kind, a, n);
      m.write(0, made.r);
      flags(made);
    }, () => writeBack(m, a));
    return;
  }
  // all others by 0 give what was there: the result needs no branch, and where nobody reads flags none is left
  const made = outcome(m, kind, a, n);
  m.write(0, made.r);
  m.when(n, () => flags(made));
};

/** A count of 0 writes the old value back: a 32-bit register is still zero-extended. */
const writeBack = (m: Machine, a: Value): void => m.write(0, a);

/** SHLD and SHRD: operand 0 shifted, bits of operand 1 coming in. */
const doubleShift = (left: boolean) => (m: Machine): void => {
  const a = m.readModify(0);
  const b = m.read(1);
  const size = m.size;
  const n = maskedCount(m, 2);
  m.when(n, () => {
    let r: Value;
    let cf: Value;
    if (size === 16) {
      // counts above 16 are undefined by the manual; the pattern a:b:a is what hardware shows
      const wide = (x: Value): Value => m.zeroExtend(x, 64);
      const pattern = left
        ? m.or(m.or(m.shl(wide(a), m.i32(32)), m.shl(wide(b), m.i32(16))), wide(a))
        : m.or(m.or(m.shl(wide(a), m.i32(32)), m.shl(wide(b), m.i32(16))), wide(a));
      const w = left ? m.shl(pattern, n) : m.shr(pattern, n);
      r = m.truncate(left ? m.shr(w, m.i32(32)) : w, 16);
      cf = m.truncate(m.and(left ? m.shr(w, m.i32(48)) : m.shr(pattern, m.sub(n, one(m))), m.constant(64, 1)), 32);
    } else {
      const back = m.sub(m.i32(size), n);
      const last = m.sub(n, one(m));
      r = left ? m.or(m.shl(a, n), m.shr(b, back)) : m.or(m.shr(a, n), m.shl(b, back));
      cf = left ? m.bit(m.shr(a, back), 0) : m.bit(m.shr(a, last), 0);
    }
    m.write(0, r);
    m.setResultFlags(r, { cf, of: m.xor(m.signBit(r), m.signBit(a)) });
  }, () => m.write(0, a));
};

/** SHLX, SHRX, SARX, RORX: no flags. */
const flagless = (kind: 'SHL' | 'SHR' | 'SAR' | 'ROR') => (m: Machine): void => {
  const a = m.read(1);
  const n = m.and(m.zeroExtend(m.read(2, kind === 'ROR' ? 8 : m.size), 32), m.i32(m.size === 64 ? 63 : 31));
  m.write(0, kind === 'SHL' ? m.shl(a, n) : kind === 'SHR' ? m.shr(a, n) : kind === 'SAR' ? m.sar(a, n) : m.rotr(a, n));
};

const KINDS: readonly (readonly [string, Shift, number])[] = [
  ['ROL', 'ROL', 0], ['ROR', 'ROR', 1], ['RCL', 'RCL', 2], ['RCR', 'RCR', 3], ['SHL', 'SHL', 4], ['SHR', 'SHR', 5], ['SAL', 'SHL', 6], ['SAR', 'SAR', 7],
];

const vex = (name: string, prefix: string, kind: 'SHL' | 'SHR' | 'SAR'): Row[] => [
  row(name, `VEX.LZ.${prefix}.0F38.W0 F7 /r`, 'r32,rm32,v32', flagless(kind), { feature: 'bmi2' }),
  row(name, `VEX.LZ.${prefix}.0F38.W1 F7 /r`, 'r64,rm64,v64', flagless(kind), { feature: 'bmi2', modes: 'only64' }),
];

/** Shifts and rotates. */
export const shifts: readonly Row[] = [
  ...KINDS.flatMap(([name, kind, n]) => [
    row(name, `C0 /${n}`, 'rm8,imm8', shift(kind), { size: 8 }),
    ...rowsV(name, `C1 /${n}`, 'rmv,imm8', shift(kind)),
    row(name, `D0 /${n}`, 'rm8,one', shift(kind), { size: 8 }),
    ...rowsV(name, `D1 /${n}`, 'rmv,one', shift(kind)),
    row(name, `D2 /${n}`, 'rm8,cl', shift(kind), { size: 8 }),
    ...rowsV(name, `D3 /${n}`, 'rmv,cl', shift(kind)),
  ]),
  ...rowsV('SHLD', '0F A4 /r', 'rmv,rv,imm8', doubleShift(true)),
  ...rowsV('SHLD', '0F A5 /r', 'rmv,rv,cl', doubleShift(true)),
  ...rowsV('SHRD', '0F AC /r', 'rmv,rv,imm8', doubleShift(false)),
  ...rowsV('SHRD', '0F AD /r', 'rmv,rv,cl', doubleShift(false)),
  ...vex('SHLX', '66', 'SHL'),
  ...vex('SHRX', 'F2', 'SHR'),
  ...vex('SARX', 'F3', 'SAR'),
  row('RORX', 'VEX.LZ.F2.0F3A.W0 F0 /r', 'r32,rm32,imm8', flagless('ROR'), { feature: 'bmi2' }),
  row('RORX', 'VEX.LZ.F2.0F3A.W1 F0 /r', 'r64,rm64,imm8', flagless('ROR'), { feature: 'bmi2', modes: 'only64' }),
];

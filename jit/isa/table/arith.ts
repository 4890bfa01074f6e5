import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, type RowOptions, row, rowsV } from '../dsl/row.ts';

/** `a op b` with flags; returns the result. */
type Operation = (m: Machine, a: Value, b: Value) => Value;

const add: Operation = (m, a, b) => { const r = m.add(a, b); m.setFlags('add', a, b, r); return r; };
const sub: Operation = (m, a, b) => { const r = m.sub(a, b); m.setFlags('sub', a, b, r); return r; };
const carry = (m: Machine, like: Value): Value => m.zeroExtend(m.relabel(m.flag('cf'), 8), like.width as 8);
const adc: Operation = (m, a, b) => { const r = m.add(m.add(a, b), carry(m, a)); m.setFlags('adc', a, b, r); return r; };
const sbb: Operation = (m, a, b) => { const r = m.sub(m.sub(a, b), carry(m, a)); m.setFlags('sbb', a, b, r); return r; };
const and: Operation = (m, a, b) => { const r = m.and(a, b); m.setFlags('logic', r, r, r); return r; };
const or: Operation = (m, a, b) => { const r = m.or(a, b); m.setFlags('logic', r, r, r); return r; };
const xor: Operation = (m, a, b) => { const r = m.xor(a, b); m.setFlags('logic', r, r, r); return r; };

/** Reads operands 0 and 1 before any flag changes, writes the result to operand 0. */
const twoOperand = (op: Operation) => (m: Machine): void => {
  const a = m.readModify(0);
  const b = m.read(1, m.size);
  if (m.isMemory(0)) {
    // the store may fault: flags must not change before it
    const { result, commit } = dryRun(m, op, a, b);
    m.write(0, result);
    commit();
  } else m.write(0, op(m, a, b));
};

/** Computes a result and sets the flags afterwards, so that a faulting store changes nothing. */
function dryRun(m: Machine, op: Operation, a: Value, b: Value): { result: Value; commit: () => void } {
  if (op === adc || op === sbb) {
    const r = op === adc ? m.add(m.add(a, b), carry(m, a)) : m.sub(m.sub(a, b), carry(m, a));
    return { result: r, commit: () => m.setFlags(op === adc ? 'adc' : 'sbb', a, b, r) };
  }
  const r = op === add ? m.add(a, b) : op === sub ? m.sub(a, b) : op === and ? m.and(a, b) : op === or ? m.or(a, b) : m.xor(a, b);
  return { result: r, commit: () => (op === add ? m.setFlags('add', a, b, r) : op === sub ? m.setFlags('sub', a, b, r) : m.setFlags('logic', r, r, r)) };
}

/** CMP and TEST: flags only. */
const compare = (op: Operation) => (m: Machine): void => { op(m, m.read(0), m.read(1, m.size)); };

/** The six encodings of an 8086 two-operand operation whose opcodes start at `base`, and its group-1 forms. */
function family(mnemonic: string, base: number, group: number, sem: (m: Machine) => void, lock: boolean): Row[] {
  const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');
  const o: RowOptions = { lock };
  return [
    row(mnemonic, `${hex(base)} /r`, 'rm8,r8', sem, { ...o, size: 8 }),
    ...rowsV(mnemonic, `${hex(base + 1)} /r`, 'rmv,rv', sem, o),
    row(mnemonic, `${hex(base + 2)} /r`, 'r8,rm8', sem, { size: 8 }),
    ...rowsV(mnemonic, `${hex(base + 3)} /r`, 'rv,rmv', sem),
    row(mnemonic, hex(base + 4), 'al,imm8', sem, { size: 8 }),
    ...rowsV(mnemonic, hex(base + 5), 'axv,immz', sem),
    row(mnemonic, `80 /${group}`, 'rm8,imm8', sem, { ...o, size: 8 }),
    row(mnemonic, `82 /${group}`, 'rm8,imm8', sem, { ...o, size: 8, modes: 'no64', suffix: 'alias' }),
    ...rowsV(mnemonic, `81 /${group}`, 'rmv,immz', sem, o),
    ...rowsV(mnemonic, `83 /${group}`, 'rmv,imm8s', sem, o),
  ];
}

const inc = (m: Machine): void => {
  const a = m.readModify(0);
  const r = m.add(a, m.constant(m.size, 1));
  m.write(0, r);
  m.setFlags('inc', a, a, r);
};
const dec = (m: Machine): void => {
  const a = m.readModify(0);
  const r = m.sub(a, m.constant(m.size, 1));
  m.write(0, r);
  m.setFlags('dec', a, a, r);
};
const neg = (m: Machine): void => {
  const a = m.readModify(0);
  const zero = m.constant(m.size, 0);
  const r = m.sub(zero, a);
  m.write(0, r);
  m.setFlags('sub', zero, a, r);
};
const not = (m: Machine): void => m.write(0, m.not(m.readModify(0)));

/** XADD: the sum to operand 0, the old value to operand 1. */
const xadd = (m: Machine): void => {
  const a = m.readModify(0);
  const b = m.read(1);
  const r = m.add(a, b);
  if (m.isMemory(0)) {
    m.write(0, r);
    m.write(1, a);
  } else {
    m.write(1, a);
    m.write(0, r);
  }
  m.setFlags('add', a, b, r);
};

/** CMPXCHG: memory is written in both cases, as the hardware does. */
const cmpxchg = (m: Machine): void => {
  const dest = m.readModify(0);
  const acc = m.gpr(0, m.size);
  const src = m.read(1);
  const diff = m.sub(acc, dest);
  const equal = m.eq(acc, dest);
  if (m.isMemory(0)) {
    m.write(0, m.select(equal, src, dest));
    m.when(m.isZero(equal), () => m.setGpr(0, dest));
  } else m.when(equal, () => m.write(0, src), () => m.setGpr(0, dest));
  m.setFlags('sub', acc, dest, diff);
};

/** CMPXCHG8B and CMPXCHG16B on halves of `half` bits. */
const cmpxchgPair = (half: 32 | 64) => (m: Machine): void => {
  const address = m.address(0);
  if (half === 64) m.requireAligned(address);
  if (half === 32) m.system('cmpxchg8b', address);
  else m.system('cmpxchg16b', address, m.i32(m.facts.lock ? 1 : 0));
};

/** ADCX and ADOX: add with one flag as carry, no other flag touched. */
const addWith = (flag: 'cf' | 'of') => (m: Machine): void => {
  const a = m.read(0);
  const b = m.read(1);
  const c = m.flag(flag);
  const partial = m.add(a, b);
  const r = m.add(partial, m.zeroExtend(c, m.size));
  const out = m.or(m.ltU(partial, a), m.ltU(r, partial));
  m.write(0, r);
  m.assignFlags({ [flag]: out });
};

/** Addition, subtraction, comparison and the logical operations. */
export const arith: readonly Row[] = [
  ...family('ADD', 0x00, 0, twoOperand(add), true),
  ...family('OR', 0x08, 1, twoOperand(or), true),
  ...family('ADC', 0x10, 2, twoOperand(adc), true),
  ...family('SBB', 0x18, 3, twoOperand(sbb), true),
  ...family('AND', 0x20, 4, twoOperand(and), true),
  ...family('SUB', 0x28, 5, twoOperand(sub), true),
  ...family('XOR', 0x30, 6, twoOperand(xor), true),
  ...family('CMP', 0x38, 7, compare(sub), false),
  row('TEST', '84 /r', 'rm8,r8', compare(and), { size: 8 }),
  ...rowsV('TEST', '85 /r', 'rmv,rv', compare(and)),
  row('TEST', 'A8', 'al,imm8', compare(and), { size: 8 }),
  ...rowsV('TEST', 'A9', 'axv,immz', compare(and)),
  row('TEST', 'F6 /0', 'rm8,imm8', compare(and), { size: 8 }),
  row('TEST', 'F6 /1', 'rm8,imm8', compare(and), { size: 8, suffix: 'alias' }),
  ...rowsV('TEST', 'F7 /0', 'rmv,immz', compare(and)),
  ...rowsV('TEST', 'F7 /1', 'rmv,immz', compare(and)).map((r) => ({ ...r, id: `${r.id}_alias` })),
  row('INC', 'FE /0', 'rm8', inc, { size: 8, lock: true }),
  ...rowsV('INC', 'FF /0', 'rmv', inc, { lock: true }),
  ...rowsV('INC', '40+r', 'ov', inc, { modes: 'no64' }),
  row('DEC', 'FE /1', 'rm8', dec, { size: 8, lock: true }),
  ...rowsV('DEC', 'FF /1', 'rmv', dec, { lock: true }),
  ...rowsV('DEC', '48+r', 'ov', dec, { modes: 'no64' }),
  row('NOT', 'F6 /2', 'rm8', not, { size: 8, lock: true }),
  ...rowsV('NOT', 'F7 /2', 'rmv', not, { lock: true }),
  row('NEG', 'F6 /3', 'rm8', neg, { size: 8, lock: true }),
  ...rowsV('NEG', 'F7 /3', 'rmv', neg, { lock: true }),
  row('XADD', '0F C0 /r', 'rm8,r8', xadd, { size: 8, lock: true }),
  ...rowsV('XADD', '0F C1 /r', 'rmv,rv', xadd, { lock: true }),
  row('CMPXCHG', '0F B0 /r', 'rm8,r8', cmpxchg, { size: 8, lock: true }),
  ...rowsV('CMPXCHG', '0F B1 /r', 'rmv,rv', cmpxchg, { lock: true }),
  row('CMPXCHG8B', '0F C7 /1', 'm64', cmpxchgPair(32), { lock: true, feature: 'cx8', operandSize: 'any' }),
  row('CMPXCHG16B', '0F C7 /1', 'm128', cmpxchgPair(64), { lock: true, feature: 'cx16', modes: 'only64', operandSize: 64 }),
  row('ADCX', '66 0F 38 F6 /r', 'r32,rm32', addWith('cf'), { feature: 'adx', operandSize: 'any' }),
  row('ADCX', '66 0F 38 F6 /r', 'r64,rm64', addWith('cf'), { feature: 'adx', operandSize: 64 }),
  row('ADOX', 'F3 0F 38 F6 /r', 'r32,rm32', addWith('of'), { feature: 'adx', operandSize: 'any' }),
  row('ADOX', 'F3 0F 38 F6 /r', 'r64,rm64', addWith('of'), { feature: 'adx', operandSize: 64 }),
];

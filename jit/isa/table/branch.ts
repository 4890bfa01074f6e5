import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'] as const;
const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

const jcc = (code: number) => (m: Machine): void => m.branchRelative(m.condition(code));
const jmp = (m: Machine): void => m.branchRelative();

const call = (m: Machine): void => {
  m.checkTarget(m.relativeTarget());
  m.push(m.truncate(m.nextRip(), m.size));
  m.callRelative();
};

const jmpIndirect = (m: Machine): void => m.jump(m.zeroExtend(m.read(0), 64));

const callIndirect = (m: Machine): void => {
  const target = m.zeroExtend(m.read(0), 64);
  m.checkTarget(target);
  m.push(m.truncate(m.nextRip(), m.size));
  m.jump(target, 'call');
};

const ret = (m: Machine): void => {
  const target = m.zeroExtend(m.top(m.size), 64);
  m.checkTarget(target);
  m.dropStack(m.arity > 0 ? m.add(m.zeroExtend(m.read(0, 16), 64), m.constant(64, m.size / 8)) : m.size / 8);
  m.jump(target, 'return');
};

/** LOOP family and JCXZ count in CX, ECX or RCX by address size. */
const loop = (kind: 'LOOP' | 'LOOPE' | 'LOOPNE' | 'JCXZ') => (m: Machine): void => {
  const width = m.facts.addressWidth;
  const count = m.gpr(1, width);
  if (kind === 'JCXZ') {
    m.branchRelative(m.isZero(count));
    return;
  }
  const left = m.sub(count, m.constant(width, 1));
  let taken: Value = m.ne(left, m.constant(width, 0));
  if (kind !== 'LOOP') taken = m.and(taken, kind === 'LOOPE' ? m.flag('zf') : m.isZero(m.flag('zf')));
  m.checkTarget(m.relativeTarget(), taken);
  m.setGpr(1, left);
  m.branchRelative(taken);
};

/** Near branches in the 16, 32 and 64-bit operand sizes. */
const near = (mnemonic: string, opcode: string, operands: string, sem: (m: Machine) => void): Row[] =>
  rowsV(mnemonic, opcode, operands, sem, { long: 'force64' });

/** Short branches: the operand size only decides how RIP is cut. */
const short = (mnemonic: string, opcode: string, sem: (m: Machine) => void): Row[] =>
  ([16, 32, 64] as const).map((size) => row(mnemonic, opcode, 'rel8', sem, { operandSize: size, size, long: 'force64', suffix: String(size) }));

/** Near jumps, calls, returns and loops. */
export const branches: readonly Row[] = [
  ...CONDITIONS.flatMap((c, code) => short(`J${c}`, hex(0x70 + code), jcc(code))),
  ...CONDITIONS.flatMap((c, code) => near(`J${c}`, `0F ${hex(0x80 + code)}`, 'relz', jcc(code)).map((r, i) => ({ ...r, id: `J${c}_near_${16 << i}` }))),
  ...short('JMP', 'EB', jmp),
  ...near('JMP', 'E9', 'relz', jmp).map((r, i) => ({ ...r, id: `JMP_near_${16 << i}` })),
  ...near('CALL', 'E8', 'relz', call).map((r, i) => ({ ...r, id: `CALL_near_${16 << i}` })),
  ...near('JMP', 'FF /4', 'rmv', jmpIndirect),
  ...near('CALL', 'FF /2', 'rmv', callIndirect),
  ...near('RET', 'C3', '', ret),
  ...near('RET', 'C2', 'imm16', ret).map((r, i) => ({ ...r, id: `RET_imm16_${16 << i}` })),
  ...short('LOOPNE', 'E0', loop('LOOPNE')),
  ...short('LOOPE', 'E1', loop('LOOPE')),
  ...short('LOOP', 'E2', loop('LOOP')),
  ...short('JCXZ', 'E3', loop('JCXZ')),
];

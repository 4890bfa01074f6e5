import type { Machine } from '../../ir/machine.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

/** PUSH of a register, memory or immediate operand at the operand size. */
const push = (m: Machine): void => m.push(m.read(0, m.size));

/** POP: a memory operand's address uses the stack pointer after the pop, and nothing changes when its store faults. */
const pop = (m: Machine): void => {
  const v = m.top(m.size);
  if (m.isMemory(0)) {
    const old = m.stackPointer();
    m.dropStack(m.size / 8);
    m.storeOrUndo(0, v, () => m.setStackPointer(old));
    return;
  }
  m.dropStack(m.size / 8);
  m.write(0, v);
};

const leave = (m: Machine): void => {
  const width = m.facts.stackWidth;
  const frame = m.zeroExtend(m.gpr(5, width), 64);
  const v = m.load(m.linear(2, frame, m.size / 8, false), m.size);
  const next = m.add(frame, m.constant(64, m.size / 8));
  m.setStackPointer(next);
  m.setGpr(5, v);
};

/** PUSH, POP, LEAVE. */
export const stack: readonly Row[] = [
  ...rowsV('PUSH', '50+r', 'ov', push, { long: '64' }),
  ...rowsV('POP', '58+r', 'ov', pop, { long: '64' }),
  ...rowsV('PUSH', 'FF /6', 'rmv', push, { long: '64' }),
  ...rowsV('POP', '8F /0', 'rmv', pop, { long: '64' }),
  ...rowsV('PUSH', '68', 'immz', push, { long: '64' }),
  ...rowsV('PUSH', '6A', 'imm8s', push, { long: '64' }),
  row('LEAVE', 'C9', '', leave, { operandSize: 16, size: 16, suffix: '16' }),
  row('LEAVE', 'C9', '', leave, { operandSize: 32, size: 32, modes: 'no64', suffix: '32' }),
  row('LEAVE', 'C9', '', leave, { operandSize: 64, size: 64, long: '64', modes: 'only64', suffix: '64' }),
];

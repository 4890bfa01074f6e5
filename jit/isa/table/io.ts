import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row } from '../dsl/row.ts';

/** The port: an immediate byte or DX. */
const port = (m: Machine, i: number): Value => m.zeroExtend(m.read(i), 32);

const input = (bytes: number) => (m: Machine): void => m.system('ioIn', port(m, 1), m.i32(bytes));
const output = (bytes: number) => (m: Machine): void => m.system('ioOut', port(m, 0), m.i32(bytes));

/** AL, AX or EAX; REX.W does not widen a port access. */
const ACCUMULATORS = [[16, 'ax', 2], [32, 'eax', 4], [64, 'eax', 4]] as const;

const wide = (mnemonic: string, opcode: string, operands: (accumulator: string) => string, sem: (bytes: number) => (m: Machine) => void): Row[] =>
  ACCUMULATORS.map(([operandSize, accumulator, bytes]) =>
    row(mnemonic, opcode, operands(accumulator), sem(bytes), { operandSize, ...(operandSize === 64 ? { suffix: 'W1' } : {}) }));

/** Port input and output. */
export const io: readonly Row[] = [
  row('IN', 'E4', 'al,imm8', input(1), { size: 8 }),
  ...wide('IN', 'E5', (a) => `${a},imm8`, input),
  row('IN', 'EC', 'al,dx', input(1), { size: 8 }),
  ...wide('IN', 'ED', (a) => `${a},dx`, input),
  row('OUT', 'E6', 'imm8,al', output(1), { size: 8 }),
  ...wide('OUT', 'E7', (a) => `imm8,${a}`, output),
  row('OUT', 'EE', 'dx,al', output(1), { size: 8 }),
  ...wide('OUT', 'EF', (a) => `dx,${a}`, output),
];

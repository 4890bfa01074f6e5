import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row } from '../dsl/row.ts';

type Sem = (m: Machine) => void;

const SIZES = [16, 32, 64] as const;
const bytes = (m: Machine): Value => m.i32(m.size / 8);

/** JMP and CALL to a far pointer in the instruction. */
const direct = (name: string): Sem => (m) => {
  const pointer = m.read(0, 64);
  m.system(name, m.truncate(m.shr(pointer, m.i32(32)), 32), m.and(pointer, m.constant(64, 0xffffffff)), bytes(m));
};

/** JMP and CALL to a far pointer in memory: offset, then selector. */
const indirect = (name: string): Sem => (m) => {
  const size = m.size / 8;
  const address = m.address(0, size + 2);
  const offset = m.zeroExtend(m.load(address, m.size), 64);
  const selector = m.zeroExtend(m.load(m.add(address, m.constant(64, size)), 16), 32);
  m.system(name, selector, offset, bytes(m));
};

const farRows = (mnemonic: string, routine: string, opcode: string, group: number): Row[] => [
  row(mnemonic, opcode, 'far16', direct(routine), { modes: 'no64', operandSize: 16, size: 16 }),
  row(mnemonic, opcode, 'far32', direct(routine), { modes: 'no64', operandSize: 32, size: 32 }),
  ...SIZES.map((size) => row(mnemonic, `FF /${group}`, 'm', indirect(routine), { operandSize: size, size, suffix: `far${size}` })),
];

const farReturn = (m: Machine): void =>
  m.system('farReturn', bytes(m), m.arity > 0 ? m.zeroExtend(m.read(0, 16), 32) : m.i32(0));

const IRET_NAMES = { 16: 'IRET', 32: 'IRETD', 64: 'IRETQ' } as const;

/** Far jumps, calls and returns, software interrupts. */
export const farBranches: readonly Row[] = [
  ...farRows('JMP', 'farJump', 'EA', 5),
  ...farRows('CALL', 'farCall', '9A', 3),
  ...SIZES.map((size) => row('RETF', 'CB', '', farReturn, { operandSize: size, size, suffix: String(size) })),
  ...SIZES.map((size) => row('RETF', 'CA', 'imm16', farReturn, { operandSize: size, size, suffix: String(size) })),
  ...SIZES.map((size) => row(IRET_NAMES[size], 'CF', '', (m) => m.system('iret', bytes(m)), { operandSize: size, size })),
  row('INT3', 'CC', '', (m) => m.system('int3')),
  row('INT', 'CD', 'imm8', (m) => m.system('softwareInterrupt', m.zeroExtend(m.read(0), 32))),
  row('INTO', 'CE', '', (m) => m.system('into'), { modes: 'no64' }),
  row('INT1', 'F1', '', (m) => m.system('int1')),
];

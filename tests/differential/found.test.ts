import { beforeAll, describe, expect, it } from 'vitest';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import type { CodeSize } from './encode-row.ts';
import { type Engine, FuzzMachine } from './fuzz-machine.ts';
import { compareOutcomes } from './outcome.ts';
import { bytes, END, label, layOut, type Program } from './program.ts';

/** What the fuzzer found once, cut down: code size, offset of the code in its pages, instructions in hexadecimal. */
const FOUND: readonly (readonly [string, CodeSize, number, readonly string[]])[] = [
  ['reads across a page right after a read of the second page', 64, 0, ['8b4510', '8b4510', '488b4dfc']],
  ['reads across a page in 32-bit code', 32, 0, ['8b4510', '8b4510', '8b4dfe']],
  ['writes across a page right after a write to the second page', 64, 0, ['894510', '894510', '48894dfd', '014dfe']],
  ['reads and writes vectors across a page', 64, 0, ['0f104510', '0f104510', '0f1045f8', '0f114d10', '0f114d10', '0f114df1']],
  ['stores into the next page with the last instruction of a block', 32, 0x1000 - 10, ['c7050110400078563412', 'b800000000']],
  ['faults on bytes that are no instruction behind others', 64, 0x100, ['90', '4883c001', '8f15c645f93f']],
  ['cuts EIP to 16 bits in branches with an operand-size prefix', 32, 0x100, ['31c0', '66750040', '66eb00']],
  ['reaches far above RIP', 64, 0x100, ['90', '8a05ffffff7f', '8a05f0ffff7f']],
  ['changes the instruction that follows', 64, 0x100, ['c70425090140000df00dba', 'b900000000']],
  ['changes another block through a second mapping', 64, 0x100, ['c6042507016000b9', 'eb00', '90', '0500000000']],
];

/** Seeds of registers and memory. */
const STATES = [7, 8, 9];

const ENGINES: readonly Engine[] = ['blocks', 'regions', 'hot'];

describe('what the fuzzer found', () => {
  let interpreter: LoadedInterpreter;
  beforeAll(async () => {
    interpreter = await loadInterpreter();
  });
  it.each(FOUND)('%s', (_, code, start, instructions) => {
    const items = [...instructions.map((hex) => bytes(...Buffer.from(hex, 'hex'))), label(END), bytes(0x0f, 0x0b)];
    for (const stateSeed of STATES) {
      const program: Program = { code, items, start, evaluable: false, stateSeed };
      const image = layOut(program);
      if (image === null) throw new Error('the program does not fit');
      const first = new FuzzMachine(interpreter, code, 'interpreter').run(program, image);
      expect(first.executed).toBeGreaterThan(0);
      for (const engine of ENGINES) expect(compareOutcomes(first, new FuzzMachine(interpreter, code, engine).run(program, image))).toEqual([]);
    }
  });
});

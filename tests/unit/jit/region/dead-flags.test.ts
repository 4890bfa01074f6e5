import { describe, expect, it } from 'vitest';
import { decodeInstruction } from '../../../../jit/decode/decode-instruction.ts';
import { Machine } from '../../../../jit/ir/machine.ts';
import type { Node } from '../../../../jit/ir/node.ts';
import { dropDeadFlags } from '../../../../jit/region/dead-flags.ts';

const ADD = [0x01, 0xd8]; // ADD EAX, EBX
const SUB = [0x29, 0xf2]; // SUB EDX, ESI
const SHL = [0xd3, 0xe1]; // SHL ECX, CL
const ROL = [0xd3, 0xc1]; // ROL ECX, CL
const INC = [0xff, 0xc7]; // INC EDI
const ADC = [0x11, 0xd8]; // ADC EAX, EBX
const LOAD = [0x8b, 0x06]; // MOV EAX, [RSI]
const LEA = [0x8d, 0x04, 0x1b]; // LEA EAX, [RBX + RBX]

function program(bytes: readonly number[]): readonly Node[] {
  const instruction = decodeInstruction(Uint8Array.from([...bytes, ...new Array<number>(16).fill(0x90)]), 0, { code: 64, stack: 64 });
  if (typeof instruction === 'string') throw new Error(instruction);
  const machine = new Machine(instruction.facts);
  instruction.row.sem(machine);
  return machine.program;
}

const setsFlags = (nodes: readonly Node[]): boolean =>
  nodes.some((n) => ['setFlags', 'setResultFlags', 'assignFlags'].includes(n.op) || setsFlags(n.then ?? []) || setsFlags(n.otherwise ?? []));

/** Which instructions of a block still set flags. */
const kept = (...block: readonly (readonly number[])[]): boolean[] => dropDeadFlags(block.map(program)).map(setsFlags);

describe('flags that nothing can see', () => {
  it('are not made when the block sets all of them again first', () => {
    expect(kept(ADD, LEA, SUB)).toEqual([false, false, true]);
    expect(kept(ADD, SHL, ROL, SUB)).toEqual([false, false, false, true]);
  });

  it('leave no branch behind', () => {
    const [shift] = dropDeadFlags([SHL, SUB].map(program)) as [readonly Node[]];
    expect(shift.some((n) => n.op === 'if')).toBe(false);
    expect(shift.some((n) => n.op === 'writeRegister')).toBe(true);
  });

  it('are made at the end of a block', () => {
    expect(kept(ADD)).toEqual([true]);
    expect(kept(SUB, SHL)).toEqual([true, true]);
  });

  it('are made before what may leave the block', () => {
    expect(kept(ADD, LOAD, SUB)).toEqual([true, false, true]);
  });

  it('are made for an instruction that reads or keeps one of them', () => {
    expect(kept(ADD, ADC, SUB)).toEqual([true, false, true]);
    expect(kept(ADD, INC)).toEqual([true, true]);
    expect(kept(ADD, INC, SUB)).toEqual([false, false, true]);
    expect(kept(ADD, ROL)).toEqual([true, true]);
  });
});

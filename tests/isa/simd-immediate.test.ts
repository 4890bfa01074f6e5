import { describe, expect, it } from 'vitest';
import { formsOf } from '../../jit/interp/handler-key.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { OPERAND_ADDRESS, RowMachine, type Snippet } from '../support/row-machine.ts';
import { randomWords, simdRows } from '../support/simd-rows.ts';

/** Immediates tried: all small ones, and samples of the rest. */
const IMMEDIATES = [...Array(36).keys(), ...Array.from({ length: 44 }, (_, i) => (36 + i * 5) & 255), 0x4e, 0xb1, 0xd8, 0xf0, 0xff];

const rows = simdRows.filter((row) => row.operands.includes('imm8'));
const forms = rows.flatMap((row) => formsOf(row).map((memory) => ({ row, memory })));
const snippets: Snippet[] = forms.flatMap((form) => [form, ...IMMEDIATES.map((immediate) => ({ ...form, immediate }))]);

describe('a row whose immediate is known', () => {
  const machine = new RowMachine(snippets);
  const { bytes, view, ram, micro } = machine;
  const next = randomWords(0x5eed);

  /** Registers and memory operand with random contents: what an instruction starts from. */
  const randomise = (): void => {
    const fill = (from: number, length: number): void => {
      for (let i = 0; i < length; i += 4) view.setUint32(from + i, next.next().value, true);
    };
    fill(L.GPR, 128);
    fill(L.FPU_ST, 128);
    fill(L.XMM, 256);
    // string compares: zero bytes and equal characters must occur
    for (let i = 0; i < 48; i++) bytes[L.XMM + i] = (bytes[L.XMM + i] as number) & 3;
    if (next.next().value & 1) fill(L.XMM, 48);
    for (const register of [0, 2]) view.setBigInt64(L.GPR + 8 * register, BigInt((next.next().value % 41) - 20), true);
    view.setUint32(L.MXCSR, 0x1fa0, true);
    micro['sse_mxcsr_changed']?.();
    micro['setEflags']?.(next.next().value, 0x8d5);
    for (let i = 0; i < 16; i++) ram[OPERAND_ADDRESS + i] = next.next().value & 255;
  };
  /** Everything an instruction may change, as text. */
  const snapshot = (fault: number): string =>
    [
      fault,
      micro['getEflags']?.(),
      Buffer.from(bytes.slice(L.GPR, L.GPR + 128)).toString('hex'),
      Buffer.from(bytes.slice(L.FPU_ST, L.FPU_FIP)).toString('hex'),
      view.getUint32(L.MXCSR, true).toString(16),
      Buffer.from(bytes.slice(L.XMM, L.XMM + 256)).toString('hex'),
      Buffer.from(ram.slice(OPERAND_ADDRESS, OPERAND_ADDRESS + 16)).toString('hex'),
    ].join('\n');

  for (const [n, { row, memory }] of forms.entries()) {
    it(`does what the interpreter does: ${row.id}${memory ? ' with memory' : ''}`, () => {
      const first = n * (IMMEDIATES.length + 1);
      for (const [k, immediate] of IMMEDIATES.entries()) {
        randomise();
        const state = bytes.slice(0, 0x800);
        const operand = ram.slice(OPERAND_ADDRESS, OPERAND_ADDRESS + 16);
        const dynamic = snapshot(machine.run(first, immediate));
        bytes.set(state);
        ram.set(operand, OPERAND_ADDRESS);
        expect(snapshot(machine.run(first + 1 + k)), `immediate ${immediate}`).toBe(dynamic);
      }
    });
  }
});

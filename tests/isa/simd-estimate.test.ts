import { describe, expect, it } from 'vitest';
import { sseFloat } from '../../jit/isa/table/sse-float.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { randomSingle } from '../support/float-samples.ts';
import { REG, RM, RowMachine } from '../support/row-machine.ts';
import { randomWords } from '../support/simd-rows.ts';

/** Relative error that the manual allows (SDM vol 2, RCPPS). */
const BOUND = 1.5 * 2 ** -12;
const LEAST_NORMAL = 2 ** -126;

describe('reciprocal estimates', () => {
  const rows = sseFloat.filter((row) => /^R(CP|SQRT)(PS|SS)$/.test(row.mnemonic));
  const machine = new RowMachine(rows.map((row) => ({ row, memory: false })));
  const { view } = machine;
  const words = randomWords(0xe571);
  const next = (): number => words.next().value;
  const A = L.XMM + 16 * REG;
  const B = L.XMM + 16 * RM;

  /** What the bits of a result must be, or the value it must be near. */
  const expected = (bits: number, root: boolean): { bits: number } | { near: number } => {
    const sign = bits & 0x80000000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return { bits: (bits | 0x400000) >>> 0 };
    if (magnitude < 0x00800000) return { bits: (sign | 0x7f800000) >>> 0 }; // denormals count as zeros
    if (root && sign) return { bits: 0xffc00000 };
    if (magnitude === 0x7f800000) return { bits: sign >>> 0 };
    const x = new Float32Array(Uint32Array.of(bits).buffer)[0] as number;
    const value = root ? 1 / Math.sqrt(x) : 1 / x;
    return Math.abs(value) < LEAST_NORMAL ? { bits: sign >>> 0 } : { near: value };
  };

  for (const [i, row] of rows.entries()) {
    it(`stay within the manual's bound: ${row.id}`, () => {
      const lanes = row.mnemonic.endsWith('PS') ? 4 : 1;
      for (let n = 0; n < 20_000; n++) {
        for (let lane = 0; lane < 16; lane += 4) {
          view.setUint32(A + lane, next(), true);
          view.setUint32(B + lane, randomSingle(next), true);
        }
        const upper = [4, 8, 12].map((o) => view.getUint32(A + o, true));
        view.setUint32(L.MXCSR, 0, true); // all exceptions unmasked: none is ever raised
        expect(machine.run(i)).toBe(-1);
        expect(view.getUint32(L.MXCSR, true)).toBe(0);
        for (let lane = 0; lane < lanes; lane++) {
          const source = view.getUint32(B + 4 * lane, true);
          const want = expected(source, row.mnemonic.startsWith('RSQRT'));
          if ('bits' in want) expect(view.getUint32(A + 4 * lane, true), source.toString(16)).toBe(want.bits);
          else expect(Math.abs(view.getFloat32(A + 4 * lane, true) / want.near - 1), source.toString(16)).toBeLessThan(BOUND);
        }
        if (lanes === 1) expect([4, 8, 12].map((o) => view.getUint32(A + o, true))).toEqual(upper);
      }
    });
  }
});

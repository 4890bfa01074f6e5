/** The exact SSE routines against results recorded on a real CPU. */
import { beforeAll, describe, expect, it } from 'vitest';
import { decode, type Decoded } from './fp-decode.ts';
import { createFpMachine, type FpMachine } from './fp-machine.ts';
import { isSseFloat, runSse } from './fp-sse-dispatch.ts';
import { VF_MMX, VF_SEQ, VF_SSE, VF_VENDOR, openVectors, vectorPath, type Vector } from './fp-vectors.ts';

/** A 16-byte copy of a source operand; short memory operands are followed by whatever lies behind them. */
function sourceOf(d: Decoded, v: Vector): Uint8Array {
  const out = new Uint8Array(16);
  if (d.mod !== 3) out.set(v.memory.subarray(d.offset, Math.min(d.offset + 16, v.memory.length)));
  else if (isFromMmx(d)) new DataView(out.buffer).setBigUint64(0, v.before.st[mmxSlot(v, d.rm & 7)]!.sig, true);
  else out.set(v.before.xmm[d.rm]!);
  return out;
}

/** CVTPI2PS and CVTPI2PD take an MMX register. */
function isFromMmx(d: Decoded): boolean {
  return d.opcode === 0x0f2a && d.prefix !== 0xf2 && d.prefix !== 0xf3;
}

/** Number of the ST register that an MMX register was before the instruction. */
function mmxSlot(v: Vector, reg: number): number {
  return (reg - (v.before.fsw >> 11)) & 7;
}

/** What a vector should have given and did not. */
function mismatches(m: FpMachine, d: Decoded, v: Vector): string[] {
  m.setMxcsr(v.before.mxcsr);
  const dst = new Uint8Array(v.before.xmm[d.reg]!);
  const src = sourceOf(d, v);
  const view = new DataView(src.buffer);
  const integer = d.mod === 3 ? v.before.gpr[d.rm]! : view.getBigUint64(0, true);
  const result = runSse(m, d, { dst, src, integer });
  const wrong: string[] = [];
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString('hex');
  if (m.mxcsr() !== v.after.mxcsr) wrong.push(`mxcsr ${m.mxcsr().toString(16)} not ${v.after.mxcsr.toString(16)}`);
  if (m.xmPending() !== (v.trap === 19)) wrong.push(`#XM ${m.xmPending()}`);
  if (v.trap === 19) return wrong;
  if (result.integer !== undefined) {
    if (result.integer !== v.after.gpr[d.reg]) wrong.push(`integer ${result.integer.toString(16)} not ${v.after.gpr[d.reg]!.toString(16)}`);
  } else if (result.mmx !== undefined) {
    const want = v.after.st[d.reg & 7]!.sig;
    if (result.mmx !== want) wrong.push(`mmx ${result.mmx.toString(16)} not ${want.toString(16)}`);
  } else if (result.flags !== undefined) {
    if (result.flags !== (v.after.eflags & 0x45)) wrong.push(`flags ${result.flags.toString(16)}`);
  } else if (hex(dst) !== hex(v.after.xmm[d.reg]!)) wrong.push(`xmm ${hex(dst)} not ${hex(v.after.xmm[d.reg]!)}`);
  return wrong;
}

describe('SSE arithmetic and conversions against recorded hardware', () => {
  let machine: FpMachine;
  beforeAll(async () => {
    machine = await createFpMachine();
  });
  for (const name of ['hw64.bin', 'hw32.bin', 'hw16.bin']) {
    const path = vectorPath(name);
    it.skipIf(path === undefined)(name, () => {
      const file = openVectors(path!);
      const wrong: Record<string, string[]> = {};
      let run = 0;
      for (const v of file.vectors()) {
        if (v.flags & (VF_SEQ | VF_VENDOR) || v.instructions !== 1 || (v.trap !== 3 && v.trap !== 19)) continue;
        if (!(v.flags & (VF_SSE | VF_MMX))) continue;
        const d = decode(file, v);
        if (!isSseFloat(d)) continue;
        run++;
        const list = mismatches(machine, d, v);
        if (list.length > 0) (wrong[v.name] ??= []).push(`${v.index}: ${list.join(', ')}`);
      }
      expect(run).toBeGreaterThan(1000);
      expect(wrong).toEqual({});
    });
  }
});

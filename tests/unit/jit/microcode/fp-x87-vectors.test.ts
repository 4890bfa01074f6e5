/** The x87 routines against results recorded on a real CPU. */
import { beforeAll, describe, expect, it } from 'vitest';
import { decode } from './fp-decode.ts';
import { createFpMachine, type Extended, type FpMachine } from './fp-machine.ts';
import { VF_APPROX, VF_SEQ, VF_VENDOR, VF_X87, openVectors, vectorPath, type Vector, type VectorFile } from './fp-vectors.ts';
import { runX87, type Registers } from './fp-x87-dispatch.ts';

const files = ['hw64.bin', 'hw32.bin', 'hw16.bin'];

/** Whether two values are the same or next to each other. */
function isNeighbour(a: Extended, b: Extended): boolean {
  const ordinal = ({ sig, se }: Extended): bigint => (BigInt(se & 0x7fff) << 63n) + (sig & 0x7fffffffffffffffn);
  const distance = ordinal(a) - ordinal(b);
  return (a.se ^ b.se) < 0x8000 && distance >= -1n && distance <= 1n;
}

/** What a vector should have given and did not; empty when right. */
function mismatches(m: FpMachine, file: VectorFile, v: Vector): string[] {
  const d = decode(file, v);
  const { before, after } = v;
  m.setX87({ cw: before.fcw, sw: before.fsw, tag: before.ftw, st: before.st });
  const bytes = new Uint8Array(v.memory);
  const regs: Registers = { eflags: before.eflags, ax: undefined };
  runX87(m, d, { bytes, offset: d.offset }, regs);
  const got = m.getX87();
  const wrong: string[] = [];
  const check = (what: string, actual: number | bigint, expected: number | bigint): void => {
    if (actual !== expected) wrong.push(`${what} ${actual.toString(16)} not ${expected.toString(16)}`);
  };
  check('fcw', got.cw, after.fcw);
  check('fsw', got.sw & v.fswMask, after.fsw & v.fswMask);
  check('ftw', got.tag, after.ftw);
  check('eflags', regs.eflags & v.eflagsMask, after.eflags & v.eflagsMask);
  if (regs.ax !== undefined) check('ax', regs.ax & v.fswMask, Number(after.gpr[0]! & 0xffffn) & v.fswMask);
  const approximate = (v.flags & VF_APPROX) !== 0;
  after.st.forEach((want, i) => {
    const { sig, se } = got.st[i]!;
    const near = approximate && isNeighbour(got.st[i]!, want);
    if ((sig !== want.sig || se !== want.se) && !near)
      wrong.push(`st${i} ${se.toString(16)}:${sig.toString(16)} not ${want.se.toString(16)}:${want.sig.toString(16)}`);
  });
  if (bytes.some((byte, i) => byte !== v.memoryAfter[i])) wrong.push('memory');
  return wrong;
}

describe('x87 against recorded hardware', () => {
  let machine: FpMachine;
  beforeAll(async () => {
    machine = await createFpMachine();
  });
  for (const name of files) {
    const path = vectorPath(name);
    it.skipIf(path === undefined)(name, () => {
      const file = openVectors(path!);
      const wrong: Record<string, string[]> = {};
      let run = 0;
      for (const v of file.vectors()) {
        if (!(v.flags & VF_X87) || v.flags & (VF_SEQ | VF_VENDOR) || v.instructions !== 1 || v.trap !== 3) continue;
        run++;
        const list = mismatches(machine, file, v);
        if (list.length > 0) (wrong[v.name] ??= []).push(`${v.index}: ${list.join(', ')}`);
      }
      expect(run).toBeGreaterThan(1000);
      expect(wrong).toEqual({});
    });
  }
});

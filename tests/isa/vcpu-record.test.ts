import { beforeAll, describe, expect, it } from 'vitest';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import type { VcpuCore } from '../../jit/vcpu/vcpu-core.ts';
import { RECORD_EXECUTED, RECORD_RESIDENCE, VCPU_RECORD_BYTES } from '../../jit/vcpu/vcpu-record.ts';
import { CODE, DATA, longModeCore, putHex, sharedRam } from '../support/long-mode-core.ts';
import { SynchronousTranslator } from '../support/synchronous-translator.ts';
import { Random } from '../differential/random.ts';

/** A loop of 3000 rounds with integer, flag, x87, SSE, string and stack work; results in registers and behind DATA. */
const PROGRAM = `b9b80b000048b8efcdab8967452301bb00000200d9ebd9e831d2660f6ec1660f70c81b4869c06d4ec6414805393000004811c29c41584181e0d508000048d3c24c31c2dc
c1d9c9d8c9d9fad9c966480f6ed0660ffec2660fefc889c681e6f80f0000483114334889df4881c7001000005183e10ff3aa59e820000000f6c103750afdacfc0fab8b00180000ffc97594dd9b00190000
dd9b08190000f44989c949d1e973044883f2554e8d548a074939c24d19cbc3`;

let interpreter: LoadedInterpreter;
beforeAll(async () => {
  interpreter = await loadInterpreter();
});

/** Everything the program leaves. */
function result(core: VcpuCore): { record: Buffer; data: Buffer; executed: number } {
  const record = Buffer.alloc(VCPU_RECORD_BYTES);
  core.saveVcpu(record);
  record.fill(0, RECORD_RESIDENCE, RECORD_RESIDENCE + 8);
  const executed = Number(record.readBigUint64LE(RECORD_EXECUTED));
  // scratch of the last slow path, and where it was called
  for (const [at, bytes] of [
    [L.SCRATCH, 8],
    [L.NEXT_RIP, 8],
    [L.FP_SCRATCH, 0x80],
  ] as const)
    record.fill(0, at, at + bytes);
  return { record, data: Buffer.from(new Uint8Array(core.ram.buffer, DATA, 0x2000)), executed };
}

function cores(count: number, hotLimit: number | null): { core: VcpuCore; translator: SynchronousTranslator | null }[] {
  const ram = sharedRam();
  putHex(ram, CODE, PROGRAM);
  return Array.from({ length: count }, () => {
    const core = longModeCore({ ...interpreter, ram });
    return { core, translator: hotLimit === null ? null : new SynchronousTranslator(core, interpreter.index, hotLimit) };
  });
}

describe.each([
  ['the interpreter', null],
  ['the translator', 3],
] as const)('a vCPU in %s', (_name, hotLimit) => {
  it('does the same when it is moved between cores at random places', () => {
    const [alone] = cores(1, hotLimit);
    if (alone === undefined) throw new Error('no core');
    let end = 'budget';
    while (end === 'budget') end = alone.core.run(100_000);
    expect(end).toBe('halt');
    const expected = result(alone.core);
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const both = cores(2, hotLimit);
      const record = new Uint8Array(VCPU_RECORD_BYTES);
      let at = both[0];
      let moves = 0;
      for (end = 'budget'; end === 'budget'; ) {
        if (at === undefined) throw new Error('no core');
        end = at.core.run(1 + random.below(seed * 150));
        at.translator?.between();
        at.core.saveVcpu(record);
        if (end !== 'budget') break;
        at = both[random.below(2)];
        at?.core.loadVcpu(record);
        moves++;
      }
      expect(end).toBe('halt');
      expect(moves).toBeGreaterThan(300);
      expect(result(at?.core as VcpuCore)).toEqual(expected);
    }
  });
});

describe('a core that a vCPU comes back to', () => {
  const flushes = (core: VcpuCore): bigint => core.view.getBigUint64(L.STAT_TLB_FLUSH, true);
  it('keeps its TLB when the vCPU has run nowhere else, and only then', () => {
    const [{ core } = { core: undefined as never }, { core: other } = { core: undefined as never }] = cores(2, null);
    const record = new Uint8Array(VCPU_RECORD_BYTES);
    core.run(1000);
    core.saveVcpu(record);
    const before = flushes(core);
    core.loadVcpu(record);
    core.run(1000);
    core.saveVcpu(record);
    expect(flushes(core)).toBe(before);
    other.loadVcpu(record);
    other.run(10);
    other.saveVcpu(record);
    core.loadVcpu(record);
    expect(flushes(core)).toBe(before + 1n);
    const stranger = new Uint8Array(VCPU_RECORD_BYTES);
    core.saveVcpu(record);
    stranger.set(record);
    core.run(10);
    core.loadVcpu(stranger);
    expect(flushes(core)).toBe(before + 2n);
  });
  it('refuses a record of another size', () => {
    const [{ core } = { core: undefined as never }] = cores(1, null);
    expect(() => core.saveVcpu(new Uint8Array(10))).toThrow('has 2048 bytes');
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../jit/state/vcpu-layout.ts';
import { CODE, SnippetMachine } from '../support/snippet-machine.ts';

const AX = 0;
const GP = 'fault 13';

let m: SnippetMachine;
const put = (at: number, hex: string): void => new Uint8Array(m.ram.buffer).set(Buffer.from(hex.replace(/\s/g, ''), 'hex'), at);
const limit = (value: number): void => {
  m.core.view.setUint32(L.SEG_CS + L.SEG_LIMIT, value, true);
  m.core.exports.updateContext();
};

/** Runs from an offset of the code segment that is in force until HLT or a fault. */
function runAt(rip: number | bigint): string {
  const { core } = m;
  core.rip = BigInt(rip);
  core.view.setInt32(L.FAULT, 0, true);
  const result = core.run(10_000);
  return result === 'fault' ? `fault ${core.view.getInt32(L.FAULT_VECTOR, true)}` : result;
}

/** SDM vol 3, 6.15, #GP: "exceeding the segment limit when accessing the CS"; vol 1, 6.4: instructions are fetched through CS:EIP. */
describe('fetch beyond the limit of CS in 16-bit code', () => {
  beforeEach(async () => {
    m = await SnippetMachine.create('real');
  });
  it('runs up to the limit and faults at the first instruction behind it', () => {
    put(CODE + 0xfffd, '40 40 40 40 f4');
    expect(runAt(0xfffd)).toBe(GP);
    expect([m.core.rip, m.register(AX, 16), m.core.view.getInt32(L.FAULT_ERROR, true)]).toEqual([0x10000n, 3n, 0]);
  });
  it('faults at an instruction that only begins within the limit', () => {
    put(CODE + 0xfffc, '40 b8 34 12 00 f4');
    expect(runAt(0xfffc)).toBe('fault 13');
    put(CODE + 0xfffe, 'b8 34 12 f4');
    expect(runAt(0xfffe)).toBe(GP);
    expect([m.core.rip, m.register(AX, 16)]).toEqual([0xfffen, 0x1234n]);
  });
  it('runs an instruction whose last byte is the last of the segment', () => {
    put(CODE + 0xfffd, 'b8 34 12');
    expect(runAt(0xfffd)).toBe(GP);
    expect([m.core.rip, m.register(AX, 16)]).toEqual([0x10000n, 0x1234n]);
  });
  it('wraps a relative branch at 64 KiB instead', () => {
    put(CODE + 0xfffe, 'eb 10');
    put(CODE + 0x10, '40 f4');
    expect(runAt(0xfffe)).toBe('halt');
    expect(m.register(AX, 16)).toBe(1n);
  });
  it('refuses EIP beyond the limit by a 32-bit branch at the branch', () => {
    put(CODE, '66 e9 00 00 01 00');
    expect(runAt(0)).toBe(GP);
    expect(m.core.rip).toBe(0n);
  });
  it('looks at the limit that is in force, not at the one the code was decoded under', () => {
    put(CODE + 0x100, '40 40 40 40 f4');
    expect(runAt(0x100)).toBe('halt');
    limit(0x101);
    expect(runAt(0x100)).toBe(GP);
    expect([m.core.rip, m.register(AX, 16)]).toEqual([0x102n, 6n]);
    limit(0x103);
    expect(runAt(0x100)).toBe(GP);
    expect([m.core.rip, m.register(AX, 16)]).toEqual([0x104n, 10n]);
    limit(0xffff);
    expect(runAt(0x100)).toBe('halt');
  });
  it('does not touch what lies behind the segment, an absent page say', async () => {
    m = await SnippetMachine.create('long');
    put(0x3ffffd, '40 40 b8 11 22 33');
    const { view, exports } = m.core;
    view.setUint32(L.SEG_CS + L.SEG_ATTR, 0x409b00, true);
    view.setUint32(L.SEG_CS + L.SEG_LIMIT, 0x3fffff, true);
    exports.updateContext();
    expect(runAt(0x3ffffd)).toBe(GP);
    expect(m.core.rip).toBe(0x3fffffn);
    view.setUint32(L.SEG_CS + L.SEG_LIMIT, 0x4fffff, true);
    exports.updateContext();
    expect(runAt(0x3ffffd)).toBe('fault 14');
    expect([m.core.rip, view.getBigUint64(L.CR2, true)]).toEqual([0x3fffffn, 0x400000n]);
  });
});

describe('fetch beyond the limit of CS in 32-bit code', () => {
  beforeEach(async () => {
    m = await SnippetMachine.create('protected');
  });
  it('faults behind the limit, and a branch beyond it faults at the branch', () => {
    put(CODE, '40 40 40 f4 00 eb f9 eb 7f');
    limit(CODE + 2);
    expect(runAt(CODE)).toBe(GP);
    expect([m.core.rip, m.register(AX, 32)]).toEqual([BigInt(CODE + 3), 3n]);
    limit(CODE + 8);
    expect(runAt(CODE + 7)).toBe(GP);
    expect(m.core.rip).toBe(BigInt(CODE + 7));
    expect(runAt(CODE + 5)).toBe('halt');
  });
});

/** SDM vol 1, 3.3.7.1, and vol 3, 6.15: a canonical address that is left by running on is #GP(0) at the next fetch. */
describe('the end of the canonical half in 64-bit code', () => {
  const TOP = 0x7fff_ffff_f000n;
  beforeEach(async () => {
    m = await SnippetMachine.create('long');
    // the last page of the lower half is the page of CODE
    m.ram.setBigUint64(0x40000 + 255 * 8, 0x43003n, true);
    m.ram.setBigUint64(0x43000 + 511 * 8, 0x44003n, true);
    m.ram.setBigUint64(0x44000 + 511 * 8, 0x45003n, true);
    m.ram.setBigUint64(0x45000 + 511 * 8, BigInt(CODE) | 3n, true);
  });
  it('faults at the first address behind it when code falls through', () => {
    put(CODE + 0xffe, '90 90');
    expect(runAt(TOP + 0xffen)).toBe(GP);
    expect(m.core.rip).toBe(0x8000_0000_0000n);
  });
  it('faults at an instruction that crosses it', () => {
    put(CODE + 0xffe, '90 b8');
    expect(runAt(TOP + 0xffen)).toBe(GP);
    expect(m.core.rip).toBe(TOP + 0xfffn);
  });
  it.each([
    ['CALL rel32', 'e8 fb 0f 00 00'],
    ['CALL RAX', 'ff d0'],
    ['RET', 'c3'],
  ])('faults at %s across it, with the stack as it was', (_, hex) => {
    put(CODE, hex);
    m.core.setGpr(0, TOP + 0x1000n);
    m.core.setGpr(4, 0x38000n);
    m.ram.setBigUint64(0x38000, TOP + 0x1000n, true);
    expect(runAt(TOP)).toBe(GP);
    expect([m.core.rip, m.core.gpr(4)]).toEqual([TOP, 0x38000n]);
  });
});

/** The jump cache goes by RIP: code segments with different bases must not take each other's code. */
describe('the same offset in two code segments', () => {
  it('is other code after a far jump', async () => {
    m = await SnippetMachine.create('real');
    put(CODE, 'ea 10 00 00 11');
    put(0x11010, 'b0 01 ea 10 00 00 12');
    put(0x12010, 'b4 02 f4');
    expect(runAt(0)).toBe('halt');
    expect(m.register(AX, 16)).toBe(0x201n);
  });
  it('is other code also within one page', async () => {
    m = await SnippetMachine.create('real');
    put(CODE, 'ea 10 00 00 11');
    put(0x11010, 'b0 01 ea 10 00 02 11');
    put(0x11030, 'b4 02 f4');
    for (let i = 0; i < 3; i++) {
      m.core.setGpr(0, 0n);
      m.core.view.setUint32(L.SEG_CS + L.SEG_SELECTOR, CODE >> 4, true);
      m.core.view.setBigUint64(L.SEG_CS, BigInt(CODE), true);
      m.core.exports.updateContext();
      expect(runAt(0)).toBe('halt');
      expect(m.register(AX, 16)).toBe(0x201n);
    }
  });
});

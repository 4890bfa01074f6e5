import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { gate, IDT, KCODE, KDATA, OTHER_TASK, OTHER_TSS, setupProtected } from './protected-setup.ts';
import { SystemMachine } from './system-machine.ts';

const RAX = 0;
const RCX = 1;
const RSI = 6;
const RDI = 7;
const MOVS = 0;
const STOS = 1;
const TF = 0x100;
const RF = 0x10000;
const DB = { vector: 1, error: -1 };
const DR6 = L.DR + 48;

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
  setupProtected(m);
});

function setDr(dr: number, value: number): void {
  m.setGpr(RAX, value);
  m.call('movToDr', dr, RAX);
}

function string(op: number, count: number): void {
  m.setGpr(RCX, count);
  m.setGpr(RSI, 0x5000);
  m.setGpr(RDI, 0x6000);
  m.set64(L.RIP, 0x100n);
  m.call('stringOp', op, 1, 32, 1, 3);
}

/** SDM vol 3, 17.3.1.1. */
describe('RF', () => {
  it('goes with the instruction after the one that loaded it, not with IRET itself', () => {
    setDr(7, 1);
    m.setRam32(0x8000, 0x200, KCODE, RF | 2);
    m.call('debugBefore', 0x100n);
    m.call('iret', 4);
    m.call('debugAfter');
    expect(m.flags() & RF).toBe(RF);
    m.call('debugBefore', 0x200n);
    m.call('debugAfter');
    expect(m.flags() & RF).toBe(0);
  });
  it('is set in the image of faults, not of #DB, traps and interrupts', () => {
    const imageOf = (vector: number, error: number, kind: number): number => {
      m.setFlags(2);
      m.setGpr(4, 0x8000);
      m.setRam64(IDT + vector * 8, gate(KCODE, 0x5000, 0x8e));
      m.call('deliver', vector, error, kind);
      return m.ram32(0x7ffc);
    };
    for (const vector of [0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19]) expect(imageOf(vector, vector >= 10 && vector < 15 ? 0 : -1, 0)).toBe(RF | 2);
    for (const [vector, kind] of [
      [1, 0],
      [8, 0],
      [0x20, 1],
      [0x20, 2],
      [3, 3],
      [4, 4],
      [1, 5],
      [2, 6],
    ] as const)
      expect(imageOf(vector, vector === 8 ? 0 : -1, kind)).toBe(2);
  });
  it('is set for what comes between two iterations of a REP string instruction, and not behind the last', () => {
    m.setRam64(IDT + 0x20 * 8, gate(KCODE, 0x5000, 0x8e));
    m.set32(L.INTR_PENDING, 1);
    string(MOVS, 0x3000);
    expect([m.get64(L.RIP), m.flags()]).toEqual([0x100n, RF | 2]);
    m.call('deliver', 0x20, -1, 1);
    expect([m.ram32(0x7ffc), m.ram32(0x7ff4), m.flags()]).toEqual([RF | 2, 0x100, 2]);
    m.setFlags(RF | 2);
    m.set32(L.INTR_PENDING, 0);
    m.set32(L.BUDGET, 100);
    string(MOVS, 3);
    expect([m.get64(L.RIP), m.flags()]).toEqual([0x102n, 2]);
  });
});

/** SDM vol 3, 17.3.1.2 and 17.3.1.4. */
describe('traps', () => {
  it('of a data breakpoint stop a REP string instruction behind the iteration that hit', () => {
    setDr(0, 0x6001);
    setDr(7, 0x10001);
    m.call('debugBefore', 0x100n);
    string(STOS, 5);
    expect([m.get64(L.RIP), m.gpr(RCX)]).toEqual([0x100n, 3n]);
    expect(m.faultOf('debugAfter')).toEqual(DB);
    expect([m.get64(DR6), m.flags()]).toEqual([0xffff0ff1n, RF | 2]);
    m.call('debugBefore', 0x100n);
    m.call('stringOp', STOS, 1, 32, 1, 3);
    expect([m.get64(L.RIP), m.gpr(RCX), m.faultOf('debugAfter')]).toEqual([0x102n, 0n, null]);
  });
  it('of an instruction that faults are lost: it will run again', () => {
    setDr(0, 0x6000);
    setDr(7, 0x10001);
    m.call('debugBefore', 0x100n);
    m.call('slowWrite', 0x6000n, 1, 0n);
    m.call('debugBefore', 0x5000n);
    expect(m.faultOf('debugAfter')).toBeNull();
  });
  it('that MOV SS holds off come after the next instruction, all together', () => {
    setDr(0, 0x6000);
    setDr(7, 0x30001);
    m.setFlags(TF);
    m.call('debugBefore', 0x100n);
    m.call('slowRead', 0x6000n, 2);
    m.call('movToSegment', 2, KDATA);
    expect(m.faultOf('debugAfter')).toBeNull();
    m.call('debugBefore', 0x102n);
    expect(m.faultOf('debugAfter')).toEqual(DB);
    expect(m.get64(DR6)).toBe(0xffff4ff1n);
  });
  it('are not held off by a MOV SS of long ago', () => {
    m.call('movToSegment', 2, KDATA);
    m.setFlags(TF);
    m.call('debugBefore', 0x300n);
    expect(m.faultOf('debugAfter')).toEqual(DB);
  });
  it('report every breakpoint that hits, also those that are enabled for tasks or for all', () => {
    for (const dr of [0, 1, 2, 3]) setDr(dr, 0x6000);
    setDr(7, 0x1111_0000 | 1 | 8 | 0x80);
    m.call('debugBefore', 0x100n);
    m.call('slowWrite', 0x6000n, 1, 0n);
    expect(m.faultOf('debugAfter')).toEqual(DB);
    expect(m.get64(DR6) & 15n).toBe(0b1011n);
  });
  it('follow the length of the breakpoint, aligned to it', () => {
    const hits = (address: number, length: number, at: number, size: number): boolean => {
      setDr(0, address);
      setDr(7, 0x30001 | ((length === 8 ? 2 : length - 1) << 18));
      m.call('debugBefore', 0x100n);
      m.call('slowRead', BigInt(at), size);
      return m.faultOf('debugAfter') !== null;
    };
    expect([hits(0x6000, 1, 0x5ffd, 4), hits(0x6000, 1, 0x5ffc, 4)]).toEqual([true, false]);
    expect([hits(0x6001, 2, 0x6000, 1), hits(0x6001, 2, 0x6002, 1)]).toEqual([true, false]);
    expect([hits(0x6003, 4, 0x6000, 1), hits(0x6003, 4, 0x6004, 1)]).toEqual([true, false]);
    expect([hits(0x6005, 8, 0x6007, 2), hits(0x6005, 8, 0x6008, 2)]).toEqual([true, false]);
  });
});

/** SDM vol 3, 17.2 and 7.3. */
describe('debug registers', () => {
  it('have their fixed bits, and #GP(0) for the upper halves of DR6 and DR7', () => {
    setDr(6, 0);
    setDr(7, 0);
    expect([m.get64(DR6), m.get64(DR6 + 8)]).toEqual([0xffff0ff0n, 0x400n]);
    setDr(6, 0xffffffff);
    expect(m.get64(DR6)).toBe(0xffffefffn);
    m.setSegment(1, KCODE, 0, 0xffffffff, 0xa09b00);
    m.set64(L.EFER, 0xd00n);
    m.call('updateContext');
    m.setGpr(RAX, 1n << 32n);
    expect([m.faultOf('movToDr', 6, RAX), m.faultOf('movToDr', 7, RAX)]).toEqual([
      { vector: 13, error: 0 },
      { vector: 13, error: 0 },
    ]);
    expect(m.faultOf('movToDr', 0, RAX)).toBeNull();
  });
  it('are guarded by DR7.GD, which the handler finds clear', () => {
    m.setRam64(IDT + 8, gate(KCODE, 0x5000, 0x8e));
    setDr(7, 0x2000);
    expect(m.faultOf('movFromDr', 0, RAX)).toEqual(DB);
    m.call('deliver', 1, -1, 0);
    expect([m.get64(DR6), m.get64(DR6 + 8) & 0x2000n, m.faultOf('movFromDr', 0, RAX)]).toEqual([0xffff2ff0n, 0n, null]);
  });
  it('trap the T flag of a task before its first instruction', () => {
    m.setRam32(OTHER_TSS + 0x20, 0x7000, 2, 0, 0, 0, 0, 0x6000, 0, 0, 0, KDATA, KCODE, KDATA, KDATA, 0, 0, 0, 1);
    expect(m.faultOf('farJump', OTHER_TASK, 0n, 4)).toEqual(DB);
    expect([m.get64(L.RIP), m.get64(DR6) & 0xe00fn, m.selector(7)]).toEqual([0x7000n, 0x8000n, OTHER_TASK]);
  });
});

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { setupLong, setupProtected } from './protected-setup.ts';
import { type Fault, SystemMachine } from './system-machine.ts';

const RAX = 0;
const GP = { vector: 13, error: 0 };
const PAE = 0x20n;
const PGE = 0x80n;
const PCIDE = 0x20000n;
const KEEP = 1n << 63n;

/** An address whose page is in the TLB as an entry of the address space, and one whose page is global. */
const LOCAL = 0x5000n;
const GLOBAL = 0x6000n;
const DESCRIPTOR = 0x7000n;

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
});

function writeCr(cr: number, value: bigint): Fault | null {
  m.setGpr(RAX, value);
  return m.faultOf('movToCr', cr, RAX);
}

/** 64-bit mode with 4 KiB pages, the one at GLOBAL global; PCIDs on, PCID 5 in force, both pages in the TLB. */
function withPcids(): void {
  setupLong(m);
  m.setRam64(0x3000, 0x4007n);
  for (let i = 0n; i < 512n; i++) m.setRam64(0x4000 + Number(i) * 8, (i << 12n) | (i === GLOBAL >> 12n ? 0x167n : 0x67n));
  expect(writeCr(4, PAE | PGE | PCIDE)).toBeNull();
  expect(writeCr(3, 0x1005n)).toBeNull();
  touch();
}

function touch(): void {
  for (const linear of [LOCAL, GLOBAL]) m.call('slowRead', linear, 8);
}

const holds = (linear: bigint): boolean => m.get64(L.TLB + Number(linear >> 12n) * L.TLB_ENTRY_SIZE) === linear;
const held = (): boolean[] => [holds(LOCAL), holds(GLOBAL)];

/** Runs INVPCID with a descriptor. */
function invpcid(type: number, pcid: bigint, linear = 0n): Fault | null {
  m.setRam64(Number(DESCRIPTOR), pcid, linear);
  m.setGpr(RAX, BigInt(type));
  return m.faultOf('invpcid', RAX, 3, DESCRIPTOR);
}

/** SDM vol 3, 4.10.1. */
describe('CR4.PCIDE', () => {
  it('can be set in long mode only', () => {
    setupProtected(m);
    expect(writeCr(4, PCIDE)).toEqual(GP);
    expect(m.get64(L.CR4)).toBe(0n);
  });
  it('can be set only while bits 11:0 of CR3 are 0', () => {
    setupLong(m);
    m.set64(L.CR3, 0x1008n);
    expect(writeCr(4, PAE | PCIDE)).toEqual(GP);
    m.set64(L.CR3, 0x1000n);
    expect(writeCr(4, PAE | PCIDE)).toBeNull();
    expect(writeCr(3, 0x1fffn)).toBeNull();
    expect(writeCr(4, PAE | PCIDE | PGE)).toBeNull();
  });
  it('holds paging on: clearing CR0.PG is #GP', () => {
    withPcids();
    m.setSegment(1, 8, 0, 0xffffffff, 0xc09b00);
    m.call('updateContext');
    expect(writeCr(0, 0x10031n)).toEqual(GP);
    expect(m.get64(L.CR0)).toBe(0x80010031n);
    expect(writeCr(4, PAE)).toBeNull();
    expect(writeCr(0, 0x10031n)).toBeNull();
  });
  it('empties the TLB when it is cleared', () => {
    withPcids();
    expect(held()).toEqual([true, true]);
    writeCr(4, PAE | PGE);
    expect(held()).toEqual([false, false]);
  });
});

/** SDM vol 2, MOV to control registers; vol 3, 4.10.4.1. */
describe('MOV CR3', () => {
  it('keeps bits 11:0 as the PCID and never bit 63', () => {
    withPcids();
    expect(writeCr(3, KEEP | 0x1abcn)).toBeNull();
    m.call('movFromCr', 3, 2);
    expect(m.gpr(2)).toBe(0x1abcn);
  });
  it('refuses bit 63 without PCIDE, and bits above the physical address always', () => {
    setupLong(m);
    expect(writeCr(3, KEEP | 0x1000n)).toEqual(GP);
    withPcids();
    expect(writeCr(3, (1n << 62n) | 0x1000n)).toEqual(GP);
    expect(writeCr(3, KEEP | (1n << 40n) | 0x1000n)).toEqual(GP);
    expect(m.get64(L.CR3)).toBe(0x1005n);
  });
  it('drops what belongs to the PCID and is not global', () => {
    withPcids();
    writeCr(3, 0x1005n);
    expect(held()).toEqual([false, true]);
  });
  it('drops nothing with bit 63 when the PCID stays', () => {
    withPcids();
    writeCr(3, KEEP | 0x1005n);
    expect(held()).toEqual([true, true]);
  });
  it('never finds a translation of another PCID, also not with bit 63', () => {
    withPcids();
    m.setRam64(0x8000, 0x9007n);
    m.setRam64(0x9000, 0xa007n);
    m.setRam64(0xa000, 0xb007n);
    m.setRam64(0xb028, 0xc067n);
    m.setRam64(0x5000, 111n);
    m.setRam64(0xc000, 222n);
    expect(m.call('slowRead', LOCAL, 8)).toBe(111n);
    writeCr(3, KEEP | 0x8006n);
    expect(m.call('slowRead', LOCAL, 8)).toBe(222n);
    writeCr(3, KEEP | 0x1005n);
    expect(m.call('slowRead', LOCAL, 8)).toBe(111n);
  });
});

/** SDM vol 2, INVPCID. */
describe('INVPCID', () => {
  it('type 0 drops one address of the PCID in force', () => {
    withPcids();
    expect(invpcid(0, 5n, LOCAL)).toBeNull();
    expect(held()).toEqual([false, true]);
  });
  it('types 0 and 1 leave the PCID in force alone when they name another', () => {
    withPcids();
    expect(invpcid(0, 6n, LOCAL)).toBeNull();
    expect(invpcid(1, 6n)).toBeNull();
    expect(held()).toEqual([true, true]);
  });
  it('type 1 drops the PCID in force, type 3 every PCID, both without global translations', () => {
    for (const type of [1, 3]) {
      withPcids();
      expect(invpcid(type, 5n)).toBeNull();
      expect(held()).toEqual([false, true]);
    }
  });
  it('type 2 drops everything', () => {
    withPcids();
    expect(invpcid(2, 0n)).toBeNull();
    expect(held()).toEqual([false, false]);
  });
  it('refuses other types, reserved bits, a PCID without PCIDE and an address that is not canonical', () => {
    withPcids();
    expect(invpcid(4, 0n)).toEqual(GP);
    expect(invpcid(3, 0x1000n)).toEqual(GP);
    expect(invpcid(0, 5n, 1n << 47n)).toEqual(GP);
    expect(invpcid(1, 5n, 1n << 47n)).toBeNull();
    writeCr(3, 0x1000n);
    writeCr(4, PAE);
    expect(invpcid(0, 5n)).toEqual(GP);
    expect(invpcid(1, 5n)).toEqual(GP);
    expect(invpcid(2, 5n)).toBeNull();
    expect(invpcid(0, 0n)).toBeNull();
  });
  it('is for CPL 0', () => {
    setupLong(m, 3);
    expect(invpcid(2, 0n)).toEqual(GP);
  });
});

/** SDM vol 2, INVLPG. */
it('INVLPG drops the address of the PCID in force, and global translations too', () => {
  withPcids();
  m.call('invlpg', 3, LOCAL);
  expect(held()).toEqual([false, true]);
  m.call('invlpg', 3, GLOBAL);
  expect(held()).toEqual([false, false]);
});

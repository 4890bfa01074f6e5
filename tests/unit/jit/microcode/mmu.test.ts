import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { SystemMachine } from './system-machine.ts';

const P = 1n;
const RW = 2n;
const US = 4n;
const A = 0x20n;
const D = 0x40n;
const PS = 0x80n;
const G = 0x100n;
const NX = 1n << 63n;
const CR0 = 0x80010011n; // PG WP ET PE
const STACK = 0x100;

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
});

function control(cr0: bigint, cr3: bigint, cr4: bigint, efer: bigint): void {
  m.set64(L.CR0, cr0);
  m.set64(L.CR3, cr3);
  m.set64(L.CR4, cr4);
  m.set64(L.EFER, efer);
  m.call('flushTlb', 1);
  m.call('updateContext');
}

function privilege(level: number): void {
  m.set32(L.CPL, level);
  m.call('updateContext');
}

/** 4-level tables at 0x1000-0x4000: linear 0x400000 + n * 4 KiB by the PTEs given. */
function longMode(ptes: readonly bigint[], cr4 = 0x20n, efer = 0xd00n): void {
  m.setRam64(0x1000, 0x2007n);
  m.setRam64(0x2000, 0x3007n);
  m.setRam64(0x3010, 0x4007n);
  m.setRam64(0x4000, ...ptes);
  m.setSegment(1, 8, 0, 0xffffffff, 0xa09b00);
  control(CR0, 0x1000n, cr4, efer);
}

const BASE = 0x400000n;
const entry = (set: number, linear: bigint): number => L.TLB + set * L.TLB_SET_SIZE + Number((linear >> 12n) & 4095n) * 32;
const tags = (set: number, linear: bigint): bigint[] => [0, 8, 16].map((t) => m.get64(entry(set, linear) + t));

describe('without paging', () => {
  it('reads and writes RAM at the linear address', () => {
    m.call('slowWrite', 0x5000n, 8, 0x1122334455667788n);
    expect(m.ram64(0x5000)).toBe(0x1122334455667788n);
    expect(m.call('slowRead', 0x5004n, 2)).toBe(0x3344n);
    expect(tags(0, 0x5000n)).toEqual([0x5000n, 0x5000n, 1n]);
  });
  it('wraps at 1 MiB when A20 is masked', () => {
    m.set32(L.A20_MASK, 0xffefffff);
    m.setRam32(0x234, 77);
    expect(m.call('slowRead', 0x100234n, 4)).toBe(77n);
  });
  it('sends the VGA hole and what is above RAM to devices, never to the TLB', () => {
    m.device = (_address, size) => (size === 4 ? 0x80000001 : 0xab);
    expect(m.call('slowRead', 0xa0000n, 1)).toBe(0xabn);
    expect(BigInt.asUintN(64, m.call('slowRead', 0xfee00020n, 8) as bigint)).toBe(0x8000000180000001n);
    m.call('slowWrite', 0xfee000b0n, 4, -1n);
    expect(m.calls.map((c) => [c.name, ...c.args.map((v) => v >>> 0)])).toEqual([
      ['mmioRead', 0xa0000, 1],
      ['mmioRead', 0xfee00020, 4],
      ['mmioRead', 0xfee00024, 4],
      ['mmioWrite', 0xfee000b0, 4, 0xffffffff],
    ]);
    expect(tags(0, 0xa0000n)).toEqual([1n, 1n, 1n]);
  });
  it('ignores stores to protected ROM', () => {
    m.set32(L.ROM_PROTECT, 1);
    m.call('slowWrite', 0xf0000n, 4, 5n);
    expect(m.ram32(0xf0000)).toBe(0);
    expect(tags(0, 0xf0000n)).toEqual([0xf0000n, 1n, 1n]);
  });
  it('crosses pages and reads both parts', () => {
    m.call('slowWrite', 0x5ffdn, 8, 0x1122334455667788n);
    expect(m.call('slowRead', 0x5ffdn, 8)).toBe(0x1122334455667788n);
    m.set64(L.MEM_SCRATCH, 0x0807060504030201n);
    m.set64(L.MEM_SCRATCH + 8, 0x100f0e0d0c0b0a09n);
    m.call('slowWrite128', 0x6ff9n, 0);
    m.set64(L.MEM_SCRATCH, 0n);
    m.call('slowRead128', 0x6ff9n, 0);
    expect([m.get64(L.MEM_SCRATCH), m.get64(L.MEM_SCRATCH + 8)]).toEqual([0x0807060504030201n, 0x100f0e0d0c0b0a09n]);
  });
});

describe('4-level paging', () => {
  it('sets accessed bits everywhere and dirty only on a write; the first store goes through the walk', () => {
    longMode([0x5000n | P | RW | US]);
    m.call('slowRead', BASE, 8);
    expect(m.ram64(0x4000)).toBe(0x5000n | P | RW | US | A);
    expect([m.ram64(0x1000), m.ram64(0x2000), m.ram64(0x3010)]).toEqual([0x2027n, 0x3027n, 0x4027n]);
    expect(tags(0, BASE)).toEqual([BASE, 1n, 1n]);
    m.call('slowWrite', BASE + 8n, 4, 9n);
    expect(m.ram64(0x4000)).toBe(0x5000n | P | RW | US | A | D);
    expect(tags(0, BASE)).toEqual([BASE, BASE, 1n]);
    expect(m.ram32(0x5008)).toBe(9);
  });
  it('reports page faults with address and error code', () => {
    longMode([0n, 0x5000n | P, 0x6000n | P | RW | US | NX, 0x7000n | P | RW | US | (1n << 45n)]);
    expect(m.faultOf('slowRead', BASE + 5n, 4)).toEqual({ vector: 14, error: 0 });
    expect(m.get64(L.CR2)).toBe(BASE + 5n);
    expect(m.faultOf('slowWrite', BASE, 4, 0n)).toEqual({ vector: 14, error: 2 });
    expect(m.faultOf('slowWrite', BASE + 0x1000n, 4, 0n)).toEqual({ vector: 14, error: 3 });
    expect(m.faultOf('slowReadForWrite', BASE + 0x1000n, 4)).toEqual({ vector: 14, error: 3 });
    expect(m.faultOf('fetchPage', BASE + 0x2000n)).toEqual({ vector: 14, error: 0x11 });
    expect(m.faultOf('slowRead', BASE + 0x3000n, 4)).toEqual({ vector: 14, error: 9 });
    privilege(3);
    expect(m.faultOf('slowRead', BASE + 0x1000n, 1)).toEqual({ vector: 14, error: 5 });
    expect(m.faultOf('slowRead', BASE, 1)).toEqual({ vector: 14, error: 4 });
    expect(m.ram64(0x4008)).toBe(0x5000n | P);
  });
  it('keeps user and supervisor entries apart', () => {
    longMode([0x5000n | P | RW | US | A | D]);
    m.call('slowRead', BASE, 1);
    expect(tags(1, BASE)).toEqual([1n, 1n, 1n]);
    privilege(3);
    m.call('slowRead', BASE, 1);
    expect(tags(1, BASE)).toEqual([BASE, BASE, 1n]);
    expect(m.get32(L.TLB_BASE)).toBe(L.TLB + L.TLB_SET_SIZE);
  });
  it('checks canonical addresses: #GP, or #SS for the stack', () => {
    longMode([]);
    expect(m.faultOf('slowRead', 1n << 47n, 8)).toEqual({ vector: 13, error: 0 });
    expect(m.faultOf('slowWrite', 1n << 47n, 8 | STACK, 0n)).toEqual({ vector: 12, error: 0 });
  });
  it('maps 2 MiB and 1 GiB pages', () => {
    longMode([]);
    m.setRam64(0x3018, 0x200000n | P | RW | PS);
    m.setRam64(0x2008, 0n | P | RW | PS);
    expect(m.call('translate', 0x6abcden, 0)).toBe(0x2abcden);
    expect(m.call('translate', 0x40123456n, 1)).toBe(0x123456n);
    expect(m.ram64(0x2008)).toBe(P | RW | PS | A | D);
    m.setRam64(0x2008, 0x2000n | P | RW | PS);
    m.call('flushTlb', 0);
    expect(m.faultOf('translate', 0x40123456n, 0)).toEqual({ vector: 14, error: 9 });
    expect(m.call('translateNoFault', 0x40123456n)).toBe(-1n);
  });
  it('honours SMEP and SMAP, and EFLAGS.AC with its own TLB set', () => {
    longMode([0x5000n | P | RW | US | A | D], 0x300020n);
    expect(m.faultOf('fetchPage', BASE)).toEqual({ vector: 14, error: 0x11 });
    expect(m.faultOf('slowRead', BASE, 4)).toEqual({ vector: 14, error: 1 });
    m.setFlags(0x40000);
    expect(m.faultOf('slowRead', BASE, 4)).toBeNull();
    expect(tags(2, BASE)).toEqual([BASE, BASE, 1n]);
    expect(tags(0, BASE)).toEqual([1n, 1n, 1n]);
  });
  it('lets a supervisor write read-only pages without CR0.WP', () => {
    longMode([0x5000n | P | A | D]);
    expect(m.faultOf('slowWrite', BASE, 4, 1n)).toEqual({ vector: 14, error: 3 });
    control(CR0 & ~0x10000n, 0x1000n, 0x20n, 0xd00n);
    expect(m.faultOf('slowWrite', BASE, 4, 1n)).toBeNull();
  });
  it('writes nothing when the second page of a store faults', () => {
    longMode([0x5000n | P | RW, 0n]);
    expect(m.faultOf('slowWrite', BASE + 0xffen, 4, 0x55667788n)).toEqual({ vector: 14, error: 2 });
    expect(m.get64(L.CR2)).toBe(BASE + 0x1000n);
    expect(m.ram32(0x5ffc)).toBe(0);
  });
});

describe('32-bit and PAE paging', () => {
  it('walks two levels and 4 MiB pages with 40-bit addresses', () => {
    m.setRam32(0x1000, 0x2007);
    m.setRam32(0x2000 + 5 * 4, 0x5007);
    m.setRam32(0x1004, 0x83);
    m.setRam32(0x1008, 0x200083);
    m.setRam32(0x100c, 0x2083);
    control(CR0, 0x1000n, 0x10n, 0n);
    expect(m.call('translate', 0x5678n, 1)).toBe(0x5678n);
    expect([m.ram32(0x1000), m.ram32(0x2014)]).toEqual([0x2027, 0x5067]);
    expect(m.call('translate', 0x654321n, 0)).toBe(0x254321n);
    expect(m.faultOf('translate', 0x800000n, 0)).toEqual({ vector: 14, error: 9 });
    expect(m.call('translate', 0xc00123n, 0)).toBe(0x100000123n);
  });
  it('loads PDPTEs when CR3 is written and faults on their reserved bits', () => {
    m.setRam64(0x1000, 0x2001n, 0n, 0n, 0x3001n);
    m.setRam64(0x2000, 0x4007n);
    m.setRam64(0x4000, 0x5000n | P | RW | NX);
    control(0x80010011n, 0n, 0x20n, 0x800n);
    m.setGpr(0, 0x1000);
    m.call('movToCr', 3, 0);
    expect(m.call('translate', 0x10n, 1)).toBe(0x5010n);
    expect(m.faultOf('fetchPage', 0x10n)).toEqual({ vector: 14, error: 0x11 });
    expect(m.faultOf('translate', 0x40000000n, 0)).toEqual({ vector: 14, error: 0 });
    m.setRam64(0x1000, 0x2003n);
    expect(m.faultOf('movToCr', 3, 0)).toEqual({ vector: 13, error: 0 });
    m.setRam64(0x1000, 0x2001n);
    m.setRam64(0x4000, 0x5000n | P | (1n << 52n));
    m.call('flushTlb', 1);
    expect(m.faultOf('translate', 0x10n, 0)).toEqual({ vector: 14, error: 9 });
  });
});

describe('TLB upkeep', () => {
  it('keeps global pages on a CR3 write and drops all on a change of CR4.PGE', () => {
    longMode([0x5000n | P | RW | A | D | G, 0x6000n | P | RW | A | D], 0xa0n);
    const before = m.get32(L.CTX) >>> 16;
    m.call('slowRead', BASE, 1);
    m.call('slowRead', BASE + 0x1000n, 1);
    m.call('flushTlb', 0);
    expect(tags(0, BASE)).toEqual([BASE, BASE, 1n]);
    expect(tags(0, BASE + 0x1000n)).toEqual([1n, 1n, 1n]);
    expect(m.get32(L.CTX) >>> 16).toBe(before + 1);
    m.setGpr(0, 0x20);
    m.call('movToCr', 4, 0);
    expect(tags(0, BASE)).toEqual([1n, 1n, 1n]);
  });
  it('ages the jump cache for INVLPG only where code was fetched, and clears it when generations run out', () => {
    longMode([0x5000n | P | RW | A | D, 0x6000n | P | RW | A | D]);
    m.call('slowRead', BASE, 1);
    const generation = (): number => m.get32(L.CTX) >>> 16;
    const start = generation();
    m.call('flushPage', BASE);
    expect(generation()).toBe(start);
    expect(tags(0, BASE)).toEqual([1n, 1n, 1n]);
    m.call('fetchPage', BASE + 0x1000n);
    expect(tags(0, BASE + 0x1000n)).toEqual([BASE + 0x1000n, BASE + 0x1000n, BASE + 0x1000n]);
    m.call('flushPage', BASE + 0x1000n);
    expect(generation()).toBe(start + 1);
    m.set32(L.JUMP_CACHE, 5);
    m.set32(L.CTX, (m.get32(L.CTX) & 0xffff) | (0xffff << 16));
    m.call('flushTlb', 0);
    expect(generation()).toBe(1);
    expect(m.get32(L.JUMP_CACHE)).toBe(0);
  });
  it('drops all pieces of a large page for INVLPG of any address in it', () => {
    longMode([0x5000n | P | RW | A | D]);
    m.setRam64(0x3018, 0x200000n | P | RW | PS | A | D);
    m.setRam64(0x2008, P | RW | PS | A | D);
    for (const linear of [0x600000n, 0x7ff000n, 0x40000000n, 0x40005000n, BASE]) m.call('slowRead', linear, 1);
    m.setRam64(0x3018, 0n);
    m.call('flushPage', 0x712345n);
    expect([0x600000n, 0x7ff000n, 0x40005000n].map((linear) => tags(0, linear)[0])).toEqual([1n, 1n, 0x40005000n]);
    m.call('flushPage', 0x41234567n);
    expect(tags(0, 0x40005000n)[0]).toBe(1n);
  });
  it('revives jump cache entries whose page is still mapped', () => {
    longMode([0x5000n | P | RW | A | D, 0x5000n | P | RW | A | D]);
    const slot = L.JUMP_CACHE;
    const enter = (): void => {
      m.set64(slot + L.JC_RIP, BASE + 0x10n);
      m.set32(slot + L.JC_CTX, m.get32(L.CTX));
      m.set32(slot + L.JC_PAGE, 0x5001);
    };
    enter();
    m.call('flushTlb', 0);
    expect(m.call('reviveJump', slot, BASE + 0x1010n)).toBe(0);
    expect(m.call('reviveJump', slot, BASE + 0x10n)).toBe(1);
    expect(m.get32(slot + L.JC_CTX)).toBe(m.get32(L.CTX));
    m.setRam64(0x4000, 0x6000n | P);
    m.call('flushPage', BASE);
    expect(m.get32(slot + L.JC_CTX)).not.toBe(m.get32(L.CTX));
    expect(m.call('reviveJump', slot, BASE + 0x10n)).toBe(0);
    m.setRam64(0x4000, 0n);
    m.call('flushPage', BASE);
    expect([m.call('reviveJump', slot, BASE + 0x10n), m.get32(L.FAULT)]).toEqual([0, 0]);
  });
  it('gives no write tag to code pages and tells of stores into code', () => {
    m.codeMap.set(5, 2n);
    m.call('slowWrite', 0x5000n, 4, 1n);
    expect(tags(0, 0x5000n)).toEqual([0x5000n, 1n, 1n]);
    expect(m.call('slowProbeWrite', 0x5000n, 4)).toBe(-1);
    expect(m.calls).toEqual([]);
    m.call('slowWrite', 0x503en, 4, 1n);
    expect(m.calls).toEqual([{ name: 'codeWritten', args: [0x503e, 4] }]);
  });
  it('drops write tags of a page that gets code, under all its addresses', () => {
    longMode([0x5000n, 0x5000n, 0x105000n, 0x6000n].map((frame) => frame | P | RW | US | A | D));
    for (let i = 0n; i < 4n; i++) expect(m.call('slowProbeWrite', BASE + i * 0x1000n, 4)).toBe([0x5000, 0x5000, 0x105000, 0x6000][Number(i)]);
    privilege(3);
    m.call('slowRead', BASE, 1);
    m.call('codePageProtect', 0x6000);
    expect(tags(0, BASE + 0x3000n)).toEqual([BASE + 0x3000n, 1n, 1n]);
    m.call('codePageProtect', 0x5000);
    expect([tags(0, BASE), tags(0, BASE + 0x1000n), tags(1, BASE), tags(0, BASE + 0x2000n)].map((t) => t[1])).toEqual([1n, 1n, 1n, BASE + 0x2000n]);
    m.call('codePageProtect', 0x105000);
    expect(tags(0, BASE + 0x2000n)[1]).toBe(1n);
  });
});

describe('watched accesses', () => {
  it('raises #AC for unaligned user accesses only', () => {
    longMode([0x5000n | P | RW | US]);
    m.set64(L.CR0, CR0 | 0x40000n);
    m.setFlags(0x40000);
    expect(m.faultOf('slowRead', BASE + 1n, 4)).toBeNull();
    privilege(3);
    expect(m.get32(L.TLB_BASE)).toBe(L.TLB + 3 * L.TLB_SET_SIZE);
    expect(m.faultOf('slowRead', BASE + 1n, 4)).toEqual({ vector: 17, error: 0 });
    expect(m.faultOf('slowRead', BASE + 4n, 4)).toBeNull();
    expect(tags(3, BASE)).toEqual([1n, 1n, 1n]);
  });
  it('notes data breakpoints', () => {
    m.setGpr(0, 0x5004);
    m.call('movToDr', 0, 0);
    m.setGpr(0, 0xd0001 | (3 << 18));
    m.call('movToDr', 7, 0);
    m.call('slowRead', 0x5004n, 4);
    expect(m.get32(L.DEBUG_TRAP)).toBe(0);
    m.call('slowWrite', 0x5002n, 2, 0n);
    expect(m.get32(L.DEBUG_TRAP)).toBe(0);
    m.call('slowWrite', 0x5006n, 1, 0n);
    expect(m.get32(L.DEBUG_TRAP)).toBe(1);
    expect(m.faultOf('debugAfter')).toEqual({ vector: 1, error: -1 });
    expect(m.get64(L.DR + 48)).toBe(0xffff0ff1n);
  });
});

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { gate, GDT, IDT, KCODE, KCODE64, KDATA, setGate64, setupLong, setupProtected, setupUser, TASK, UCODE, UCODE64, UDATA } from './protected-setup.ts';
import { RAM_BYTES, SystemMachine } from './system-machine.ts';

const EXCEPTION = 0;
const INTERRUPT = 1;
const NMI = 6;

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
});

const rip = (): bigint => m.get64(L.RIP);
const words = (address: number, count: number): number[] => Array.from({ length: count }, (_, i) => m.ram32(address + i * 4));
const quads = (address: number, count: number): bigint[] => Array.from({ length: count }, (_, i) => m.ram64(address + i * 8));

describe('real-address mode', () => {
  beforeEach(() => {
    m.setSegment(1, 0x1000, 0x10000, 0xffff, 0x9b00);
    m.setSegment(2, 0x2000, 0x20000, 0xffff, 0x9300);
    m.setGpr(4, 0x1234_0100);
    m.setRam32(0x21 * 4, 0x3000_0456);
    m.call('updateContext');
  });
  it('takes an interrupt through the vector table and comes back with IRET', () => {
    m.setFlags(0x8d5 | 0x700);
    m.call('softwareInterrupt', 0x21);
    expect([rip(), m.selector(1), m.get64(L.SEG_CS), m.gpr(4)]).toEqual([0x456n, 0x3000, 0x30000n, 0x123400fan]);
    expect([0, 2, 4].map((o) => m.ram.getUint16(0x200fa + o, true))).toEqual([0x102, 0x1000, 0xfd7]);
    expect(m.flags()).toBe(0xcd7);
    m.call('iret', 2);
    expect([rip(), m.selector(1), m.gpr(4), m.flags()]).toEqual([0x102n, 0x1000, 0x12340100n, 0xfd7]);
  });
  it('wraps the stack at 64 KiB', () => {
    m.setGpr(4, 2);
    m.call('deliver', 0x21, -1, INTERRUPT);
    expect([m.ram.getUint16(0x20000, true), m.ram.getUint16(0x2fffe, true), m.ram.getUint16(0x2fffc, true)]).toEqual([2, 0x1000, 0x100]);
    expect(m.gpr(4)).toBe(0xfffcn);
  });
  it('shuts down when not even a double fault finds a vector', () => {
    m.set32(L.IDTR_LIMIT, 0);
    expect(m.faultOf('deliver', 6, -1, EXCEPTION)).toEqual({ vector: 13, error: 0x33 });
    expect(m.faultOf('deliver', 13, 0, EXCEPTION)).toEqual({ vector: 13, error: 0x6b });
    expect(m.faultOf('deliver', 13, 0, EXCEPTION)).toEqual({ vector: 13, error: 0x43 });
    expect(m.faultOf('deliver', 13, 0, EXCEPTION)).toEqual({ vector: -1, error: L.EXIT_SHUTDOWN });
  });
});

describe('protected mode', () => {
  it('pushes an error code on the same stack through an interrupt gate', () => {
    setupProtected(m);
    m.setRam64(IDT + 13 * 8, gate(KCODE, 0x12345678, 0x8e));
    m.setFlags(0x246);
    m.call('deliver', 13, 0x18, EXCEPTION);
    expect(words(0x7ff0, 4)).toEqual([0x18, 0x100, KCODE, 0x10246]);
    expect([rip(), m.gpr(4), m.flags()]).toEqual([0x12345678n, 0x7ff0n, 0x46]);
  });
  it('switches to the inner stack from user mode and IRET comes back', () => {
    setupUser(m);
    m.setRam64(IDT + 0x80 * 8, gate(KCODE, 0x5000, 0xef));
    m.setSegment(4, UDATA, 0, 0xffffffff, 0xc0f300);
    m.setSegment(5, KDATA, 0, 0xffffffff, 0xc09300);
    m.setFlags(0x202);
    m.call('softwareInterrupt', 0x80);
    expect(words(0x8fec, 5)).toEqual([0x102, UCODE, 0x202, 0x8000, UDATA]);
    expect([rip(), m.selector(1), m.selector(2), m.gpr(4), m.get32(L.CPL), m.flags()]).toEqual([0x5000n, KCODE, KDATA, 0x8fecn, 0, 0x202]);
    expect(m.get32(L.TLB_BASE)).toBe(L.TLB);
    m.call('iret', 4);
    expect([rip(), m.selector(1), m.selector(2), m.gpr(4), m.get32(L.CPL)]).toEqual([0x102n, UCODE, UDATA, 0x8000n, 3]);
    expect([m.selector(4), m.selector(5)]).toEqual([UDATA, 0]);
    expect(m.get32(L.CTX) & 0xffff).toBe(0x300 | 1 | L.MODE_STACK32 | L.MODE_FLAT);
  });
  it('checks gate privilege for software interrupts only', () => {
    setupUser(m);
    m.setRam64(IDT + 8 * 8, gate(KCODE, 0x5000, 0x8e));
    expect(m.faultOf('softwareInterrupt', 8)).toEqual({ vector: 13, error: 0x42 });
    expect([rip(), m.gpr(4)]).toEqual([0x100n, 0x8000n]);
    expect(m.faultOf('deliver', 8, -1, INTERRUPT)).toBeNull();
    expect(rip()).toBe(0x5000n);
  });
  it('reports a gate that is not present, with EXT', () => {
    setupProtected(m);
    m.setRam64(IDT + 14 * 8, gate(KCODE, 0x5000, 0x0e));
    expect(m.faultOf('deliver', 14, 0, EXCEPTION)).toEqual({ vector: 11, error: 0x73 });
    m.setRam64(IDT + 8 * 8, gate(KCODE, 0x6000, 0x8e));
    expect(m.faultOf('deliverFault')).toBeNull();
    expect([rip(), m.ram32(0x7ff0), m.get32(L.DELIVERING)]).toEqual([0x6000n, 0, 0]);
  });
  it('does not make a double fault of a benign first event', () => {
    setupProtected(m);
    m.setRam64(IDT + 0x20 * 8, gate(KCODE, 0x5000, 0x0e));
    m.setRam64(IDT + 11 * 8, gate(KCODE, 0x7000, 0x8f));
    expect(m.faultOf('deliver', 0x20, -1, INTERRUPT)).toEqual({ vector: 11, error: 0x103 });
    m.call('deliverFault');
    expect(rip()).toBe(0x7000n);
  });
  it('pushes all segments from virtual-8086 mode and IRET restores them', () => {
    setupUser(m);
    m.setRam64(IDT + 13 * 8, gate(KCODE, 0x5000, 0x8e));
    for (let seg = 0; seg < 6; seg++) m.setSegment(seg, 0x1000 + seg, (0x1000 + seg) << 4, 0xffff, 0xf300);
    m.setFlags(0x20202);
    m.setGpr(4, 0xfff0);
    m.call('deliver', 13, 0, EXCEPTION);
    expect(words(0x8fd8, 10)).toEqual([0, 0x100, 0x1001, 0x30202, 0xfff0, 0x1002, 0x1000, 0x1003, 0x1004, 0x1005]);
    expect([m.selector(3), m.flags() & 0x20000, m.get32(L.CPL)]).toEqual([0, 0, 0]);
    m.setGpr(4, 0x8fdc);
    m.call('iret', 4);
    expect([0, 1, 2, 3, 4, 5].map((seg) => m.selector(seg))).toEqual([0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005]);
    expect([rip(), m.gpr(4), m.flags() & 0x20202, m.get32(L.CPL), m.get64(L.SEG_DS)]).toEqual([0x100n, 0xfff0n, 0x20202, 3, 0x10030n]);
  });
  it('refuses INT n and IRET in virtual-8086 mode below IOPL 3', () => {
    setupUser(m);
    m.setFlags(0x20202);
    expect(m.faultOf('softwareInterrupt', 0x80)).toEqual({ vector: 13, error: 0 });
    expect(m.faultOf('iret', 2)).toEqual({ vector: 13, error: 0 });
  });
  it('leaves no trace when the inner stack faults', () => {
    setupUser(m);
    m.setRam64(IDT + 0x80 * 8, gate(KCODE, 0x5000, 0xee));
    m.setRam32(IDT + 0x1000, 0);
    m.setRam32(0x12008, UDATA);
    expect(m.faultOf('softwareInterrupt', 0x80)).toEqual({ vector: 10, error: UDATA & 0xfffc });
    expect([rip(), m.gpr(4), m.selector(1), m.get32(L.CPL)]).toEqual([0x100n, 0x8000n, UCODE, 3]);
  });
});

describe('long mode', () => {
  it('switches stacks, aligns them and pushes five words', () => {
    setupLong(m, 3);
    setGate64(m, 0x30, 0x7fff00005000n);
    m.setGpr(4, 0x7ff3n);
    m.setFlags(0x302);
    m.call('deliver', 0x30, -1, INTERRUPT);
    expect(quads(0x8fd8, 5)).toEqual([0x100n, BigInt(UCODE64), 0x302n, 0x7ff3n, BigInt(UDATA)]);
    expect([rip(), m.gpr(4), m.selector(1), m.selector(2), m.get32(L.CPL), m.flags()]).toEqual([0x7fff00005000n, 0x8fd8n, KCODE64, 0, 0, 2]);
    m.call('iret', 8);
    expect([rip(), m.gpr(4), m.selector(1), m.selector(2), m.get32(L.CPL), m.flags()]).toEqual([0x100n, 0x7ff3n, UCODE64, UDATA, 3, 0x302]);
    expect(m.get32(L.CTX) & 0xffff).toBe(0x300 | 2 | L.MODE_FLAT | L.MODE_SINGLE);
  });
  it('uses the interrupt stack table and keeps SS at the same privilege', () => {
    setupLong(m);
    setGate64(m, 8, 0x5000n, 0x8e, 1);
    m.call('deliver', 8, 0, EXCEPTION);
    expect([m.gpr(4), m.selector(2)]).toEqual([0x9fd0n, KDATA]);
    expect(quads(0x9fd0, 2)).toEqual([0n, 0x100n]);
  });
  it('blocks NMIs until IRET', () => {
    setupLong(m);
    setGate64(m, 2, 0x5000n);
    m.call('deliver', 2, -1, NMI);
    expect(m.get32(L.NMI_BLOCKED)).toBe(1);
    m.call('iret', 8);
    expect(m.get32(L.NMI_BLOCKED)).toBe(0);
  });
  it('refuses 32-bit gates, compatibility code and non-canonical stacks', () => {
    setupLong(m);
    m.setRam64(IDT + 16, gate(KCODE64, 0, 0x85), 0n);
    expect(m.faultOf('deliver', 1, -1, INTERRUPT)).toEqual({ vector: 13, error: 0xb });
    m.setRam64(IDT + 16, gate(KCODE, 0x5000, 0x8e), 0n);
    expect(m.faultOf('deliver', 1, -1, INTERRUPT)).toEqual({ vector: 13, error: KCODE | 1 });
    setGate64(m, 1, 0x5000n);
    m.set64(L.GPR + 32, 1n << 47n);
    expect(m.faultOf('deliver', 1, -1, INTERRUPT)).toEqual({ vector: 12, error: 1 });
  });
  it('reports page faults of the new stack as a double fault after a page fault', () => {
    setupLong(m);
    setGate64(m, 14, 0x5000n);
    setGate64(m, 8, 0x6000n, 0x8e, 1);
    m.setGpr(4, 0x40000000n);
    expect(m.faultOf('deliver', 14, 2, EXCEPTION)).toEqual({ vector: 14, error: 2 });
    m.call('deliverFault');
    expect([rip(), m.ram64(0x9fd0), m.ram64(0x9fd8)]).toEqual([0x6000n, 0n, 0x100n]);
  });
  it('does SYSCALL and SYSRET', () => {
    setupLong(m, 3);
    m.set64(L.STAR, 0x0030003800000000n);
    m.set64(L.LSTAR, 0xffffffff81000000n);
    m.set64(L.SFMASK, 0x47700n);
    m.setFlags(0x246);
    m.call('syscall');
    expect([rip(), m.gpr(1), m.gpr(11), m.selector(1), m.selector(2), m.get32(L.CPL), m.flags()]).toEqual([
      0xffffffff81000000n,
      0x102n,
      0x246n,
      0x38,
      0x40,
      0,
      0x46,
    ]);
    expect(m.get32(L.CTX) & 0xffff).toBe(2 | L.MODE_FLAT);
    m.call('sysret', 8);
    expect([rip(), m.selector(1), m.selector(2), m.get32(L.CPL), m.flags()]).toEqual([0x102n, 0x43, 0x3b, 3, 0x246]);
    expect(m.faultOf('sysret', 8)).toEqual({ vector: 13, error: 0 });
    m.set64(L.EFER, 0xd00n);
    expect(m.faultOf('syscall')).toEqual({ vector: 6, error: -1 });
  });
  it('returns to compatibility code and back', () => {
    setupLong(m);
    [0x5000n, BigInt(UCODE), 0x202n, 0x7000n, BigInt(UDATA)].forEach((value, i) => m.setRam64(0x8000 + i * 8, value));
    m.call('iret', 8);
    expect([rip(), m.gpr(4), m.selector(1), m.get32(L.CPL)]).toEqual([0x5000n, 0x7000n, UCODE, 3]);
    expect(m.get32(L.CTX) & 3).toBe(1);
    m.set32(L.SYSENTER_CS, 0x38);
    m.set64(L.SYSENTER_ESP, 0x8800n);
    m.set64(L.SYSENTER_EIP, 0xffffffff80001000n);
    m.call('sysenter');
    expect([rip(), m.gpr(4), m.selector(1), m.selector(2), m.flags() & 0x200]).toEqual([0xffffffff80001000n, 0x8800n, 0x38, 0x40, 0]);
    expect(RAM_BYTES).toBeGreaterThan(GDT + TASK);
  });
});

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { KCODE64, setupLong, setupProtected, setupUser } from './protected-setup.ts';
import { SystemMachine } from './system-machine.ts';

const RAX = 0;
const RCX = 1;
const RDX = 2;
const GP = { vector: 13, error: 0 };
const UD = { vector: 6, error: -1 };

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
});

function writeCr(cr: number, value: bigint): ReturnType<SystemMachine['faultOf']> {
  m.setGpr(RAX, value);
  return m.faultOf('movToCr', cr, RAX);
}

function writeMsr(msr: number, value: bigint): ReturnType<SystemMachine['faultOf']> {
  m.setGpr(RCX, msr);
  m.setGpr(RAX, value & 0xffffffffn);
  m.setGpr(RDX, value >> 32n);
  return m.faultOf('wrmsrOp');
}

function readMsr(msr: number): bigint {
  m.setGpr(RCX, msr);
  m.call('rdmsrOp');
  return m.gpr(RAX) | (m.gpr(RDX) << 32n);
}

describe('EFLAGS', () => {
  it('keeps every combination of the lazy flags', () => {
    for (let bits = 0; bits < 64; bits++) {
      const value = [1, 4, 0x10, 0x40, 0x80, 0x800].reduce((sum, flag, i) => sum | ((bits >> i) & 1 ? flag : 0), 0);
      m.call('setEflags', value, 0x8d5);
      expect(m.flags()).toBe(value | 2);
      m.call('setEflags', ~value, 0x41);
      expect(m.flags()).toBe((value ^ 0x41) | 2);
    }
  });
  it('lets POPF change what the privilege allows', () => {
    setupUser(m);
    m.setRam32(0x8000, 0x3f7fd7);
    m.call('popf', 4);
    expect(m.flags()).toBe(0x244dd7);
    setupProtected(m);
    m.setFlags(2);
    m.call('popf', 2);
    expect([m.flags(), m.gpr(4)]).toEqual([0x7fd7, 0x8002n]);
    m.call('pushf', 4);
    expect(m.ram32(0x7ffe)).toBe(0x7fd7);
  });
  it('guards CLI and STI by IOPL and shadows the instruction after STI', () => {
    setupUser(m);
    expect(m.faultOf('cli')).toEqual(GP);
    m.setFlags(0x3002);
    m.set32(L.INTR_PENDING, 1);
    m.set32(L.BUDGET, 50);
    m.call('sti');
    expect([m.flags() & 0x200, m.get32(L.SHADOW), m.get32(L.BUDGET), m.get32(L.BUDGET_DEBT)]).toEqual([0x200, 1, 0, 50]);
    m.set32(L.SHADOW, 0);
    m.call('sti');
    expect(m.get32(L.SHADOW)).toBe(0);
    expect(m.faultOf('hlt')).toEqual(GP);
    expect(m.faultOf('stac')).toEqual(UD);
  });
  it('halts without throwing', () => {
    m.set32(L.BUDGET, 9);
    m.call('hlt');
    expect([m.get32(L.EXIT_REASON), m.get32(L.BUDGET), m.get64(L.RIP)]).toEqual([L.EXIT_HALT, 0, 0x102n]);
  });
});

describe('control registers', () => {
  it('enters long mode the way kernels do', () => {
    setupProtected(m);
    m.setRam64(0x1000, 0x2007n);
    m.setRam64(0x2000, 0x3007n);
    m.setRam64(0x3000, 0xe7n);
    expect(writeCr(4, 0x20n)).toBeNull();
    expect(writeCr(3, 0x1000n)).toBeNull();
    expect(writeMsr(0xc0000080, 0x901n)).toBeNull();
    expect(writeCr(0, 0x80000011n)).toBeNull();
    expect([m.get64(L.EFER), m.get32(L.CTX) & 3]).toEqual([0xd01n, 1]);
    m.call('farJump', KCODE64, 0x5000n, 4);
    expect([m.get64(L.RIP), m.get32(L.CTX) & 3]).toEqual([0x5000n, 2]);
    expect(writeCr(0, 0x11n)).toEqual(GP);
    expect(writeCr(4, 0n)).toEqual(GP);
    expect(writeMsr(0xc0000080, 0x801n)).toEqual(GP);
    expect(writeCr(8, 5n)).toBeNull();
    expect(m.calls.at(-1)).toEqual({ name: 'cr8Changed', args: [5] });
    expect(writeCr(8, 16n)).toEqual(GP);
  });
  it('refuses impossible and reserved values', () => {
    setupProtected(m);
    expect(writeCr(0, 0x80000000n)).toEqual(GP);
    expect(writeCr(0, 0x20000011n)).toEqual(GP);
    expect(writeCr(4, 0x2000n)).toEqual(GP);
    expect(writeCr(1, 0n)).toEqual(UD);
    expect(m.faultOf('movFromCr', 8, 0)).toEqual(UD);
    m.setRam64(0x1000, 0x2003n);
    m.set64(L.CR3, 0x1000n);
    m.set64(L.CR4, 0x20n);
    expect(writeCr(0, 0x80000011n)).toEqual(GP);
    expect([m.get64(L.CR0), m.get64(L.EFER)]).toEqual([0x31n, 0n]);
    setupUser(m);
    expect(writeCr(0, 0x11n)).toEqual(GP);
  });
  it('blocks the FPU and SSE as CR0 and CR4 say', () => {
    setupProtected(m);
    writeCr(0, 0x39n);
    expect([m.get32(L.FPU_BLOCKED), m.get32(L.SSE_BLOCKED)]).toEqual([1, 1]);
    m.call('clts');
    expect([m.get32(L.FPU_BLOCKED), m.get32(L.SSE_BLOCKED)]).toEqual([0, 1]);
    writeCr(4, 0x200n);
    expect(m.get32(L.SSE_BLOCKED)).toBe(0);
    m.call('lmsw', 0xfff8);
    expect(m.get64(L.CR0) & 15n).toBe(9n);
  });
});

describe('MSRs and counters', () => {
  it('says after a reset that strings are moved fast, whatever was written before', () => {
    const [miscEnable, specCtrl] = [0x1a0, 0x48];
    expect(readMsr(miscEnable)).toBe(1n);
    for (const msr of [miscEnable, specCtrl]) expect(writeMsr(msr, 4n)).toBeNull();
    m.call('resetCpu');
    expect([readMsr(miscEnable), readMsr(specCtrl)]).toEqual([1n, 0n]);
  });

  it('keeps plain registers and checks addresses', () => {
    setupLong(m);
    expect(writeMsr(0xc0000101, 0xffff888000000000n)).toBeNull();
    expect([m.get64(L.SEG_GS), readMsr(0xc0000101)]).toEqual([0xffff888000000000n, 0xffff888000000000n]);
    expect(writeMsr(0xc0000082, 1n << 47n)).toEqual(GP);
    expect(writeMsr(0x277, 2n)).toEqual(GP);
    expect(writeMsr(0xc0000080, 0x1901n)).toEqual(GP);
    expect(writeMsr(0x12345, 0n)).toEqual(GP);
    expect(m.faultOf('rdmsrOp')).toEqual(GP);
    m.set64(L.KERNEL_GS_BASE, 0x77n);
    m.call('swapgs');
    expect([m.get64(L.SEG_GS), m.get64(L.KERNEL_GS_BASE)]).toEqual([0x77n, 0xffff888000000000n]);
  });
  it('adjusts the time-stamp counter', () => {
    writeMsr(0x10, 5000n);
    expect([readMsr(0x10), readMsr(0x3b)]).toEqual([5000n, 4000n]);
    m.call('rdtsc');
    expect(m.gpr(RAX)).toBe(5000n);
    setupUser(m);
    m.set64(L.CR4, 4n);
    expect(m.faultOf('rdtsc')).toEqual(GP);
  });
  it('allows FS and GS bases to users when CR4.FSGSBASE says so', () => {
    setupLong(m, 3);
    m.setGpr(RAX, 0x1234n);
    expect(m.faultOf('writeSegmentBase', 4, RAX, 8)).toEqual(UD);
    m.set64(L.CR4, 0x10020n);
    m.call('writeSegmentBase', 4, RAX, 8);
    m.call('readSegmentBase', 4, RDX, 4);
    expect(m.gpr(RDX)).toBe(0x1234n);
    expect(m.call('segLinear', 4, 8n, 4, 0)).toBe(0x123cn);
  });
});

describe('debug registers', () => {
  it('finds code breakpoints unless RF is set, and steps', () => {
    setupProtected(m);
    m.setGpr(RAX, 0x100n);
    m.call('movToDr', 1, RAX);
    m.setGpr(RAX, 0x2004n);
    m.call('movToDr', 7, RAX);
    expect(m.get32(L.CTX) & L.MODE_SINGLE).toBe(L.MODE_SINGLE);
    expect(m.faultOf('movFromDr', 6, RAX)).toEqual({ vector: 1, error: -1 });
    expect(m.get64(L.DR + 48) & 0x2000n).toBe(0x2000n);
    expect(m.faultOf('debugBefore', 0x100n)).toEqual({ vector: 1, error: -1 });
    expect(m.get64(L.DR + 48) & 15n).toBe(2n);
    m.setFlags(0x10102);
    expect(m.faultOf('debugBefore', 0x100n)).toBeNull();
    expect(m.faultOf('debugAfter')).toEqual({ vector: 1, error: -1 });
    expect([m.flags() & 0x10000, m.get64(L.DR + 48) & 0x4000n]).toEqual([0, 0x4000n]);
  });
  it('keeps traps over the instruction after MOV SS', () => {
    setupProtected(m);
    m.setFlags(0x102);
    m.call('debugBefore', 0x100n);
    m.call('movToSegment', 2, 0x10);
    expect(m.faultOf('debugAfter')).toBeNull();
  });
});

describe('extended state', () => {
  const fill = (): void => {
    for (let i = 0; i < 32; i++) m.set64(L.XMM + i * 8, 0x0101010101010101n * BigInt(i));
    for (let i = 0; i < 8; i++) {
      m.set64(L.FPU_ST + i * 16, 0x8000000000000000n + BigInt(i));
      m.set32(L.FPU_ST + i * 16 + 8, 0x4000 + i);
    }
    m.set32(L.FPU_TOP, 6);
    m.set32(L.FPU_SW, 0x4700);
    m.set32(L.FPU_TAG, 0xc0);
    m.set64(L.FPU_FIP, 0x112345678n);
    m.set32(L.MXCSR, 0x1fa0);
  };
  it('saves and restores with FXSAVE and FXRSTOR', () => {
    setupLong(m);
    fill();
    m.call('fxsave', 3, 0x5000n, 1);
    expect([m.ram32(0x5000), m.ram32(0x5004), m.ram64(0x5008), m.ram32(0x5018)]).toEqual([0x7700037f, 0xc0, 0x112345678n, 0x1fa0]);
    expect([m.ram64(0x5020), m.ram64(0x5028), m.ram64(0x50a8)]).toEqual([0x8000000000000006n, 0x4006n, 0x0101010101010101n]);
    m.call('fxrstor', 3, 0x5000n, 1);
    expect([m.get32(L.FPU_TOP), m.get32(L.FPU_SW), m.get32(L.FPU_TAG), m.get64(L.XMM + 31 * 8), m.get32(L.SSE_FAST)]).toEqual([
      6,
      0x4700,
      0xc0,
      0x1f1f1f1f1f1f1f1fn,
      1,
    ]);
    m.setRam32(0x5018, 0x10000);
    expect(m.faultOf('fxrstor', 3, 0x5000n, 1)).toEqual(GP);
    expect(m.faultOf('fxsave', 3, 0x5008n, 1)).toEqual(GP);
  });
  it('does XSAVE, XSAVEC and XRSTOR with their headers', () => {
    setupLong(m);
    m.set64(L.CR4, 0x40220n);
    m.setGpr(RCX, 0);
    m.setGpr(RDX, 0);
    m.setGpr(RAX, 3);
    m.call('xsetbv');
    m.setGpr(RAX, 7);
    expect(m.faultOf('xsetbv')).toEqual(GP);
    fill();
    m.setGpr(RAX, -1n);
    m.call('xsave', 3, 0x5000n, 1, 0);
    expect([m.ram64(0x5200), m.ram64(0x5208)]).toEqual([3n, 0n]);
    m.call('xsave', 3, 0x5400n, 1, 2);
    expect([m.ram64(0x5600), m.ram64(0x5608)]).toEqual([3n, 0x8000000000000003n]);
    m.setRam64(0x5200, 1n);
    m.call('xrstor', 3, 0x5000n, 1, 0);
    expect([m.get64(L.XMM + 8), m.get32(L.MXCSR), m.get32(L.FPU_TOP)]).toEqual([0n, 0x1fa0, 6]);
    m.setRam64(0x5600, 2n);
    m.call('xrstor', 3, 0x5400n, 1, 0);
    expect([m.get64(L.XMM + 8), m.get32(L.FPU_TOP), m.get32(L.FPU_TAG)]).toEqual([0x0101010101010101n, 0, 0]);
    m.setRam64(0x5208, 1n);
    expect(m.faultOf('xrstor', 3, 0x5000n, 1, 0)).toEqual(GP);
  });
});

describe('stack frames', () => {
  it('nests ENTER', () => {
    setupProtected(m);
    m.setGpr(5, 0x7800n);
    m.setRam32(0x77fc, 0xaaaa);
    m.call('enter', 4, 0x20, 2);
    expect([m.ram32(0x7ffc), m.ram32(0x7ff8), m.ram32(0x7ff4), m.gpr(5), m.gpr(4)]).toEqual([0x7800, 0xaaaa, 0x7ffc, 0x7ffcn, 0x7fd4n]);
  });
  it('pushes and pops all registers', () => {
    setupProtected(m);
    for (let i = 0; i < 8; i++) if (i !== 4) m.setGpr(i, 0x1000 + i);
    m.call('pusha', 4);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((i) => m.ram32(0x7fe0 + i * 4))).toEqual([0x1007, 0x1006, 0x1005, 0x8000, 0x1003, 0x1002, 0x1001, 0x1000]);
    m.setRam32(0x7ffc, 0x77);
    m.call('popa', 4);
    expect([m.gpr(0), m.gpr(7), m.gpr(4)]).toEqual([0x77n, 0x1007n, 0x8000n]);
  });
  it('checks BOUND', () => {
    setupProtected(m);
    m.setRam32(0x5000, -5 >>> 0, 10);
    m.setGpr(0, 0xfffffffbn);
    expect(m.faultOf('bound', 0, 4, 3, 0x5000n)).toBeNull();
    m.setGpr(0, 11n);
    expect(m.faultOf('bound', 0, 4, 3, 0x5000n)).toEqual({ vector: 5, error: -1 });
  });
});

describe('table registers', () => {
  it('loads and stores GDTR and IDTR', () => {
    setupProtected(m);
    m.setRam32(0x5000, 0x5678_00ff, 0xff1234);
    m.call('lgdt', 3, 0x5000n, 4);
    expect([m.get64(L.GDTR_BASE), m.get32(L.GDTR_LIMIT)]).toEqual([0x12345678n, 0xff]);
    m.call('lidt', 3, 0x5000n, 2);
    expect(m.get64(L.IDTR_BASE)).toBe(0x345678n);
    m.call('sgdt', 3, 0x6000n, 4);
    expect([m.ram32(0x6000), m.ram.getUint16(0x6004, true)]).toEqual([0x567800ff, 0x1234]);
    setupUser(m);
    m.set64(L.CR4, 0x800n);
    expect(m.faultOf('sidt', 3, 0x6000n, 4)).toEqual(GP);
    expect(m.faultOf('smsw')).toEqual(GP);
  });
});

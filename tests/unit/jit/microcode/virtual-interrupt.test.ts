import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { gate, IDT, KCODE, setupProtected, setupUser, TSS } from './protected-setup.ts';
import { type Fault, SystemMachine } from './system-machine.ts';

const GP = { vector: 13, error: 0 };
const VME = 1n;
const PVI = 2n;
const IF = 0x200;
const TF = 0x100;
const VM = 0x20000;
const VIF = 0x80000;
const VIP = 0x100000;
const IOPL3 = 0x3000;
const RSP = 4;
/** Linear address of SS:0 in virtual-8086 mode. */
const STACK = 0x10020;

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
});

/** Virtual-8086 mode at 1001:0100 with SP 8000h, and a TSS whose redirection map sends all of INT n to the IDT. */
function setupV86(flags: number, cr4 = VME): void {
  setupUser(m);
  for (let seg = 0; seg < 6; seg++) m.setSegment(seg, 0x1000 + seg, (0x1000 + seg) << 4, 0xffff, 0xf300);
  m.set64(L.CR4, cr4);
  m.setGpr(RSP, 0x8000);
  m.ram.setUint16(TSS + 0x66, 0x88, true);
  for (let i = 0; i < 32; i++) m.ram.setUint8(TSS + 0x68 + i, 0xff);
  m.setFlags(VM | 2 | flags);
}

/** User code in protected mode. */
function setupPvi(flags: number, cr4 = PVI): void {
  setupUser(m);
  m.set64(L.CR4, cr4);
  m.setFlags(2 | flags);
}

/** Sends INT `vector` to the 8086 program's handler at 2000:0300. */
function redirect(vector: number): void {
  const at = TSS + 0x68 + (vector >> 3);
  m.ram.setUint8(at, m.ram.getUint8(at) & ~(1 << (vector & 7)));
  m.setRam32(vector * 4, 0x2000_0300);
}

const outcome = (name: string, ...args: number[]): Fault | number => m.faultOf(name, ...args) ?? m.flags();
const words = (address: number, count: number): number[] => Array.from({ length: count }, (_, i) => m.ram.getUint16(address + i * 2, true));

/** SDM vol 2, CLI and STI: decision tables. */
describe('CLI and STI', () => {
  it('change VIF in virtual-8086 mode with VME and IOPL below 3', () => {
    setupV86(IF);
    expect(outcome('sti')).toBe(VM | IF | VIF | 2);
    expect(outcome('cli')).toBe(VM | IF | 2);
    expect(m.get64(L.RIP)).toBe(0x102n);
  });
  it('change IF with IOPL 3 whatever VME says', () => {
    setupV86(IOPL3 | VIF);
    expect(outcome('sti')).toBe(VM | IOPL3 | IF | VIF | 2);
    expect(outcome('cli')).toBe(VM | IOPL3 | VIF | 2);
  });
  it('are #GP(0) without VME', () => {
    setupV86(IF, PVI);
    expect(outcome('cli')).toEqual(GP);
    expect(outcome('sti')).toEqual(GP);
  });
  it('change VIF at CPL 3 with PVI and IOPL below 3', () => {
    setupPvi(IF);
    expect(outcome('sti')).toBe(IF | VIF | 2);
    expect(outcome('cli')).toBe(IF | 2);
  });
  it('are #GP(0) at CPL 3 with VME alone, and at CPL 1 and 2 with PVI', () => {
    setupPvi(IF, VME);
    expect([outcome('cli'), outcome('sti')]).toEqual([GP, GP]);
    setupPvi(IF);
    for (const level of [1, 2]) {
      m.set32(L.CPL, level);
      expect([outcome('cli'), outcome('sti')]).toEqual([GP, GP]);
    }
  });
  it('STI is #GP(0) while VIP is set', () => {
    setupV86(IF | VIP);
    expect(outcome('sti')).toEqual(GP);
    expect(outcome('cli')).toBe(VM | IF | VIP | 2);
    setupPvi(IF | VIP);
    expect(outcome('sti')).toEqual(GP);
  });
});

/** SDM vol 2, PUSHF and POPF. */
describe('PUSHF and POPF', () => {
  it('push VIF as IF, with IOPL 3', () => {
    setupV86(0x1000 | VIF);
    m.call('pushf', 2);
    setupV86(0x1000 | IF);
    m.setGpr(RSP, 0x7ffe);
    m.call('pushf', 2);
    expect(words(STACK + 0x7ffc, 2)).toEqual([0x3002, 0x3202]);
  });
  it('pop IF into VIF and leave IF and IOPL alone', () => {
    setupV86(IF);
    m.ram.setUint16(STACK + 0x8000, 0x7ed7, true);
    expect(outcome('popf', 2)).toBe(VM | IF | VIF | 0x4cd7);
    expect(m.gpr(RSP)).toBe(0x8002n);
    m.ram.setUint16(STACK + 0x8002, 0, true);
    expect(outcome('popf', 2)).toBe(VM | IF | 2);
  });
  it('refuse TF, and IF while VIP is set', () => {
    setupV86(IF | VIP);
    m.ram.setUint16(STACK + 0x8000, IF, true);
    expect(outcome('popf', 2)).toEqual(GP);
    m.ram.setUint16(STACK + 0x8000, TF, true);
    expect(outcome('popf', 2)).toEqual(GP);
    expect([m.gpr(RSP), m.flags()]).toEqual([0x8000n, VM | IF | VIP | 2]);
    m.ram.setUint16(STACK + 0x8000, 0, true);
    expect(outcome('popf', 2)).toBe(VM | IF | VIP | 2);
  });
  it('of 32 bits are #GP(0) with IOPL below 3', () => {
    setupV86(IF);
    expect([outcome('pushf', 4), outcome('popf', 4)]).toEqual([GP, GP]);
  });
  it('of 32 bits leave VIF, VIP and IOPL alone with IOPL 3', () => {
    setupV86(IOPL3 | VIF);
    m.setRam32(STACK + 0x8000, 0x3f7fd7 & ~VIF & ~TF & ~IOPL3);
    expect(outcome('popf', 4)).toBe(VM | IOPL3 | VIF | 0x244ed7);
  });
  it('know nothing of PVI', () => {
    setupPvi(VIF);
    m.call('pushf', 4);
    expect(m.ram32(0x7ffc)).toBe(VIF | 2);
    m.setRam32(0x7ffc, IF);
    expect(outcome('popf', 4)).toBe(VIF | 2);
  });
  it('leave VIF and VIP alone at CPL 0', () => {
    setupProtected(m);
    m.set64(L.CR4, VME);
    m.setFlags(VIP | 2);
    m.setRam32(0x8000, VIF | 2);
    expect(outcome('popf', 4)).toBe(VIP | 2);
  });
});

/** SDM vol 2, IRET; vol 3, 20.3.2. */
describe('IRET', () => {
  const frame = (flags: number): void => {
    for (const [i, value] of [0x300, 0x2000, flags].entries()) m.ram.setUint16(STACK + 0x8000 + i * 2, value, true);
  };
  it('of 16 bits in virtual-8086 mode takes IF as VIF', () => {
    setupV86(IF);
    frame(0x3ed7);
    expect(outcome('iret', 2)).toBe(VM | IF | VIF | 0xcd7);
    expect([m.get64(L.RIP), m.selector(1), m.gpr(RSP)]).toEqual([0x300n, 0x2000, 0x8006n]);
  });
  it('refuses TF, and IF while VIP is set, and changes nothing', () => {
    setupV86(IF | VIP);
    for (const flags of [TF, IF]) {
      frame(flags);
      expect(outcome('iret', 2)).toEqual(GP);
    }
    expect([m.get64(L.RIP), m.selector(1), m.gpr(RSP), m.flags()]).toEqual([0x100n, 0x1001, 0x8000n, VM | IF | VIP | 2]);
  });
  it('of 32 bits is #GP(0) with IOPL below 3, of 16 bits without VME', () => {
    setupV86(IF);
    expect(outcome('iret', 4)).toEqual(GP);
    setupV86(IF, 0n);
    expect(outcome('iret', 2)).toEqual(GP);
  });
  /** Enters virtual-8086 mode at 2000:0300 from CPL 0. */
  const enter = (flags: number): Fault | null => {
    setupProtected(m);
    m.set64(L.CR4, VME);
    m.setFlags(2);
    m.setRam32(0x8000, 0x300, 0x2000, flags, 0xff0, 0x3000, 1, 2, 3, 4);
    return m.faultOf('iret', 4);
  };
  it('from CPL 0 with VIF and VIP set is #GP(0) before the first instruction of the 8086 program', () => {
    expect(enter(VM | VIF | VIP | 2)).toEqual(GP);
    expect([m.get64(L.RIP), m.selector(1), m.get32(L.CPL), m.flags()]).toEqual([0x300n, 0x2000, 3, VM | VIF | VIP | 2]);
  });
  it('from CPL 0 takes VIF and VIP from the image', () => {
    for (const bits of [VIF, VIP, IOPL3 | VIF | VIP]) {
      expect(enter(VM | bits | 2)).toBeNull();
      expect(m.flags()).toBe(VM | bits | 2);
    }
  });
  it('in real-address mode leaves VIF and VIP alone', () => {
    m.setFlags(VIP | 2);
    m.setSegment(2, 0x2000, 0x20000, 0xffff, 0x9300);
    m.setGpr(RSP, 0x100);
    m.setRam32(0x20100, 0x300, 0x1000, VIF | IF);
    expect(outcome('iret', 4)).toBe(VIP | IF | 2);
  });
});

/** SDM vol 3, 20.3.3 with table 20-2. */
describe('INT n in virtual-8086 mode', () => {
  const target = (): (bigint | number)[] => [m.get64(L.RIP), m.selector(1), m.get32(L.CPL)];
  beforeEach(() => {
    m.setRam64(IDT + 0x21 * 8, gate(KCODE, 0x5000, 0xee));
  });
  it('method 2: without VME and with IOPL below 3 is #GP(0)', () => {
    setupV86(IF, 0n);
    redirect(0x21);
    expect(outcome('softwareInterrupt', 0x21)).toEqual(GP);
  });
  it('method 3: with VME, IOPL below 3 and the bit set is #GP(0)', () => {
    setupV86(IF | VIF);
    expect(outcome('softwareInterrupt', 0x21)).toEqual(GP);
  });
  it('methods 1 and 4: with IOPL 3 goes through the IDT', () => {
    for (const cr4 of [0n, VME]) {
      setupV86(IOPL3 | IF, cr4);
      m.setRam64(IDT + 0x21 * 8, gate(KCODE, 0x5000, 0xee));
      expect(m.faultOf('softwareInterrupt', 0x21)).toBeNull();
      expect(target()).toEqual([0x5000n, KCODE, 0]);
    }
  });
  it('method 5: with IOPL 3 and the bit clear goes to the program, as in real-address mode', () => {
    setupV86(IOPL3 | IF | VIF | 1);
    redirect(0x21);
    expect(outcome('softwareInterrupt', 0x21)).toBe(VM | IOPL3 | VIF | 3);
    expect(target()).toEqual([0x300n, 0x2000, 3]);
    expect(words(STACK + 0x7ffa, 3)).toEqual([0x102, 0x1001, 0x3203]);
  });
  it('method 6: with IOPL below 3 pushes VIF as IF with IOPL 3, and clears VIF', () => {
    setupV86(IF | VIF);
    redirect(0x21);
    expect(outcome('softwareInterrupt', 0x21)).toBe(VM | IF | 2);
    expect(target()).toEqual([0x300n, 0x2000, 3]);
    expect(words(STACK + 0x7ffa, 3)).toEqual([0x102, 0x1001, 0x3202]);
    setupV86(IF);
    redirect(0x21);
    m.call('softwareInterrupt', 0x21);
    expect(words(STACK + 0x7ffa, 3)).toEqual([0x102, 0x1001, 0x3002]);
  });
  it('needs the map within the limit of a 32-bit TSS', () => {
    setupV86(IF);
    redirect(0x21);
    m.set32(L.SEG_TR + L.SEG_LIMIT, 0x68 + 3);
    expect(outcome('softwareInterrupt', 0x21)).toEqual(GP);
    m.set32(L.SEG_TR + L.SEG_LIMIT, 0x68 + 4);
    expect(m.faultOf('softwareInterrupt', 0x21)).toBeNull();
    setupV86(IF);
    redirect(0x21);
    m.ram.setUint16(TSS + 0x66, 31, true);
    expect(outcome('softwareInterrupt', 0x01)).toEqual(GP);
    setupV86(IF);
    m.set32(L.SEG_TR + L.SEG_ATTR, 0x8300);
    expect(outcome('softwareInterrupt', 0x21)).toEqual(GP);
  });
  it('INT3 and INTO are not redirected', () => {
    setupV86(IF | VIF);
    m.setRam64(IDT + 3 * 8, gate(KCODE, 0x5000, 0xee));
    redirect(3);
    expect(m.faultOf('int3')).toBeNull();
    expect(target()).toEqual([0x5000n, KCODE, 0]);
  });
  it('leaves hardware interrupts and VIF on their way to the IDT', () => {
    setupV86(IF | VIF);
    redirect(0x21);
    m.call('deliver', 0x21, -1, 1);
    expect(target()).toEqual([0x5000n, KCODE, 0]);
    expect(m.ram32(0x8ffc - 4 * 6)).toBe(VM | IF | VIF | 2);
  });
});

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import {
  CONFORMING,
  descriptor,
  GATE,
  gate,
  GDT,
  IDT,
  KCODE,
  KCODE16,
  KCODE64,
  KDATA,
  LDT,
  OTHER_TASK,
  OTHER_TSS,
  setupLong,
  setupProtected,
  setupUser,
  TASK,
  TASK_GATE,
  TSS,
  UCODE,
  UDATA,
} from './protected-setup.ts';
import { SystemMachine } from './system-machine.ts';

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
const setDescriptor = (selector: number, value: bigint): void => m.setRam64(GDT + (selector & 0xfff8), value);

describe('far transfers', () => {
  it('loads paragraphs in real-address mode', () => {
    m.setSegment(2, 0, 0, 0xffff, 0x9300);
    m.setGpr(4, 0x8000);
    m.call('farCall', 0x1234, 0x10n, 2);
    expect([rip(), m.get64(L.SEG_CS), m.gpr(4), m.ram32(0x7ffc)]).toEqual([0x10n, 0x12340n, 0x7ffcn, 0xf0000102]);
    m.call('farReturn', 2, 4);
    expect([rip(), m.selector(1), m.gpr(4)]).toEqual([0x102n, 0xf000, 0x8004n]);
    expect(m.faultOf('farJump', 0, 0x10000n, 4)).toEqual({ vector: 13, error: 0 });
  });
  it('changes code size with a far JMP', () => {
    setupProtected(m);
    m.call('farJump', KCODE16, 0x20n, 4);
    expect([rip(), m.selector(1), m.get64(L.SEG_CS), m.get32(L.CTX) & 15]).toEqual([0x20n, KCODE16, 0x20000n, L.MODE_STACK32]);
    expect(m.faultOf('farJump', KCODE16, 0x10000n, 4)).toEqual({ vector: 13, error: 0 });
    expect(m.faultOf('farJump', KDATA, 0n, 4)).toEqual({ vector: 13, error: KDATA });
    expect(m.faultOf('farJump', 0x100, 0n, 4)).toEqual({ vector: 13, error: 0x100 });
    expect(m.faultOf('farJump', 3, 0n, 4)).toEqual({ vector: 13, error: 0 });
  });
  it('keeps CPL in conforming code and refuses other privileges', () => {
    setupUser(m);
    m.call('farJump', CONFORMING | 3, 0x30n, 4);
    expect([m.selector(1), m.get32(L.CPL)]).toEqual([CONFORMING | 3, 3]);
    expect(m.faultOf('farJump', KCODE, 0n, 4)).toEqual({ vector: 13, error: KCODE });
    expect(m.faultOf('farReturn', 4, 0)).toEqual({ vector: 13, error: 0 });
  });
  it('calls through a gate with parameters and returns', () => {
    setupUser(m);
    setDescriptor(GATE, gate(KCODE, 0x4444, 0xec, 2));
    m.setRam32(0x8000, 0x11, 0x22);
    m.call('farCall', GATE | 3, 0n, 4);
    expect(words(0x8fe8, 6)).toEqual([0x102, UCODE, 0x11, 0x22, 0x8000, UDATA]);
    expect([rip(), m.selector(1), m.selector(2), m.gpr(4), m.get32(L.CPL)]).toEqual([0x4444n, KCODE, KDATA, 0x8fe8n, 0]);
    m.call('farReturn', 4, 8);
    expect([rip(), m.selector(1), m.selector(2), m.gpr(4), m.get32(L.CPL)]).toEqual([0x102n, UCODE, UDATA, 0x8008n, 3]);
  });
  it('checks the privilege of gates', () => {
    setupUser(m);
    setDescriptor(GATE, gate(KCODE, 0x4444, 0x8c));
    expect(m.faultOf('farCall', GATE | 3, 0n, 4)).toEqual({ vector: 13, error: GATE });
    setDescriptor(GATE, gate(KCODE, 0x4444, 0x6c));
    expect(m.faultOf('farCall', GATE | 3, 0n, 4)).toEqual({ vector: 11, error: GATE });
    setDescriptor(GATE, gate(KCODE, 0x4444, 0xec));
    expect(m.faultOf('farJump', GATE | 3, 0n, 4)).toEqual({ vector: 13, error: KCODE });
  });
  it('calls through a 64-bit gate from compatibility code', () => {
    setupLong(m, 3);
    m.setSegment(1, UCODE, 0, 0xffffffff, 0xc0fb00);
    m.call('updateContext');
    m.setRam64(GDT + GATE, gate(KCODE64, 0x81234567, 0xec), 0xffffffffn);
    m.call('farCall', GATE | 3, 0n, 4);
    expect([rip(), m.selector(1), m.selector(2), m.gpr(4), m.get32(L.CPL)]).toEqual([0xffffffff81234567n, KCODE64, 0, 0x8fe0n, 0]);
    expect([0, 8, 16, 24].map((o) => m.ram64(0x8fe0 + o))).toEqual([0x102n, BigInt(UCODE), 0x8000n, BigInt(UDATA)]);
    m.call('farReturn', 8, 0);
    expect([rip(), m.selector(1), m.selector(2), m.gpr(4), m.get32(L.CPL)]).toEqual([0x102n, UCODE, UDATA, 0x8000n, 3]);
    m.setRam64(GDT + GATE + 8, 0x1fffffffffffn);
    expect(m.faultOf('farCall', GATE | 3, 0n, 4)).toEqual({ vector: 13, error: GATE });
  });
});

describe('task switches', () => {
  beforeEach(() => {
    setupProtected(m);
    m.setRam32(OTHER_TSS + 0x20, 0x6000, 0x202, 1, 2, 3, 4, 0x7000, 6, 7, 8, KDATA, KCODE, KDATA, KDATA, 0, 0, 0, 0x680000);
  });
  const rights = (selector: number): number => m.ram.getUint8(GDT + selector + 5);

  it('jumps to a task and saves the old one', () => {
    m.setGpr(0, 0xaaaa);
    m.setFlags(0x46);
    m.call('farJump', OTHER_TASK, 0n, 4);
    expect([rip(), m.gpr(0), m.gpr(4), m.gpr(7), m.flags(), m.selector(7)]).toEqual([0x6000n, 1n, 0x7000n, 8n, 0x202, OTHER_TASK]);
    expect([rights(TASK), rights(OTHER_TASK)]).toEqual([0x89, 0x8b]);
    expect([m.ram32(TSS + 0x20), m.ram32(TSS + 0x24), m.ram32(TSS + 0x28), m.ram32(TSS + 0x38)]).toEqual([0x102, 0x46, 0xaaaa, 0x8000]);
    expect(m.get64(L.CR0) & 8n).toBe(8n);
    expect(m.faultOf('farJump', OTHER_TASK, 0n, 4)).toEqual({ vector: 13, error: OTHER_TASK });
  });
  it('nests a call and IRET returns to the old task', () => {
    m.call('farCall', OTHER_TASK, 0n, 4);
    expect([m.ram.getUint16(OTHER_TSS, true), m.flags(), rights(TASK), rights(OTHER_TASK)]).toEqual([TASK, 0x4202, 0x8b, 0x8b]);
    m.set64(L.NEXT_RIP, 0x6001n);
    m.call('iret', 4);
    expect([rip(), m.selector(7), m.flags() & 0x4000, rights(TASK), rights(OTHER_TASK)]).toEqual([0x102n, TASK, 0, 0x8b, 0x89]);
    expect([m.ram32(OTHER_TSS + 0x20), m.ram32(OTHER_TSS + 0x24) & 0x4000]).toEqual([0x6001, 0]);
  });
  it('delivers an exception through a task gate and pushes the error code there', () => {
    m.setRam64(IDT + 8 * 8, gate(OTHER_TASK, 0, 0x85));
    m.call('deliver', 8, 0, 0);
    expect([rip(), m.gpr(4), m.ram32(0x6ffc)]).toEqual([0x6000n, 0x6ffcn, 0]);
    expect(m.ram32(TSS + 0x20)).toBe(0x100);
  });
  it('goes through a task gate of the GDT', () => {
    setDescriptor(TASK_GATE, gate(OTHER_TASK, 0, 0x85));
    m.call('farCall', TASK_GATE, 0n, 4);
    expect(rip()).toBe(0x6000n);
  });
  it('faults in the new task when its segments are bad', () => {
    m.setRam32(OTHER_TSS + 0x54, UCODE + 0x800);
    expect(m.faultOf('farJump', OTHER_TASK, 0n, 4)).toEqual({ vector: 10, error: (UCODE + 0x800) & 0xfffc });
    expect([rip(), m.gpr(4), m.selector(7)]).toEqual([0x6000n, 0x7000n, OTHER_TASK]);
  });
  it('faults in the old task when the new TSS is too small', () => {
    setDescriptor(OTHER_TASK, descriptor(OTHER_TSS, 0x66, 0x89, 0));
    expect(m.faultOf('farJump', OTHER_TASK, 0n, 4)).toEqual({ vector: 10, error: OTHER_TASK });
    expect([rip(), m.selector(7)]).toEqual([0x100n, TASK]);
  });
});

describe('segment loads', () => {
  it('marks descriptors accessed and keeps hidden parts', () => {
    setupProtected(m);
    setDescriptor(0x68, descriptor(0x123456, 0x10, 0x92, 0xc));
    m.call('movToSegment', 4, 0x68);
    expect([m.get64(L.SEG_FS), m.get32(L.SEG_FS + 8), m.get32(L.SEG_FS + 12), m.ram.getUint8(GDT + 0x6d)]).toEqual([0x123456n, 0x10fff, 0xc09300, 0x93]);
    expect(rip()).toBe(0x102n);
  });
  it('raises what the manual says and changes nothing', () => {
    setupUser(m);
    setDescriptor(0x68, descriptor(0, 0, 0x73, 0));
    expect(m.faultOf('movToSegment', 1, KCODE)).toEqual({ vector: 6, error: -1 });
    expect(m.faultOf('movToSegment', 2, 0)).toEqual({ vector: 13, error: 0 });
    expect(m.faultOf('movToSegment', 2, KDATA)).toEqual({ vector: 13, error: KDATA });
    expect(m.faultOf('movToSegment', 3, KDATA | 3)).toEqual({ vector: 13, error: KDATA });
    expect(m.faultOf('movToSegment', 3, TASK)).toEqual({ vector: 13, error: TASK });
    expect(m.faultOf('movToSegment', 3, 0x6b)).toEqual({ vector: 11, error: 0x68 });
    expect(m.faultOf('movToSegment', 2, 0x6b)).toEqual({ vector: 12, error: 0x68 });
    expect([m.selector(3), m.selector(2), rip()]).toEqual([UDATA, UDATA, 0x100n]);
    m.call('movToSegment', 0, 3);
    expect(m.faultOf('segLinear', 0, 0n, 1, 0)).toEqual({ vector: 13, error: 0 });
  });
  it('checks limits, rights and expand-down segments', () => {
    setupProtected(m);
    m.setSegment(3, 0x10, 0x1000, 0xff, 0x9300);
    expect(m.call('segLinear', 3, 0xfcn, 4, 1)).toBe(0x10fcn);
    expect(m.faultOf('segLinear', 3, 0xfdn, 4, 1)).toEqual({ vector: 13, error: 0 });
    m.setSegment(3, 0x10, 0, 0xfff, 0x409700);
    expect(m.faultOf('segLinear', 3, 0xfffn, 1, 0)).toEqual({ vector: 13, error: 0 });
    expect(m.call('segLinear', 3, 0xfffffffcn, 4, 0)).toBe(0xfffffffcn);
    m.setSegment(2, 0x10, 0, 0xff, 0x9300);
    expect(m.faultOf('segLinear', 2, 0x100n, 1, 0)).toEqual({ vector: 12, error: 0 });
    expect(m.faultOf('segLinear', 1, 0n, 1, 1)).toEqual({ vector: 13, error: 0 });
    m.setSegment(1, KCODE, 0, 0xffff, 0x9900);
    expect(m.faultOf('segLinear', 1, 0n, 1, 0)).toEqual({ vector: 13, error: 0 });
  });
  it('pops SS with an interrupt shadow and loads far pointers', () => {
    setupProtected(m);
    m.setRam32(0x8000, KDATA, 0x1234, KDATA);
    m.call('popSegment', 2, 4);
    expect([m.gpr(4), m.get32(L.SHADOW)]).toEqual([0x8004n, 2]);
    m.call('loadFarPointer', 5, 3, 4, 3, 0x8004n);
    expect([m.gpr(3), m.selector(5)]).toEqual([0x1234n, KDATA]);
    m.call('pushSegment', 5, 4);
    expect([m.gpr(4), m.ram32(0x8000)]).toEqual([0x8000n, KDATA]);
  });
  it('answers LAR, LSL, VERR, VERW and ARPL', () => {
    setupProtected(m);
    const zf = (): boolean => (m.flags() & 0x40) !== 0;
    m.call('lar', 0, 4, TASK);
    expect([m.gpr(0), zf()]).toEqual([0x8b00n, true]);
    m.call('lsl', 0, 4, UDATA);
    expect([m.gpr(0), zf()]).toEqual([0xffffffffn, true]);
    m.call('lsl', 0, 4, 0x60);
    expect([m.gpr(0), zf()]).toEqual([0xffffffffn, false]);
    m.call('verw', KCODE);
    expect(zf()).toBe(false);
    m.call('verr', KCODE);
    expect(zf()).toBe(true);
    expect([m.call('arpl', 0x20, 0x13), zf()]).toEqual([0x23, true]);
    expect([m.call('arpl', 0x23, 0x10), zf()]).toEqual([0x23, false]);
  });
  it('loads LDTR and TR, 16 bytes long in long mode', () => {
    setupProtected(m);
    setDescriptor(0x68, descriptor(LDT, 0x0f, 0x82, 0));
    m.setRam64(LDT + 8, descriptor(0x777, 0, 0x93, 0));
    m.call('lldt', 0x68);
    m.call('movToSegment', 0, 0x0c);
    expect([m.get64(L.SEG_ES), m.call('sldt')]).toEqual([0x777n, 0x68]);
    m.call('ltr', OTHER_TASK);
    expect([m.call('str'), m.ram.getUint8(GDT + OTHER_TASK + 5)]).toEqual([OTHER_TASK, 0x8b]);
    expect(m.faultOf('ltr', OTHER_TASK)).toEqual({ vector: 13, error: OTHER_TASK });
    setupLong(m);
    m.setRam64(GDT + 0x68, descriptor(0x1000, 0x67, 0x89, 0), 0xffff8000n);
    m.call('ltr', 0x68);
    expect(m.get64(L.SEG_TR)).toBe(0xffff800000001000n);
  });
});

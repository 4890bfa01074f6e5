/** Descriptor tables and segments for tests of control transfers. */
import * as L from '../../../../jit/state/vcpu-layout.ts';
import type { SystemMachine } from './system-machine.ts';

export const GDT = 0x10000;
export const IDT = 0x11000;
export const TSS = 0x12000;
/** A second TSS for task switches. */
export const OTHER_TSS = 0x12800;
export const LDT = 0x13000;

/** Selectors of the descriptors below. */
export const KCODE = 0x08;
export const KDATA = 0x10;
export const UCODE = 0x1b;
export const UDATA = 0x23;
export const TASK = 0x28;
export const KCODE64 = 0x38;
export const UCODE64 = 0x43;
export const OTHER_TASK = 0x48;
export const KCODE16 = 0x50;
export const CONFORMING = 0x58;
export const GATE = 0x60;
export const TASK_GATE = 0x70;

/** Builds a descriptor from base, limit field and the access and flags bytes. */
export function descriptor(base: number, limit: number, access: number, flags: number): bigint {
  const b = BigInt(base >>> 0);
  const l = BigInt(limit);
  return (l & 0xffffn) | ((b & 0xffffffn) << 16n) | (BigInt(access) << 40n) | ((l >> 16n) << 48n) | (BigInt(flags) << 52n) | ((b >> 24n) << 56n);
}

/** A gate of the GDT or a 32-bit IDT. */
export function gate(selector: number, offset: number, access: number, parameters = 0): bigint {
  return BigInt(offset & 0xffff) | (BigInt(selector) << 16n) | (BigInt(parameters) << 32n) | (BigInt(access) << 40n) | (BigInt(offset >>> 16) << 48n);
}

/** Lays out the tables; protected mode without paging, CPL 0, flat 32-bit segments, TSS32 with SS0:ESP0 = KDATA:0x9000. */
export function setupProtected(m: SystemMachine): void {
  m.setRam64(
    GDT,
    0n,
    descriptor(0, 0xfffff, 0x9b, 0xc),
    descriptor(0, 0xfffff, 0x93, 0xc),
    descriptor(0, 0xfffff, 0xfb, 0xc),
    descriptor(0, 0xfffff, 0xf3, 0xc),
    descriptor(TSS, 0x2068, 0x8b, 0),
    0n,
    descriptor(0, 0xfffff, 0x9b, 0xa),
    descriptor(0, 0xfffff, 0xfb, 0xa),
    descriptor(OTHER_TSS, 0x68, 0x89, 0),
    descriptor(0x20000, 0xffff, 0x9b, 0),
    descriptor(0, 0xfffff, 0x9f, 0xc),
    0n,
    0n,
    0n,
    0n,
  );
  m.set64(L.GDTR_BASE, BigInt(GDT));
  m.set32(L.GDTR_LIMIT, 0x7f);
  m.set64(L.IDTR_BASE, BigInt(IDT));
  m.set32(L.IDTR_LIMIT, 0xfff);
  m.setRam32(TSS + 4, 0x9000, KDATA);
  m.ram.setUint16(TSS + 0x66, 0x68, true);
  m.set64(L.CR0, 0x31n);
  m.set32(L.CPL, 0);
  m.setSegment(1, KCODE, 0, 0xffffffff, 0xc09b00);
  for (const seg of [0, 2, 3]) m.setSegment(seg, KDATA, 0, 0xffffffff, 0xc09300);
  for (const seg of [4, 5]) m.setSegment(seg, 0, 0, 0, 0x10000);
  m.setSegment(7, TASK, TSS, 0x2068, 0x8b00);
  m.setSegment(6, 0, 0, 0, 0x10000);
  m.setGpr(4, 0x8000);
  m.call('updateContext');
}

/** The same with user segments in force. */
export function setupUser(m: SystemMachine): void {
  setupProtected(m);
  m.setSegment(1, UCODE, 0, 0xffffffff, 0xc0fb00);
  for (const seg of [0, 2, 3]) m.setSegment(seg, UDATA, 0, 0xffffffff, 0xc0f300);
  m.set32(L.CPL, 3);
  m.call('updateContext');
}

/** 64-bit mode with an identity map of the first 2 MiB for user and supervisor, RSP0 = 0x9000, IST1 = 0xa000. */
export function setupLong(m: SystemMachine, level: 0 | 3 = 0): void {
  setupProtected(m);
  m.setRam64(0x1000, 0x2007n);
  m.setRam64(0x2000, 0x3007n);
  m.setRam64(0x3000, 0xe7n);
  m.set64(L.CR0, 0x80010031n);
  m.set64(L.CR3, 0x1000n);
  m.set64(L.CR4, 0x20n);
  m.set64(L.EFER, 0xd01n);
  m.setRam64(TSS + 4, 0x9000n);
  m.setRam64(TSS + 0x24, 0xa000n);
  m.setSegment(1, level === 0 ? KCODE64 : UCODE64, 0, 0xffffffff, level === 0 ? 0xa09b00 : 0xa0fb00);
  m.setSegment(2, level === 0 ? KDATA : UDATA, 0, 0xffffffff, level === 0 ? 0xc09300 : 0xc0f300);
  m.set32(L.CPL, level);
  m.call('flushTlb', 1);
  m.call('updateContext');
}

/** Writes a 64-bit IDT gate. */
export function setGate64(m: SystemMachine, vector: number, offset: bigint, access = 0x8e, ist = 0): void {
  m.setRam64(IDT + vector * 16, gate(KCODE64, Number(offset & 0xffffffffn), access, ist), offset >> 32n);
}

/** Reading and writing the machine state: registers, flags words, modes. */
import {
  A20_MASK, CPL, CR0, CR4, CTX, EFER, EFLAGS, GPR, NEXT_RIP, RIP, SEG, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_SELECTOR,
} from "../state/vcpu-layout";

export const CR0_PE: u64 = 1;
export const CR0_MP: u64 = 2;
export const CR0_EM: u64 = 4;
export const CR0_TS: u64 = 8;
export const CR0_NE: u64 = 0x20;
export const CR0_WP: u64 = 0x10000;
export const CR0_AM: u64 = 0x40000;
export const CR0_PG: u64 = 0x80000000;

export const CR4_VME: u64 = 1;
export const CR4_PVI: u64 = 2;
export const CR4_TSD: u64 = 4;
export const CR4_DE: u64 = 8;
export const CR4_PSE: u64 = 0x10;
export const CR4_PAE: u64 = 0x20;
export const CR4_PGE: u64 = 0x80;
export const CR4_PCE: u64 = 0x100;
export const CR4_OSFXSR: u64 = 0x200;
export const CR4_UMIP: u64 = 0x800;
export const CR4_FSGSBASE: u64 = 0x10000;
export const CR4_PCIDE: u64 = 0x20000;
export const CR4_OSXSAVE: u64 = 0x40000;
export const CR4_SMEP: u64 = 0x100000;
export const CR4_SMAP: u64 = 0x200000;

export const EFER_SCE: u64 = 1;
export const EFER_LME: u64 = 0x100;
export const EFER_LMA: u64 = 0x400;
export const EFER_NXE: u64 = 0x800;
export const EFER_FFXSR: u64 = 0x4000;

export const FLAG_CF: i32 = 1;
export const FLAG_PF: i32 = 4;
export const FLAG_AF: i32 = 0x10;
export const FLAG_ZF: i32 = 0x40;
export const FLAG_SF: i32 = 0x80;
export const FLAG_TF: i32 = 0x100;
export const FLAG_IF: i32 = 0x200;
export const FLAG_DF: i32 = 0x400;
export const FLAG_OF: i32 = 0x800;
export const FLAG_IOPL: i32 = 0x3000;
export const FLAG_NT: i32 = 0x4000;
export const FLAG_RF: i32 = 0x10000;
export const FLAG_VM: i32 = 0x20000;
export const FLAG_AC: i32 = 0x40000;
export const FLAG_VIF: i32 = 0x80000;
export const FLAG_VIP: i32 = 0x100000;
export const FLAG_ID: i32 = 0x200000;
/** The six flags kept lazily. */
export const FLAGS_ARITH: i32 = 0x8d5;
/** Every flag that exists, bit 1 apart. */
export const FLAGS_ALL: i32 = 0x3f7fd5;

export const ES: i32 = 0;
export const CS: i32 = 1;
export const SS: i32 = 2;
export const DS: i32 = 3;
export const FS: i32 = 4;
export const GS: i32 = 5;
export const LDTR: i32 = 6;
export const TR: i32 = 7;

export const RAX: i32 = 0;
export const RCX: i32 = 1;
export const RDX: i32 = 2;
export const RBX: i32 = 3;
export const RSP: i32 = 4;
export const RBP: i32 = 5;
export const RSI: i32 = 6;
export const RDI: i32 = 7;
export const R11: i32 = 11;

/** Segment rights: bits of SEG_ATTR. */
export const ATTR_UNUSABLE: u32 = 0x10000;
export const ATTR_ACCESSED: u32 = 0x100;
export const ATTR_WRITABLE: u32 = 0x200;
export const ATTR_CONFORMING: u32 = 0x400;
export const ATTR_CODE: u32 = 0x800;
export const ATTR_S: u32 = 0x1000;
export const ATTR_P: u32 = 0x8000;
export const ATTR_L: u32 = 0x200000;
export const ATTR_DB: u32 = 0x400000;

/** 64 bits of a general register. */
// @ts-ignore: decorator
@inline export function gpr(register: i32): u64 { return load<u64>(GPR + (register << 3)); }
/** Writes all of a general register. */
// @ts-ignore: decorator
@inline export function setGpr(register: i32, value: u64): void { store<u64>(GPR + (register << 3), value); }

/** Writes the low `size` bytes of a general register as an instruction does. */
export function setRegister(register: i32, size: i32, value: u64): void {
  const address = GPR + (register << 3);
  if (size == 8) store<u64>(address, value);
  else if (size == 4) store<u64>(address, value & 0xffffffff);
  else if (size == 2) store<u16>(address, <u16>value);
  else store<u8>(address, <u8>value);
}

/** Ends a routine: execution goes on behind the instruction. */
// @ts-ignore: decorator
@inline export function finish(): void { store<u64>(RIP, load<u64>(NEXT_RIP)); }

/** True in 64-bit code. */
// @ts-ignore: decorator
@inline export function isCode64(): bool { return (load<u32>(CTX) & 3) == 2; }
/** True when long mode is active (64-bit or compatibility code). */
// @ts-ignore: decorator
@inline export function isLongMode(): bool { return (load<u64>(EFER) & EFER_LMA) != 0; }
/** True when CR0.PE is set. */
// @ts-ignore: decorator
@inline export function isProtected(): bool { return (load<u64>(CR0) & CR0_PE) != 0; }
/** True in virtual-8086 mode. */
// @ts-ignore: decorator
@inline export function isV86(): bool { return (load<u32>(EFLAGS) & FLAG_VM) != 0; }
/** True in real-address mode and virtual-8086 mode: a selector is a paragraph. */
// @ts-ignore: decorator
@inline export function isParagraphMode(): bool { return !isProtected() || isV86(); }
/** True when CR4 has one of the bits. */
// @ts-ignore: decorator
@inline export function hasCr4(bits: u64): bool { return (load<u64>(CR4) & bits) != 0; }
/** Current privilege level. */
// @ts-ignore: decorator
@inline export function cpl(): i32 { return load<i32>(CPL); }
/** I/O privilege level. */
// @ts-ignore: decorator
@inline export function iopl(): i32 { return (load<i32>(EFLAGS) >> 12) & 3; }

/** Base of a segment register. */
// @ts-ignore: decorator
@inline export function segBase(seg: i32): u64 { return load<u64>(SEG + (seg << 5) + SEG_BASE); }
/** Limit of a segment register in bytes. */
// @ts-ignore: decorator
@inline export function segLimit(seg: i32): u32 { return load<u32>(SEG + (seg << 5) + SEG_LIMIT); }
/** Rights of a segment register. */
// @ts-ignore: decorator
@inline export function segAttr(seg: i32): u32 { return load<u32>(SEG + (seg << 5) + SEG_ATTR); }
/** Selector of a segment register. */
// @ts-ignore: decorator
@inline export function segSelector(seg: i32): i32 { return load<i32>(SEG + (seg << 5) + SEG_SELECTOR); }

/** Writes all of a segment register. */
export function setSegment(seg: i32, selector: i32, base: u64, limit: u32, attr: u32): void {
  const address = SEG + (seg << 5);
  store<u64>(address + SEG_BASE, base);
  store<u32>(address + SEG_LIMIT, limit);
  store<u32>(address + SEG_ATTR, attr);
  store<u32>(address + SEG_SELECTOR, selector & 0xffff);
}

/** True when all bits 63 to 47 are equal. */
// @ts-ignore: decorator
@inline export function isCanonical(linear: u64): bool { return <u64>((<i64>linear << 16) >> 16) == linear; }

/** The A20 gate as a mask of 64-bit physical addresses. */
// @ts-ignore: decorator
@inline export function a20(): u64 { return load<u32>(A20_MASK) | 0xffffffff00000000; }

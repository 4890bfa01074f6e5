/** Descriptors: fetching them from GDT and LDT, taking them apart. SDM vol 3, 3.4.5. */
import { GDTR_BASE, GDTR_LIMIT } from "../../state/vcpu-layout";
import { fault } from "../fault";
import { changeSystem, loadSystem64 } from "../mmu/memory";
import { ATTR_UNUSABLE, LDTR, segAttr, segBase, segLimit, setSegment } from "../state";

/** A descriptor's bits. */
export const DESC_ACCESSED: u64 = 0x0000010000000000;
export const DESC_WRITABLE: u64 = 0x0000020000000000;
export const DESC_CONFORMING: u64 = 0x0000040000000000;
export const DESC_CODE: u64 = 0x0000080000000000;
export const DESC_S: u64 = 0x0000100000000000;
export const DESC_P: u64 = 0x0000800000000000;
export const DESC_L: u64 = 0x0020000000000000;
export const DESC_DB: u64 = 0x0040000000000000;
export const DESC_G: u64 = 0x0080000000000000;

/** Linear address of the last descriptor fetched. */
export let descriptorAddress: u64 = 0;

/** Type field, 0 to 15. */
// @ts-ignore: decorator
@inline export function descType(descriptor: u64): i32 { return <i32>(descriptor >> 40) & 15; }
/** Type field with the S bit above it, 0 to 31. */
// @ts-ignore: decorator
@inline export function descKind(descriptor: u64): i32 { return <i32>(descriptor >> 40) & 31; }
/** Descriptor privilege level. */
// @ts-ignore: decorator
@inline export function descDpl(descriptor: u64): i32 { return <i32>(descriptor >> 45) & 3; }
/** Rights as kept in SEG_ATTR. */
// @ts-ignore: decorator
@inline export function descAttr(descriptor: u64): u32 { return <u32>(descriptor >> 32) & 0x00f0ff00; }
/** Low 32 bits of the base. */
// @ts-ignore: decorator
@inline export function descBase(descriptor: u64): u64 {
  return ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000);
}
/** Limit in bytes. */
export function descLimit(descriptor: u64): u32 {
  const raw = <u32>(descriptor & 0xffff) | (<u32>(descriptor >> 32) & 0xf0000);
  return descriptor & DESC_G ? (raw << 12) | 0xfff : raw;
}

/** True for a code segment descriptor. */
// @ts-ignore: decorator
@inline export function isCode(descriptor: u64): bool { return (descriptor & (DESC_S | DESC_CODE)) == (DESC_S | DESC_CODE); }
/** True for a writable data segment descriptor. */
// @ts-ignore: decorator
@inline export function isWritableData(descriptor: u64): bool {
  return (descriptor & (DESC_S | DESC_CODE | DESC_WRITABLE)) == (DESC_S | DESC_WRITABLE);
}

/** True when the table named by the selector has a descriptor there. Sets `descriptorAddress`. */
export function findDescriptor(selector: i32): bool {
  const last = <u32>(selector & 0xfff8) + 7;
  if (selector & 4) {
    if (segAttr(LDTR) & ATTR_UNUSABLE || last > segLimit(LDTR)) return false;
    descriptorAddress = segBase(LDTR) + <u64>(selector & 0xfff8);
    return true;
  }
  if (last > load<u32>(GDTR_LIMIT)) return false;
  descriptorAddress = load<u64>(GDTR_BASE) + <u64>(selector & 0xfff8);
  return true;
}

/** Fetches a descriptor; beyond the table's limit: fault `vector` with the selector and the EXT bit `ext`. */
export function fetchDescriptor(selector: i32, vector: i32, ext: i32): u64 {
  if (!findDescriptor(selector)) fault(vector, (selector & 0xfffc) | ext);
  return loadSystem64(descriptorAddress);
}

/** The upper 8 bytes of the 16-byte system descriptor just fetched (64-bit mode). */
export function fetchUpperHalf(selector: i32, vector: i32, ext: i32): u64 {
  const limit = selector & 4 ? segLimit(LDTR) : load<u32>(GDTR_LIMIT);
  if (<u32>(selector & 0xfff8) + 15 > limit) fault(vector, (selector & 0xfffc) | ext);
  return loadSystem64(descriptorAddress + 8);
}

/** Sets the accessed bit of a segment descriptor at `address`, in memory if it was clear; returns the descriptor. */
export function setAccessed(address: u64, descriptor: u64): u64 {
  if (descriptor & DESC_ACCESSED) return descriptor;
  changeSystem(address + 5, 0, 1);
  return descriptor | DESC_ACCESSED;
}

/** Loads a segment register from a descriptor whose checks are done. */
export function setFromDescriptor(seg: i32, selector: i32, descriptor: u64): void {
  setSegment(seg, selector, descBase(descriptor), descLimit(descriptor), descAttr(descriptor));
}

/** Makes a segment register hold a null selector. */
export function setNull(seg: i32, selector: i32): void {
  setSegment(seg, selector, 0, 0, ATTR_UNUSABLE | (<u32>(selector & 3) << 13));
}

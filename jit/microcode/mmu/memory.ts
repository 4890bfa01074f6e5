/** Hot path: memory accesses of system routines. They raise instead of recording. */
import { CR4, EFLAGS, TLB_ADDEND, TLB_BASE, TLB_ENTRIES, TLB_READ, TLB_WRITE } from "../../state/vcpu-layout";
import { checkFault } from "../fault";
import { ramLoad16, ramLoad32, ramLoad64, ramLoad8, ramStore16, ramStore32, ramStore64, ramStore8 } from "../host";
import { exchangePhysical, readPhysical, writePhysical } from "./physical";
import { readCrossing, slowRead, slowWrite, translateCrossing, writeCrossing } from "./slow-path";
import { CR4_SMAP, FLAG_AC } from "../state";
import { entryOf } from "./tlb";
import { READ, SET_SUPERVISOR, SET_USER, STACK_ACCESS, translateIn, WRITE } from "./translate";

/** The TLB set for accesses of a privilege level other than the current one. */
export function setOfLevel(level: i32): i32 {
  if (level == 3) return SET_USER;
  return load<i32>(EFLAGS) & FLAG_AC && load<u64>(CR4) & CR4_SMAP ? 2 : SET_SUPERVISOR;
}

/** Reads through a given set. `flags` may have STACK_ACCESS. */
export function loadIn(linear: u64, size: i32, set: i32, flags: i32): u64 {
  if ((<i32>linear & 0xfff) + size <= 0x1000) {
    const pa = translateIn(linear, READ, set, flags);
    checkFault();
    return readPhysical(pa, size);
  }
  const first = translateCrossing(linear, size, READ, set, flags);
  checkFault();
  return readCrossing(linear, first, size);
}

/** Writes through a given set. `flags` may have STACK_ACCESS. */
export function storeIn(linear: u64, size: i32, value: u64, set: i32, flags: i32): void {
  if ((<i32>linear & 0xfff) + size <= 0x1000) {
    const pa = translateIn(linear, WRITE, set, flags);
    checkFault();
    writePhysical(pa, size, value);
    return;
  }
  const first = translateCrossing(linear, size, WRITE, set, flags);
  checkFault();
  writeCrossing(linear, first, size, value);
}

/** Reads a descriptor table or TSS: a supervisor access at any privilege level. */
export function loadSystem(linear: u64, size: i32): u64 { return loadIn(linear, size, SET_SUPERVISOR, 0); }

/** Reads 8 bytes of a descriptor table or TSS. */
export function loadSystem64(linear: u64): u64 {
  const entry = entryOf(linear, SET_SUPERVISOR);
  const page = linear & ~(<u64>0xfff);
  if (load<u64>(entry + TLB_READ) == page && (<i32>linear & 0xfff) <= 0xff8) {
    return ramLoad64(<i32>linear + load<i32>(entry + TLB_ADDEND));
  }
  return loadIn(linear, 8, SET_SUPERVISOR, 0);
}

/** Writes a descriptor table or TSS. */
export function storeSystem(linear: u64, size: i32, value: u64): void { storeIn(linear, size, value, SET_SUPERVISOR, 0); }

/** Raises unless `length` bytes (at most a page) may be written through a set. */
export function probeIn(linear: u64, length: i32, set: i32, flags: i32): void {
  if ((<i32>linear & 0xfff) + length <= 0x1000) translateIn(linear, WRITE, set, flags);
  else translateCrossing(linear, length, WRITE, set, flags);
  checkFault();
}

/** Atomically sets and clears bits of a byte of a descriptor table. */
export function changeSystem(linear: u64, clear: u64, set: u64): void {
  const pa = translateIn(linear, WRITE, SET_SUPERVISOR, 0);
  checkFault();
  let there = readPhysical(pa, 1);
  while (!exchangePhysical(pa, 1, there, (there & ~clear) | set)) there = readPhysical(pa, 1);
}

/** Entry of the set in force if it allows the access at once, else 0. */
// @ts-ignore: decorator
@inline function hit(linear: u64, size: i32, tag: i32): i32 {
  const entry = load<i32>(TLB_BASE) + ((<i32>(linear >> 12) & (TLB_ENTRIES - 1)) << 5);
  const matches = load<u64>(entry + tag) == (linear & ~(<u64>0xfff)) && (<i32>linear & 0xfff) + size <= 0x1000;
  return matches ? entry : 0;
}

/** Reads an operand of the current code. `sizeFlags` may have STACK_ACCESS. */
export function loadData(linear: u64, sizeFlags: i32): u64 {
  const size = sizeFlags & 0xff;
  const entry = hit(linear, size, TLB_READ);
  if (entry) {
    const address = <i32>linear + load<i32>(entry + TLB_ADDEND);
    if (size == 8) return ramLoad64(address);
    if (size == 4) return <u64><u32>ramLoad32(address);
    if (size == 2) return <u64>(ramLoad16(address) & 0xffff);
    return <u64>(ramLoad8(address) & 0xff);
  }
  const value = slowRead(linear, sizeFlags);
  checkFault();
  return value;
}

/** Writes an operand of the current code. `sizeFlags` may have STACK_ACCESS. */
export function storeData(linear: u64, sizeFlags: i32, value: u64): void {
  const size = sizeFlags & 0xff;
  const entry = hit(linear, size, TLB_WRITE);
  if (!entry) {
    slowWrite(linear, sizeFlags, value);
    checkFault();
    return;
  }
  const address = <i32>linear + load<i32>(entry + TLB_ADDEND);
  if (size == 8) ramStore64(address, value);
  else if (size == 4) ramStore32(address, <i32>value);
  else if (size == 2) ramStore16(address, <i32>value);
  else ramStore8(address, <i32>value);
}

/** Writes a stack slot of 4 or 8 bytes through a set, after it was probed. */
export function storeSlot(linear: u64, size: i32, value: u64, set: i32): void {
  const entry = entryOf(linear, set);
  if (load<u64>(entry + TLB_WRITE) == (linear & ~(<u64>0xfff)) && (<i32>linear & 0xfff) <= 0xff8) {
    const address = <i32>linear + load<i32>(entry + TLB_ADDEND);
    if (size == 8) {
      ramStore64(address, value);
      return;
    }
    if (size == 4) {
      ramStore32(address, <i32>value);
      return;
    }
  }
  storeIn(linear, size, value, set, STACK_ACCESS);
}

/** Reads a stack slot of 2, 4 or 8 bytes through a set. */
export function loadSlot(linear: u64, size: i32, set: i32): u64 {
  const entry = entryOf(linear, set);
  if (load<u64>(entry + TLB_READ) == (linear & ~(<u64>0xfff)) && (<i32>linear & 0xfff) <= 0xff8) {
    const address = <i32>linear + load<i32>(entry + TLB_ADDEND);
    if (size == 8) return ramLoad64(address);
    if (size == 4) return <u64><u32>ramLoad32(address);
  }
  return loadIn(linear, size, set, STACK_ACCESS);
}

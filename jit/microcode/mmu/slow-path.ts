/**
 * Hot path: what generated code calls when its TLB test fails: misses, devices, code pages, accesses across pages,
 * alignment checks and data breakpoints. Faults are recorded, never raised.
 */
import { DATA_SET, MEM_SCRATCH, TLB, TLB_BASE, TLB_SET_SIZE } from "../../state/vcpu-layout";
import { checkWatched } from "./watch";
import { splitLock } from "../host";
import { codeMap, exchangePhysical, isRam, isRom, readPhysical, writePhysical } from "./physical";
import { isCode64 } from "../state";
import { READ, translateIn, WRITE } from "./translate";

/** The set that is never filled: every access is looked at here. */
const WATCHED: u32 = TLB + 3 * TLB_SET_SIZE;

/** Physical address of the second page of an access that crosses, after `crossing`. */
let secondPa: u64 = 0;

// @ts-ignore: decorator
@inline function isWatched(): bool { return load<u32>(TLB_BASE) == WATCHED; }

// @ts-ignore: decorator
@inline function fits(linear: u64, size: i32): bool { return (<i32>linear & 0xfff) + size <= 0x1000; }

/** Translates both pages of an access that crosses; returns the first physical address, or -1. */
export function translateCrossing(linear: u64, size: i32, access: i32, set: i32, flags: i32): i64 {
  const first = translateIn(linear, access, set, flags);
  if (first < 0) return -1;
  let next = (linear & ~(<u64>0xfff)) + 0x1000;
  if (!isCode64() && next >> 32 == 1) next &= 0xffffffff;
  const second = translateIn(next, access, set, flags);
  if (second < 0) return -1;
  secondPa = second;
  return first;
}

/** Reads an access that crosses, after `translateCrossing`. */
export function readCrossing(linear: u64, first: u64, size: i32): u64 {
  const inFirst = 0x1000 - (<i32>linear & 0xfff);
  let value: u64 = 0;
  for (let i = 0; i < size; i++) {
    const pa = i < inFirst ? first + <u64>i : secondPa + <u64>(i - inFirst);
    value |= readPhysical(pa, 1) << (i << 3);
  }
  return value;
}

/** Writes an access that crosses, after `translateCrossing`. */
export function writeCrossing(linear: u64, first: u64, size: i32, value: u64): void {
  const inFirst = 0x1000 - (<i32>linear & 0xfff);
  const second = secondPa;
  for (let i = 0; i < size; i++) {
    const pa = i < inFirst ? first + <u64>i : second + <u64>(i - inFirst);
    writePhysical(pa, 1, (value >> (i << 3)) & 0xff);
  }
}

function readAs(linear: u64, sizeFlags: i32, access: i32): u64 {
  const size = sizeFlags & 0xff;
  if (isWatched() && !checkWatched(linear, size, access)) return 0;
  const set = load<i32>(DATA_SET);
  if (fits(linear, size)) {
    const pa = translateIn(linear, access, set, sizeFlags);
    return pa < 0 ? 0 : readPhysical(pa, size);
  }
  const first = translateCrossing(linear, size, access, set, sizeFlags);
  return first < 0 ? 0 : readCrossing(linear, first, size);
}

/** Loads `size` bytes, zero-extended; 0 when a fault is recorded. */
export function slowRead(linear: i64, size: i32): i64 { return readAs(linear, size, READ); }

/** Loads as the first half of a read-modify-write: with the checks of a store. */
export function slowReadForWrite(linear: i64, size: i32): i64 { return readAs(linear, size, WRITE); }

/** Stores the low `size` bytes of `value`. */
export function slowWrite(linear: i64, sizeFlags: i32, value: i64): void {
  const size = sizeFlags & 0xff;
  if (isWatched() && !checkWatched(linear, size, WRITE)) return;
  const set = load<i32>(DATA_SET);
  if (fits(linear, size)) {
    const pa = translateIn(linear, WRITE, set, sizeFlags);
    if (pa >= 0) writePhysical(pa, size, value);
    return;
  }
  const first = translateCrossing(linear, size, WRITE, set, sizeFlags);
  if (first >= 0) writeCrossing(linear, first, size, value);
}

/**
 * Atomically stores the low `size` bytes of `value` where `expected` was read; both are zero-extended. 0: somebody has
 * changed what was there, or a fault is recorded. An access that crosses pages is atomic towards its like only.
 */
export function slowExchange(linear: i64, sizeFlags: i32, expected: i64, value: i64): i32 {
  const size = sizeFlags & 0xff;
  if (isWatched() && !checkWatched(linear, size, WRITE)) return 0;
  const set = load<i32>(DATA_SET);
  if (fits(linear, size)) {
    const pa = translateIn(linear, WRITE, set, sizeFlags);
    return pa >= 0 && exchangePhysical(pa, size, expected, value) ? 1 : 0;
  }
  const first = translateCrossing(linear, size, WRITE, set, sizeFlags);
  if (first < 0) return 0;
  splitLock(1);
  const equal = <i64>readCrossing(linear, first, size) == expected;
  if (equal) writeCrossing(linear, first, size, value);
  splitLock(0);
  return equal ? 1 : 0;
}

/** Physical address of a store that lies in one page, with all its checks; -1: a fault is recorded. */
export function translateStore(linear: u64, size: i32): i64 {
  if (isWatched() && !checkWatched(linear, size, WRITE)) return -1;
  return translateIn(linear, WRITE, load<i32>(DATA_SET), size);
}

/** Loads 16 bytes into MEM_SCRATCH. */
export function slowRead128(linear: i64, flags: i32): void {
  if (isWatched() && !checkWatched(linear, 16, READ)) return;
  const set = load<i32>(DATA_SET);
  if (fits(linear, 16)) {
    const pa = translateIn(linear, READ, set, flags);
    if (pa < 0) return;
    store<u64>(MEM_SCRATCH, readPhysical(pa, 8));
    store<u64>(MEM_SCRATCH + 8, readPhysical(pa + 8, 8));
    return;
  }
  const first = translateCrossing(linear, 16, READ, set, flags);
  if (first < 0) return;
  const inFirst = 0x1000 - (<i32>linear & 0xfff);
  for (let i = 0; i < 16; i++) {
    const pa = i < inFirst ? first + i : <i64>secondPa + (i - inFirst);
    store<u8>(MEM_SCRATCH + i, <u8>readPhysical(pa, 1));
  }
}

/** Stores 16 bytes from MEM_SCRATCH. */
export function slowWrite128(linear: i64, flags: i32): void {
  if (isWatched() && !checkWatched(linear, 16, WRITE)) return;
  const set = load<i32>(DATA_SET);
  if (fits(linear, 16)) {
    const pa = translateIn(linear, WRITE, set, flags);
    if (pa < 0) return;
    writePhysical(pa, 8, load<u64>(MEM_SCRATCH));
    writePhysical(pa + 8, 8, load<u64>(MEM_SCRATCH + 8));
    return;
  }
  const first = translateCrossing(linear, 16, WRITE, set, flags);
  if (first < 0) return;
  const inFirst = 0x1000 - (<i32>linear & 0xfff);
  const second = <i64>secondPa;
  for (let i = 0; i < 16; i++) {
    writePhysical(i < inFirst ? first + i : second + (i - inFirst), 1, load<u8>(MEM_SCRATCH + i));
  }
}

/**
 * Makes the checks of a load and fills the TLB. Returns the RAM address when a plain load inside one page would do all
 * there is to do, else -1, with a fault recorded or not.
 */
export function slowProbeRead(linear: i64, sizeFlags: i32): i64 {
  if (isWatched() || !fits(linear, sizeFlags & 0xff)) return -1;
  const pa = translateIn(linear, READ, load<i32>(DATA_SET), sizeFlags);
  return pa < 0 || !isRam(pa) ? -1 : pa;
}

/**
 * Makes the checks of a store and fills the TLB. Returns the RAM address when a plain store inside one page would do
 * all there is to do (so an atomic operation on RAM may be used), else -1.
 */
export function slowProbeWrite(linear: i64, sizeFlags: i32): i32 {
  const size = sizeFlags & 0xff;
  if (isWatched() && !checkWatched(linear, size, WRITE)) return -1;
  const set = load<i32>(DATA_SET);
  if (!fits(linear, size)) {
    translateCrossing(linear, size, WRITE, set, sizeFlags);
    return -1;
  }
  const pa = translateIn(linear, WRITE, set, sizeFlags);
  if (pa < 0 || !isRam(pa) || isRom(pa) || codeMap(pa)) return -1;
  return <i32>pa;
}

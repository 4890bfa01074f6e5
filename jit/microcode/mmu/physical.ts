/** Hot path: physical memory as the CPU sees it: RAM, ROM, devices, and bytes that hold decoded code. */
import { CODE_MAP } from "../../state/board-layout";
import { RAM_SIZE, ROM_PROTECT, STAT_MMIO } from "../../state/vcpu-layout";
import {
  boardLoad64, codeWritten, mmioRead, mmioWrite, ramCmpxchg64, ramFence, ramLoad16, ramLoad32, ramLoad64, ramLoad8, ramStore16, ramStore32, ramStore64, ramStore8, splitLock,
} from "../host";

/** True when a physical address is RAM: below RAM_SIZE and not in the hole of the VGA adapter. */
// @ts-ignore: decorator
@inline export function isRam(pa: u64): bool {
  return pa < <u64>load<u32>(RAM_SIZE) && pa - 0xa0000 >= 0x20000;
}

/** True when stores to this RAM address are ignored. */
// @ts-ignore: decorator
@inline export function isRom(pa: u64): bool {
  return pa - 0xc0000 < 0x40000 && load<u32>(ROM_PROTECT) != 0;
}

/** The code bits of a physical page below 4 GiB. */
// @ts-ignore: decorator
@inline export function codeMap(pa: u64): u64 {
  return boardLoad64(CODE_MAP + (<u32>(pa >> 12) << 3));
}

function readDevice(pa: u64, size: i32): u64 {
  store<u64>(STAT_MMIO, load<u64>(STAT_MMIO) + 1);
  if (pa >> 32) return size == 8 ? ~(<u64>0) : ((<u64>1) << (size << 3)) - 1;
  if (size == 8) return <u64><u32>mmioRead(<i32>pa, 4) | (<u64><u32>mmioRead(<i32>pa + 4, 4) << 32);
  const value = <u64><u32>mmioRead(<i32>pa, size);
  return value & (((<u64>1) << (size << 3)) - 1);
}

function writeDevice(pa: u64, size: i32, value: u64): void {
  store<u64>(STAT_MMIO, load<u64>(STAT_MMIO) + 1);
  if (pa >> 32) return;
  if (size < 8) {
    mmioWrite(<i32>pa, size, <i32>value);
    return;
  }
  mmioWrite(<i32>pa, 4, <i32>value);
  mmioWrite(<i32>pa + 4, 4, <i32>(value >> 32));
}

/** Reads 1, 2, 4 or 8 bytes that lie in one page; zero-extended. */
export function readPhysical(pa: u64, size: i32): u64 {
  if (!isRam(pa)) return readDevice(pa, size);
  const address = <i32>pa;
  if (size == 8) return ramLoad64(address);
  if (size == 4) return <u64><u32>ramLoad32(address);
  if (size == 2) return <u64>(ramLoad16(address) & 0xffff);
  return <u64>(ramLoad8(address) & 0xff);
}

/** Tells the host when `length` bytes inside one page hold code that has just been overwritten. */
export function noteStore(pa: u64, length: i32): void {
  if (!codeMap(pa)) return;
  // a core that decodes marks the bytes and then reads them: the mark is to be seen, or what was stored
  ramFence();
  const map = codeMap(pa);
  const first = (pa >> 6) & 63;
  const last = (pa + <u64>length - 1) >> 6 & 63;
  const mask = (~(<u64>0) << first) & (~(<u64>0) >> (63 - last));
  if (map & mask) codeWritten(<i32>pa, length);
}

/** Writes 1, 2, 4 or 8 bytes that lie in one page. */
export function writePhysical(pa: u64, size: i32, value: u64): void {
  if (!isRam(pa)) {
    writeDevice(pa, size, value);
    return;
  }
  if (isRom(pa)) return;
  const address = <i32>pa;
  if (size == 8) ramStore64(address, value);
  else if (size == 4) ramStore32(address, <i32>value);
  else if (size == 2) ramStore16(address, <i32>value);
  else ramStore8(address, <i32>value);
  noteStore(pa, size);
}

/** Replaces bytes of RAM that no aligned 8 bytes hold; only others that do the same are kept out meanwhile. */
function exchangeSplit(pa: u64, size: i32, expected: u64, value: u64): bool {
  splitLock(1);
  const equal = readPhysical(pa, size) == expected;
  if (equal) writePhysical(pa, size, value);
  splitLock(0);
  return equal;
}

/**
 * Atomically writes bytes that lie in one page if they still are as `expected` (both zero-extended), as far as the place
 * knows old values: to a device it writes in any case. False: they have changed.
 */
export function exchangePhysical(pa: u64, size: i32, expected: u64, value: u64): bool {
  if (!isRam(pa)) {
    writeDevice(pa, size, value);
    return true;
  }
  if (isRom(pa)) return true;
  const offset = <i32>pa & 7;
  if (offset + size > 8) return exchangeSplit(pa, size, expected, value);
  const word = <i32>pa & ~7;
  const shift = <u64>(offset << 3);
  const mask: u64 = size == 8 ? ~(<u64>0) : (((<u64>1) << (size << 3)) - 1) << shift;
  let there: u64 = ramLoad64(word);
  while ((there & mask) >> shift == expected) {
    const found: u64 = ramCmpxchg64(word, there, (there & ~mask) | (value << shift));
    if (found == there) {
      noteStore(pa, size);
      return true;
    }
    there = found;
  }
  return false;
}

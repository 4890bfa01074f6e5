/**
 * Hot path: entries of the TLB sets: filling, flushing, finding. Bitmaps remember which entries were filled, so that a
 * flush costs only what was filled; a hint per physical page remembers where write tags were given.
 */
import {
  CTX, FETCH_ANY, FETCH_MAP, FETCH_MAP_SIZE, HUGE_REGION, JUMP_CACHE, JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SIZE, LARGE_MAP, LARGE_MAP_SIZE,
  STAT_TLB_FLUSH, TLB, TLB_ADDEND, TLB_EMPTY, TLB_ENTRIES, TLB_ENTRY_SIZE, TLB_EXECUTE, TLB_FLAGS, TLB_GLOBAL_ANY,
  TLB_GLOBAL_MAP, TLB_LOCAL_ANY, TLB_LOCAL_MAP, TLB_MAP_SIZE, TLB_READ, TLB_SETS, TLB_SET_SIZE, TLB_WRITE, WRITE_HINT,
  WRITE_HINT_SIZE,
} from "../../state/vcpu-layout";
import { codeMap, isRam, isRom } from "./physical";

/** What a page may be used for. */
export const MAY_READ: i32 = 1;
export const MAY_WRITE: i32 = 2;
export const MAY_EXECUTE: i32 = 4;
/** The page is global. */
export const IS_GLOBAL: i32 = 8;

/** Sets that are ever filled. */
const FILLED_SETS: i32 = TLB_SETS - 1;
const SEVERAL: u32 = 0xffff;

/** Address of the entry that serves a linear address in a set. */
// @ts-ignore: decorator
@inline export function entryOf(linear: u64, set: i32): i32 {
  return TLB + set * TLB_SET_SIZE + ((<i32>(linear >> 12) & (TLB_ENTRIES - 1)) << 5);
}

/** RAM address of a hit. */
// @ts-ignore: decorator
@inline export function ramAddress(entry: i32, linear: u64): i32 {
  return <i32>linear + load<i32>(entry + TLB_ADDEND);
}

function mark(map: i32, any: i32, set: i32, index: i32): void {
  const word = index >> 6;
  const address = map + set * TLB_MAP_SIZE + (word << 3);
  store<u64>(address, load<u64>(address) | ((<u64>1) << (index & 63)));
  const summary = any + (set << 3);
  store<u64>(summary, load<u64>(summary) | ((<u64>1) << word));
}

function rememberWriteTag(pa: u64, index: i32): void {
  const address = WRITE_HINT + ((<i32>(pa >> 12) & (TLB_ENTRIES - 1)) << 1);
  const hint = <u32>load<u16>(address);
  if (hint == 0) store<u16>(address, <u16>(index + 1));
  else if (hint != <u32>(index + 1)) store<u16>(address, SEVERAL);
}

/** Remembers that code was fetched from a linear page: the jump cache may know its addresses. */
export function rememberFetch(linear: u64): void {
  const index = <i32>(linear >> 12) & (TLB_ENTRIES - 1);
  const address = FETCH_MAP + ((index >> 6) << 3);
  store<u64>(address, load<u64>(address) | ((<u64>1) << (index & 63)));
  store<u32>(FETCH_ANY, 1);
}

/**
 * Enters a translation into a set: `rights` are MAY_ bits and IS_GLOBAL. MAY_WRITE must be given only for a page that is
 * already dirty, MAY_EXECUTE only when code is about to be fetched. Devices are never entered.
 */
export function fillEntry(linear: u64, pa: u64, rights: i32, set: i32): void {
  const page = linear & ~(<u64>0xfff);
  const frame = pa & ~(<u64>0xfff);
  if (!isRam(frame)) return;
  const index = <i32>(linear >> 12) & (TLB_ENTRIES - 1);
  const entry = entryOf(linear, set);
  const addend = <i32>frame - <i32>page;
  const writable = (rights & MAY_WRITE) != 0 && !isRom(frame) && codeMap(frame) == 0;
  if (rights & MAY_EXECUTE) {
    store<u64>(entry + TLB_EXECUTE, page);
  } else if (load<u64>(entry + TLB_EXECUTE) != page || load<i32>(entry + TLB_ADDEND) != addend) {
    store<u64>(entry + TLB_EXECUTE, TLB_EMPTY);
  }
  store<u64>(entry + TLB_READ, rights & MAY_READ ? page : TLB_EMPTY);
  store<u64>(entry + TLB_WRITE, writable ? page : TLB_EMPTY);
  store<i32>(entry + TLB_ADDEND, addend);
  if (writable) rememberWriteTag(frame, index);
  if (rights & IS_GLOBAL) {
    store<u32>(entry + TLB_FLAGS, 1);
    mark(TLB_GLOBAL_MAP, TLB_GLOBAL_ANY, set, index);
  } else {
    store<u32>(entry + TLB_FLAGS, 0);
    mark(TLB_LOCAL_MAP, TLB_LOCAL_ANY, set, index);
  }
}

// @ts-ignore: decorator
@inline function emptyEntry(entry: i32): void {
  store<u64>(entry + TLB_READ, TLB_EMPTY);
  store<u64>(entry + TLB_WRITE, TLB_EMPTY);
  store<u64>(entry + TLB_EXECUTE, TLB_EMPTY);
}

/** Empties the filled entries of one set; `keepFlag` = 1 leaves entries that have become global since. */
function flushMap(map: i32, any: i32, set: i32, keepFlag: u32): void {
  const base = TLB + set * TLB_SET_SIZE;
  let words = load<u64>(any + (set << 3));
  store<u64>(any + (set << 3), 0);
  while (words) {
    const word = <i32>ctz<u64>(words);
    words &= words - 1;
    const address = map + set * TLB_MAP_SIZE + (word << 3);
    let bits = load<u64>(address);
    store<u64>(address, 0);
    while (bits) {
      const entry = base + (((word << 6) + <i32>ctz<u64>(bits)) << 5);
      bits &= bits - 1;
      if (!(load<u32>(entry + TLB_FLAGS) & keepFlag)) emptyEntry(entry);
    }
  }
}

/** Makes every entry of the jump cache stale by raising the generation in CTX. */
export function ageJumpCache(): void {
  let generation = (load<u32>(CTX) >> 16) + 1;
  if (generation > 0xffff) {
    memory.fill(JUMP_CACHE, 0, JUMP_CACHE_ENTRIES * JUMP_CACHE_ENTRY_SIZE);
    generation = 1;
  }
  store<u16>(CTX + 2, <u16>generation);
  if (load<u32>(FETCH_ANY)) {
    store<u32>(FETCH_ANY, 0);
    memory.fill(FETCH_MAP, 0, FETCH_MAP_SIZE);
  }
}

/** Forgets where write tags and large pages are, when no entry is left. */
function forgetAll(): void {
  memory.fill(WRITE_HINT, 0, WRITE_HINT_SIZE);
  memory.fill(LARGE_MAP, 0, LARGE_MAP_SIZE);
  store<u64>(HUGE_REGION, 0);
}

/** Drops all entries, or all that are not global, and ages the jump cache. */
export function flushTlb(includeGlobal: i32): void {
  store<u64>(STAT_TLB_FLUSH, load<u64>(STAT_TLB_FLUSH) + 1);
  for (let set = 0; set < FILLED_SETS; set++) {
    flushMap(TLB_LOCAL_MAP, TLB_LOCAL_ANY, set, includeGlobal ? 0 : 1);
    if (includeGlobal) flushMap(TLB_GLOBAL_MAP, TLB_GLOBAL_ANY, set, 0);
  }
  if (includeGlobal) forgetAll();
  ageJumpCache();
}

/** Empties the entries of one linear page in all sets. */
export function emptyPage(linear: u64): void {
  for (let set = 0; set < FILLED_SETS; set++) emptyEntry(entryOf(linear, set));
}

/** True when code was fetched from a linear page (or one that shares its bit) since the jump cache was aged. */
export function wasFetched(linear: u64): bool {
  const index = <i32>(linear >> 12) & (TLB_ENTRIES - 1);
  return (load<u64>(FETCH_MAP + ((index >> 6) << 3)) >> (index & 63) & 1) != 0;
}

/** Empties the entries of all pages of an aligned region of 2^`shift` bytes. */
export function dropRegion(linear: u64, shift: i32): void {
  const region = linear >> shift;
  const pages = 1 << (shift - 12);
  for (let set = 0; set < FILLED_SETS; set++) {
    let entry = entryOf(region << shift, set);
    for (let i = 0; i < pages; i++) {
      const isRead = load<u64>(entry + TLB_READ) >> shift == region;
      if (isRead || load<u64>(entry + TLB_EXECUTE) >> shift == region) emptyEntry(entry);
      entry += TLB_ENTRY_SIZE;
    }
  }
}

/** Empties every entry of every set, whatever the bitmaps say: for a fresh machine state. */
export function resetTlb(): void {
  for (let entry = TLB; entry < TLB + TLB_SETS * TLB_SET_SIZE; entry += TLB_ENTRY_SIZE) emptyEntry(entry);
  memory.fill(TLB_LOCAL_MAP, 0, (TLB_SETS - 1) * TLB_MAP_SIZE);
  memory.fill(TLB_GLOBAL_MAP, 0, (TLB_SETS - 1) * TLB_MAP_SIZE);
  memory.fill(TLB_LOCAL_ANY, 0, 24);
  memory.fill(TLB_GLOBAL_ANY, 0, 24);
  forgetAll();
  store<u32>(FETCH_ANY, 1);
  ageJumpCache();
}

/** Drops the write tag of entry `index` in all sets if it maps `frame`. */
function dropWriteTags(index: i32, frame: u64): void {
  for (let set = 0; set < FILLED_SETS; set++) {
    const entry = TLB + set * TLB_SET_SIZE + (index << 5);
    const tag = load<u64>(entry + TLB_WRITE);
    if (tag != TLB_EMPTY && <u32>tag + load<u32>(entry + TLB_ADDEND) == <u32>frame) store<u64>(entry + TLB_WRITE, TLB_EMPTY);
  }
}

/** Looks through one filled map for write tags of `frame`; returns the new hint of its neighbours, given the old. */
function scanMap(map: i32, any: i32, set: i32, frame: u32, found: u32): u32 {
  const base = TLB + set * TLB_SET_SIZE;
  let words = load<u64>(any + (set << 3));
  let hint = found;
  while (words) {
    const word = <i32>ctz<u64>(words);
    words &= words - 1;
    let bits = load<u64>(map + set * TLB_MAP_SIZE + (word << 3));
    while (bits) {
      const index = (word << 6) + <i32>ctz<u64>(bits);
      bits &= bits - 1;
      const entry = base + (index << 5);
      const tag = load<u64>(entry + TLB_WRITE);
      const there = <u32>tag + load<u32>(entry + TLB_ADDEND);
      if (tag == TLB_EMPTY || ((there ^ frame) & 0xfff000)) continue;
      if (there == frame) store<u64>(entry + TLB_WRITE, TLB_EMPTY);
      else hint = hint == 0 || hint == <u32>(index + 1) ? <u32>(index + 1) : SEVERAL;
    }
  }
  return hint;
}

/** Drops the write tags of the physical page at `pa` in all sets: call it when its word in the board's CODE_MAP becomes non-zero. */
export function codePageProtect(pa: i32): void {
  const frame = <u32>pa & 0xfffff000;
  const address = WRITE_HINT + (((frame >> 12) & (TLB_ENTRIES - 1)) << 1);
  const hint = <u32>load<u16>(address);
  if (hint == 0) return;
  if (hint != SEVERAL) {
    dropWriteTags(<i32>hint - 1, frame);
    return;
  }
  let left: u32 = 0;
  for (let set = 0; set < FILLED_SETS; set++) {
    left = scanMap(TLB_LOCAL_MAP, TLB_LOCAL_ANY, set, frame, left);
    left = scanMap(TLB_GLOBAL_MAP, TLB_GLOBAL_ANY, set, frame, left);
  }
  store<u16>(address, <u16>left);
}

/** Hot path: from linear to physical addresses: rights, page faults, TLB fills. SDM vol 3, 4.6 and 4.7. */
import {
  BLOCK_TABLE, BLOCK_TABLE_ENTRIES, BLOCK_TABLE_ENTRY_SIZE, CR0, CR4, CTX, DATA_SET, EDGE_SIZE, EFER, FAULT, JC_CTX, JC_PAGE,
  JC_REC, JC_RIP, JUMP_CACHE, JUMP_CACHE_ENTRIES, JUMP_CACHE_ENTRY_SIZE, MODE_CODE_MASK, MODE_FLAT, RIP, SEG_BASE, SEG_CS, SEG_LIMIT, STAT_TLB_MISS,
} from "../../state/vcpu-layout";
import { recordFault, recordPageFault, VECTOR_GP, VECTOR_SS } from "../fault";
import { a20, CR0_PG, CR0_WP, CR4_PAE, CR4_PGE, CR4_SMAP, CR4_SMEP, EFER_NXE, isCanonical, isCode64 } from "../state";
import { noteLargePage } from "./large-page";
import { machineFrame } from "./physmap";
import { entryOf, fillEntry, IS_GLOBAL, MAY_EXECUTE, MAY_READ, MAY_WRITE, ramAddress, rememberFetch } from "./tlb";
import {
  markAccessed, PTE_A, PTE_D, PTE_G, PTE_NX, PTE_RW, PTE_US, walk, WALK_OK, walkAnd, walkFrame, walkLeaf,
  walkPageSize,
} from "./walk";

/** Kinds of access. */
export const READ: i32 = 0;
export const WRITE: i32 = 1;
export const EXECUTE: i32 = 2;

/** Flag beside a size: the access goes through the stack segment, a non-canonical address is #SS. */
export const STACK_ACCESS: i32 = 0x100;

/** TLB sets by privilege. */
export const SET_SUPERVISOR: i32 = 0;
export const SET_USER: i32 = 1;

/** MAY_ bits of the page that the last walk found, for accesses of a set. */
function rightsOfWalk(set: i32): i32 {
  const user = (walkAnd & PTE_US) != 0;
  const writable = (walkAnd & PTE_RW) != 0;
  const executable = (walkLeaf & PTE_NX) == 0;
  if (set == SET_USER) {
    if (!user) return 0;
    return MAY_READ | (writable ? MAY_WRITE : 0) | (executable ? MAY_EXECUTE : 0);
  }
  const cr4 = load<u64>(CR4);
  let rights = executable && !(user && cr4 & CR4_SMEP) ? MAY_EXECUTE : 0;
  if (user && cr4 & CR4_SMAP && set == SET_SUPERVISOR) return rights;
  if (writable || !(load<u64>(CR0) & CR0_WP)) rights |= MAY_WRITE;
  return rights | MAY_READ;
}

/** Access bits of a page-fault error code. */
function accessError(access: i32, set: i32): i32 {
  let error = set == SET_USER ? 4 : 0;
  if (access == WRITE) error |= 2;
  if (access == EXECUTE) {
    const cr4 = load<u64>(CR4);
    if (cr4 & CR4_SMEP || (cr4 & CR4_PAE && load<u64>(EFER) & EFER_NXE)) error |= 0x10;
  }
  return error;
}

/** Walks, checks, sets accessed and dirty bits and fills the set. -1: a fault is recorded. */
export function fill(linear: u64, access: i32, set: i32): i64 {
  store<u64>(STAT_TLB_MISS, load<u64>(STAT_TLB_MISS) + 1);
  const offset = linear & 0xfff;
  if (!(load<u64>(CR0) & CR0_PG)) {
    const flat = machineFrame(linear & 0xfffff000 & a20()) | offset;
    fillEntry(linear, flat, access == EXECUTE ? MAY_READ | MAY_WRITE | MAY_EXECUTE : MAY_READ | MAY_WRITE, set);
    return flat;
  }
  while (true) {
    const result = walk(linear);
    if (result != WALK_OK) {
      recordPageFault(linear, result | accessError(access, set));
      return -1;
    }
    let rights = rightsOfWalk(set);
    if (!(rights & (1 << access))) {
      recordPageFault(linear, 1 | accessError(access, set));
      return -1;
    }
    const write = access == WRITE;
    const dirty = (walkLeaf & PTE_D) != 0;
    if ((!(walkAnd & PTE_A) || (write && !dirty)) && !markAccessed(write)) continue;
    if (!write && !dirty) rights &= ~MAY_WRITE;
    if (access != EXECUTE) rights &= ~MAY_EXECUTE;
    if (walkLeaf & PTE_G && load<u64>(CR4) & CR4_PGE) rights |= IS_GLOBAL;
    const frame = machineFrame(walkFrame & a20());
    fillEntry(linear, frame, rights, set);
    const size = walkPageSize();
    if (size) noteLargePage(linear, size);
    return frame | offset;
  }
}

/** Physical address for an access of a set, through the TLB; -1: a fault is recorded. `flags` may have STACK_ACCESS. */
export function translateIn(linear: u64, access: i32, set: i32, flags: i32): i64 {
  const entry = entryOf(linear, set);
  const page = linear & ~(<u64>0xfff);
  const tag = load<u64>(entry + (access << 3));
  if (tag == page) return <i64><u32>ramAddress(entry, linear);
  if (!isCanonical(linear)) {
    recordFault(flags & STACK_ACCESS ? VECTOR_SS : VECTOR_GP, 0);
    return -1;
  }
  return fill(linear, access, set);
}

/** Physical address at the current privilege, or -1 with a fault recorded; access: 0 read, 1 write, 2 execute. */
export function translate(linear: i64, access: i32): i64 {
  return translateIn(linear, access, load<i32>(DATA_SET), 0);
}

/** Translates for an instruction fetch and fills the execute tag of the set in force. */
export function fetchPage(linear: i64): i64 {
  const pa = translateIn(linear, EXECUTE, load<i32>(DATA_SET), 0);
  if (pa >= 0) rememberFetch(linear);
  return pa;
}

/** `fetchPage` for the current RIP, as 32 bits; meaningless when a fault was recorded. */
export function fetchCurrent(): i32 {
  const rip = load<i64>(RIP);
  return <i32>fetchPage(isCode64() ? rip : (load<i64>(SEG_CS + SEG_BASE) + rip) & 0xffffffff);
}

/** Enters the record for the current RIP into the jump cache; `page` as JC_PAGE. The hash is that of `dispatch`. */
export function fillJump(record: i32, page: i32): void {
  const rip = load<u64>(RIP);
  const entry = JUMP_CACHE + (<i32>(rip ^ (rip >> 11)) & (JUMP_CACHE_ENTRIES - 1)) * JUMP_CACHE_ENTRY_SIZE;
  store<u64>(entry + JC_RIP, rip);
  store<u32>(entry + JC_CTX, load<u32>(CTX));
  store<i32>(entry + JC_REC, record);
  store<i32>(entry + JC_PAGE, page);
}

// @ts-ignore: decorator
@inline function blockEntry(physical: i32): i32 {
  // the top bits of a product with the golden ratio
  return BLOCK_TABLE + (((physical * <i32>0x9e3779b1) >>> 16) & (BLOCK_TABLE_ENTRIES / 2 - 1)) * (2 * BLOCK_TABLE_ENTRY_SIZE);
}

/** Enters a decoded block into the block table. */
export function enterBlock(physical: i32, mode: i32, record: i32): void {
  const entry = blockEntry(physical);
  if (load<i32>(entry) != physical || load<i32>(entry + 4) != mode) {
    store<u64>(entry + BLOCK_TABLE_ENTRY_SIZE, load<u64>(entry));
    store<u64>(entry + BLOCK_TABLE_ENTRY_SIZE + 8, load<u64>(entry + 8));
  }
  store<i32>(entry, physical);
  store<i32>(entry + 4, mode);
  store<i32>(entry + 8, record);
}

/** True where blocks depend on the end of the code segment: there the host loop decodes them. */
function isNearEdge(): bool {
  const context = load<u32>(CTX);
  if (context & MODE_FLAT) return false;
  const limit = load<u32>(SEG_CS + SEG_LIMIT);
  const last = context & MODE_CODE_MASK || limit < 0xffff ? limit : 0xffff;
  const rip = load<u32>(RIP);
  return rip > last || last - rip < <u32>EDGE_SIZE;
}

/** Finds the record for the current RIP in the block table and enters it into the jump cache; 0: not there, or no such page. */
export function findBlock(): i32 {
  if (isNearEdge()) return 0;
  const physical = fetchCurrent();
  // A fault is found again by whoever looks the address up.
  if (load<i32>(FAULT)) {
    store<i32>(FAULT, 0);
    return 0;
  }
  const mode = load<u32>(CTX) & 0xff;
  let entry = blockEntry(physical);
  if (load<i32>(entry) != physical || load<u32>(entry + 4) != mode) {
    entry += BLOCK_TABLE_ENTRY_SIZE;
    if (load<i32>(entry) != physical || load<u32>(entry + 4) != mode) return 0;
  }
  const record = load<i32>(entry + 8);
  if (record) fillJump(record, (physical & ~0xfff) | 1);
  return record;
}

/**
 * Makes a jump cache entry for `rip` valid again that only a flush has aged: its mode is the current one and the page is
 * still the one at JC_PAGE. 1 when it is usable now. Only flat code: elsewhere the base decides where in the page `rip` is.
 */
export function reviveJump(entry: i32, rip: i64): i32 {
  const context = load<u32>(CTX);
  if (load<i64>(entry + JC_RIP) != rip || (load<u32>(entry + JC_CTX) ^ context) & 0xffff || !(context & MODE_FLAT)) return 0;
  const page = load<u32>(entry + JC_PAGE);
  if (!(page & 1)) return 0;
  const linear = isCode64() ? rip : (load<i64>(SEG_CS + SEG_BASE) + rip) & 0xffffffff;
  const pa = fetchPage(linear);
  // A fault is found again by whoever looks the address up.
  if (pa < 0) store<i32>(FAULT, 0);
  if (pa < 0 || ((<u32>pa ^ page) & 0xfffff000)) return 0;
  store<u32>(entry + JC_CTX, context);
  return 1;
}

/** Physical address whatever the rights, without any trace in TLB or paging structures; -1 if there is none. */
export function translateNoFault(linear: i64): i64 {
  const offset = linear & 0xfff;
  if (!(load<u64>(CR0) & CR0_PG)) return machineFrame(linear & 0xfffff000 & <i64>a20()) | offset;
  if (!isCanonical(linear) || walk(linear) != WALK_OK) return -1;
  return machineFrame(walkFrame & a20()) | offset;
}

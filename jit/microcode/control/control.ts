/** Control registers. SDM vol 3, 2.5 and vol 2 MOV (control registers). */
import { CR0, CR2, CR3, CR4, CR8, EFER, PDPTE, RAM_SIZE } from "../../state/vcpu-layout";
import { updateContext } from "../context";
import { faultGp, faultUd } from "../fault";
import { cr8Changed, modeChanged, ramLoad64 } from "../host";
import { linearOf, readOperand } from "../segment/segment";
import {
  a20, ATTR_L, cpl, CR0_PE, CR0_PG, CR0_TS, CR0_WP, CR4_PAE, CR4_PCIDE, CR4_PGE, CR4_PSE, CR4_SMAP, CR4_SMEP, CS, EFER_LMA,
  EFER_LME, finish, gpr, hasCr4, isCanonical, isCode64, isLongMode, segAttr, segBase, setGpr,
} from "../state";
import { flushPage } from "../mmu/large-page";
import { flushTlb } from "../mmu/tlb";
import { PHYSICAL_ADDRESS_BITS } from "../mmu/walk";

const CR0_EXISTING: u64 = 0xe005003f;
const CR0_ET: u64 = 0x10;
const CR0_NW: u64 = 0x20000000;
const CR0_CD: u64 = 0x40000000;
/** VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE PCIDE OSXSAVE SMEP SMAP: the bits CPUID may announce. */
export const CR4_EXISTING: u64 = 0x370fff;
const CR4_FLUSHING: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE;
/** Bit 63 of MOV CR3's source with CR4.PCIDE: translations of the new PCID may stay. */
const CR3_KEEP: u64 = 0x8000000000000000;
const PCID_MASK: u64 = 0xfff;
const ABOVE_PHYSICAL: u64 = ~(((<u64>1) << PHYSICAL_ADDRESS_BITS) - 1);

function pdpte(cr3: u64, index: i32): u64 {
  const pa = ((cr3 & 0xffffffe0) + (<u64>index << 3)) & a20();
  return pa + 8 <= <u64>load<u32>(RAM_SIZE) ? ramLoad64(<i32>pa) : ~(<u64>0);
}

/** Loads the four PDPTEs of PAE paging; reserved bits raise #GP(0) with nothing changed. */
function loadPdptes(cr3: u64): void {
  for (let i = 0; i < 4; i++) {
    const entry = pdpte(cr3, i);
    if (entry & 1 && entry & (ABOVE_PHYSICAL | 0x1e6)) faultGp(0);
  }
  for (let i = 0; i < 4; i++) store<u64>(PDPTE + (i << 3), pdpte(cr3, i));
}

/** Turns long mode on or off together with paging; returns the new EFER. */
function switchLongMode(paging: bool): u64 {
  const efer = load<u64>(EFER);
  if (!paging) {
    if (efer & EFER_LMA && segAttr(CS) & ATTR_L) faultGp(0);
    return efer & ~EFER_LMA;
  }
  if (!(efer & EFER_LME)) return efer;
  if (!(load<u64>(CR4) & CR4_PAE) || segAttr(CS) & ATTR_L) faultGp(0);
  return efer | EFER_LMA;
}

/** Writes CR0 with all checks and consequences. */
export function writeCr0(value: u64): void {
  if (value >> 32) faultGp(0);
  if (value & CR0_PG && !(value & CR0_PE)) faultGp(0);
  if (value & CR0_NW && !(value & CR0_CD)) faultGp(0);
  const old = load<u64>(CR0);
  const cr0 = (value & CR0_EXISTING) | CR0_ET;
  const changed = old ^ cr0;
  if (changed & CR0_PG) {
    const paging = (cr0 & CR0_PG) != 0;
    if (!paging && hasCr4(CR4_PCIDE)) faultGp(0);
    const efer = switchLongMode(paging);
    if (paging && !(efer & EFER_LMA) && load<u64>(CR4) & CR4_PAE) loadPdptes(load<u64>(CR3));
    store<u64>(EFER, efer);
  }
  store<u64>(CR0, cr0);
  if (changed & (CR0_PG | CR0_WP | CR0_PE)) flushTlb(1);
  updateContext();
  if (changed & (CR0_PG | CR0_PE)) modeChanged();
}

/** The PCID in force; 0 without CR4.PCIDE. */
function currentPcid(): u64 { return hasCr4(CR4_PCIDE) ? load<u64>(CR3) & PCID_MASK : 0; }

/**
 * Writes CR3: a new address space. The TLB holds translations of the current PCID and global ones only: those of another
 * PCID go when it is left, which SDM vol 3, 4.10.4.1 leaves open, so that bit 63 counts only when the PCID stays the same.
 */
export function writeCr3(value: u64): void {
  const pcids = hasCr4(CR4_PCIDE);
  const cr3 = pcids ? value & ~CR3_KEEP : value;
  if (isLongMode() && cr3 & ABOVE_PHYSICAL) faultGp(0);
  if (!isLongMode() && load<u64>(CR0) & CR0_PG && load<u64>(CR4) & CR4_PAE) loadPdptes(cr3);
  const keeps = pcids && value & CR3_KEEP && (cr3 & PCID_MASK) == currentPcid();
  store<u64>(CR3, cr3);
  if (!keeps) flushTlb(0);
}

function writeCr4(value: u64): void {
  if (value & ~CR4_EXISTING) faultGp(0);
  const changed = load<u64>(CR4) ^ value;
  if (changed & value & CR4_PCIDE && (!isLongMode() || load<u64>(CR3) & PCID_MASK)) faultGp(0);
  if (isLongMode()) {
    if (!(value & CR4_PAE)) faultGp(0);
  } else if (load<u64>(CR0) & CR0_PG && value & CR4_PAE && changed & CR4_FLUSHING) {
    loadPdptes(load<u64>(CR3));
  }
  store<u64>(CR4, value);
  if (changed & CR4_FLUSHING) flushTlb(1);
  updateContext();
  modeChanged();
}

/** MOV CRn, r. */
export function movToCr(cr: i32, register: i32): void {
  if (cr != 0 && cr != 2 && cr != 3 && cr != 4 && (cr != 8 || !isCode64())) faultUd();
  if (cpl()) faultGp(0);
  const value = isCode64() ? gpr(register) : gpr(register) & 0xffffffff;
  if (cr == 0) writeCr0(value);
  else if (cr == 2) store<u64>(CR2, value);
  else if (cr == 3) writeCr3(value);
  else if (cr == 4) writeCr4(value);
  else {
    if (value >> 4) faultGp(0);
    store<u64>(CR8, value);
    cr8Changed(<i32>value);
  }
  finish();
}

/** MOV r, CRn. */
export function movFromCr(cr: i32, register: i32): void {
  let address = 0;
  if (cr == 0) address = CR0;
  else if (cr == 2) address = CR2;
  else if (cr == 3) address = CR3;
  else if (cr == 4) address = CR4;
  else if (cr == 8 && isCode64()) address = CR8;
  else faultUd();
  if (cpl()) faultGp(0);
  const value = load<u64>(address);
  setGpr(register, isCode64() ? value : value & 0xffffffff);
  finish();
}

/** CLTS. */
export function clts(): void {
  if (cpl()) faultGp(0);
  store<u64>(CR0, load<u64>(CR0) & ~CR0_TS);
  updateContext();
  finish();
}

/** INVLPG: the address is not checked against the segment. */
export function invlpg(seg: i32, offset: i64): void {
  if (cpl()) faultGp(0);
  let linear = <u64>offset;
  if (isCode64()) linear = seg == 4 || seg == 5 ? linear + segBase(seg) : linear;
  else linear = ((seg == 8 ? 0 : segBase(seg)) + linear) & 0xffffffff;
  if (isCanonical(linear)) flushPage(linear);
  finish();
}

/**
 * INVPCID (SDM vol 2). Of a PCID that is not in force nothing is left to drop, see `writeCr3`. Types: 0 one address of a
 * PCID, 1 a PCID, 2 everything, 3 everything but global translations.
 */
export function invpcid(register: i32, seg: i32, offset: i64): void {
  if (cpl()) faultGp(0);
  const type = isCode64() ? gpr(register) : gpr(register) & 0xffffffff;
  linearOf(seg, offset, 16, 0);
  const pcid = readOperand(seg, offset, 8);
  const linear = readOperand(seg, offset + 8, 8);
  if (type > 3 || pcid >> 12) faultGp(0);
  if (type < 2 && pcid && !hasCr4(CR4_PCIDE)) faultGp(0);
  if (type == 0 && !isCanonical(linear)) faultGp(0);
  const isCurrent = pcid == currentPcid();
  if (type == 0 && isCurrent) flushPage(linear);
  if (type == 1 && isCurrent) flushTlb(0);
  if (type > 1) flushTlb(type == 2 ? 1 : 0);
  finish();
}

/** Segment registers: checks of accesses, loads. SDM vol 2 MOV, vol 3 chapter 5. */
import { DATA_SET } from "../../state/vcpu-layout";
import {
  descDpl, descriptorAddress, DESC_CODE, DESC_CONFORMING, DESC_P, DESC_S, DESC_WRITABLE, fetchDescriptor, isWritableData,
  setAccessed, setFromDescriptor, setNull,
} from "./descriptor";
import { updateContext } from "../context";
import { checkFault, fault, faultGp, recordFault, VECTOR_GP, VECTOR_NP, VECTOR_SS } from "../fault";
import { loadData, probeIn, storeData } from "../mmu/memory";
import {
  ATTR_CODE, ATTR_CONFORMING, ATTR_DB, ATTR_UNUSABLE, ATTR_WRITABLE, cpl, FS, isCode64, isParagraphMode, isProtected,
  isV86, segAttr, segBase, segLimit, setSegment, SS,
} from "../state";
import { STACK_ACCESS } from "../mmu/translate";

function violation(seg: i32): i64 {
  recordFault(seg == SS ? VECTOR_SS : VECTOR_GP, 0);
  return 0;
}

/** True when `size` bytes at `offset` lie within an expand-up or expand-down segment. */
export function isWithin(attr: u32, limit: u32, offset: u64, size: i32): bool {
  const last = offset + <u64>size - 1;
  // The direction bit is that of conforming code segments.
  if ((attr & (ATTR_CODE | ATTR_CONFORMING)) != ATTR_CONFORMING) return last <= <u64>limit;
  return offset > <u64>limit && last <= (attr & ATTR_DB ? 0xffffffff : 0xffff);
}

/** True when the rights of a segment allow the access; real-address mode has none. */
function isAllowed(attr: u32, write: i32): bool {
  if (attr & ATTR_UNUSABLE) return false;
  if (write) {
    if ((attr & (ATTR_CODE | ATTR_WRITABLE)) == ATTR_WRITABLE) return true;
  } else if ((attr & (ATTR_CODE | ATTR_WRITABLE)) != ATTR_CODE) return true;
  return !isProtected();
}

/** True when the segment check of `segLinear` would pass; nothing is recorded. */
export function isPermitted(seg: i32, offset: u64, size: i32, write: i32): bool {
  const attr = segAttr(seg);
  return isAllowed(attr, write) && isWithin(attr, segLimit(seg), offset, size);
}

/**
 * Highest offset of a segment that may be read or written; -1 when the answer is more than a number: for expand-down
 * segments and those whose rights forbid it.
 */
export function plainLimit(seg: i32, write: i32): i64 {
  const attr = segAttr(seg);
  if ((attr & (ATTR_CODE | ATTR_CONFORMING)) == ATTR_CONFORMING || !isAllowed(attr, write)) return -1;
  return <i64>segLimit(seg);
}

/** Linear address of `size` bytes at `offset`, after the full segment check; records #GP(0) or #SS(0) and returns 0. */
export function segLinear(seg: i32, offset: i64, size: i32, write: i32): i64 {
  if (isCode64()) return seg >= FS ? <i64>segBase(seg) + offset : offset;
  if (seg == 8) return offset;
  const attr = segAttr(seg);
  if (!isAllowed(attr, write) || !isWithin(attr, segLimit(seg), offset, size)) return violation(seg);
  return (<i64>segBase(seg) + offset) & 0xffffffff;
}

/** The same for system routines: raises. */
export function linearOf(seg: i32, offset: u64, size: i32, write: i32): u64 {
  const linear = segLinear(seg, offset, size, write);
  checkFault();
  return linear;
}

/** Reads a memory operand. */
export function readOperand(seg: i32, offset: u64, size: i32): u64 {
  return loadData(linearOf(seg, offset, size, 0), seg == SS ? size | STACK_ACCESS : size);
}

/** Writes a memory operand. */
export function writeOperand(seg: i32, offset: u64, size: i32, value: u64): void {
  storeData(linearOf(seg, offset, size, 1), seg == SS ? size | STACK_ACCESS : size, value);
}

/** Raises unless a memory operand of any size up to a page can be written. */
export function probeOperand(seg: i32, offset: u64, size: i32): void {
  const linear = linearOf(seg, offset, size, 1);
  probeIn(linear, size, load<i32>(DATA_SET), seg == SS ? STACK_ACCESS : 0);
}

/** Loads a segment register in real-address and virtual-8086 mode. */
export function loadParagraph(seg: i32, selector: i32): void {
  const base = <u64>(selector & 0xffff) << 4;
  // Real mode keeps the limit and the size: that is what makes "unreal" mode.
  if (isV86()) setSegment(seg, selector, base, 0xffff, 0xf300);
  else setSegment(seg, selector, base, segLimit(seg), (segAttr(seg) & 0xf00000) | 0x9300);
}

function loadStackSegment(selector: i32): void {
  const level = cpl();
  if (!(selector & 0xfffc)) {
    if (!isCode64() || level == 3 || (selector & 3) != level) faultGp(0);
    setNull(SS, selector);
    return;
  }
  const descriptor = fetchDescriptor(selector, VECTOR_GP, 0);
  const error = selector & 0xfffc;
  if ((selector & 3) != level || descDpl(descriptor) != level || !isWritableData(descriptor)) faultGp(error);
  if (!(descriptor & DESC_P)) fault(VECTOR_SS, error);
  setFromDescriptor(SS, selector, setAccessed(descriptorAddress, descriptor));
}

function loadDataSegment(seg: i32, selector: i32): void {
  if (!(selector & 0xfffc)) {
    setNull(seg, selector);
    return;
  }
  const descriptor = fetchDescriptor(selector, VECTOR_GP, 0);
  const error = selector & 0xfffc;
  if (!(descriptor & DESC_S)) faultGp(error);
  const isCodeSegment = (descriptor & DESC_CODE) != 0;
  if (isCodeSegment && !(descriptor & DESC_WRITABLE)) faultGp(error);
  if (!isCodeSegment || !(descriptor & DESC_CONFORMING)) {
    const dpl = descDpl(descriptor);
    if ((selector & 3) > dpl || cpl() > dpl) faultGp(error);
  }
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, error);
  setFromDescriptor(seg, selector, setAccessed(descriptorAddress, descriptor));
}

/** Loads ES, SS, DS, FS or GS with all checks of the mode. Raises before anything has changed. */
export function loadSegment(seg: i32, selector: i32): void {
  if (isParagraphMode()) loadParagraph(seg, selector);
  else if (seg == SS) loadStackSegment(selector);
  else loadDataSegment(seg, selector);
  if (seg < FS && !isCode64()) updateContext();
}

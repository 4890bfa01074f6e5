/** What control transfers read from the task-state segment. SDM vol 3, 7.2 and 7.7. */
import { SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_SELECTOR, SEG_TR } from "../../state/vcpu-layout";
import {
  descDpl, descriptorAddress, DESC_P, descAttr, fetchDescriptor, isWritableData, setAccessed,
} from "../segment/descriptor";
import { fault, VECTOR_SS, VECTOR_TS } from "../fault";
import { loadSystem, loadSystem64 } from "../mmu/memory";

/** Results of `readInnerStack`. */
export let innerSelector: i32 = 0;
export let innerPointer: u64 = 0;
export let innerDescriptor: u64 = 0;

function checkLimit(last: u32, ext: i32): void {
  if (last > load<u32>(SEG_TR + SEG_LIMIT)) fault(VECTOR_TS, (load<i32>(SEG_TR + SEG_SELECTOR) & 0xfffc) | ext);
}

/** A stack pointer of the 64-bit TSS at `offset`: RSPn or ISTn. */
export function readTss64(offset: i32, ext: i32): u64 {
  checkLimit(offset + 7, ext);
  return loadSystem64(load<u64>(SEG_TR + SEG_BASE) + offset);
}

/** Reads and checks SS:ESP for privilege `level`; the stack segment's descriptor is marked accessed. */
export function readInnerStack(level: i32, ext: i32): void {
  const base = load<u64>(SEG_TR + SEG_BASE);
  if (load<u32>(SEG_TR + SEG_ATTR) & 0x800) {
    const offset = 4 + (level << 3);
    checkLimit(offset + 5, ext);
    innerPointer = loadSystem(base + offset, 4);
    innerSelector = <i32>loadSystem(base + offset + 4, 2);
  } else {
    const offset = 2 + (level << 2);
    checkLimit(offset + 3, ext);
    innerPointer = loadSystem(base + offset, 2);
    innerSelector = <i32>loadSystem(base + offset + 2, 2);
  }
  const error = (innerSelector & 0xfffc) | ext;
  if (!(innerSelector & 0xfffc)) fault(VECTOR_TS, ext);
  const descriptor = fetchDescriptor(innerSelector, VECTOR_TS, ext);
  if ((innerSelector & 3) != level || descDpl(descriptor) != level || !isWritableData(descriptor)) fault(VECTOR_TS, error);
  if (!(descriptor & DESC_P)) fault(VECTOR_SS, error);
  innerDescriptor = setAccessed(descriptorAddress, descriptor);
}

/** Rights of the stack segment that `readInnerStack` found. */
export function innerAttr(): u32 { return descAttr(innerDescriptor); }

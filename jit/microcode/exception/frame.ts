/**
 * Hot path: a frame about to be pushed on a stack that may not be in force yet (interrupts, call gates). The room is
 * checked first, segment limit and page rights both; then the slots are stored and cannot fault any more.
 */
import { NEXT_RIP } from "../../state/vcpu-layout";
import { fault, VECTOR_SS } from "../fault";
import { probeIn, setOfLevel, storeSlot } from "../mmu/memory";
import { isWithin } from "../segment/segment";
import { setStackPointer } from "../segment/stack";
import {
  ATTR_DB, cpl, CS, gpr, isCode64, RSP, segAttr, segBase, segLimit, segSelector, SS,
} from "../state";
import { STACK_ACCESS } from "../mmu/translate";

let frameBase: u64 = 0;
let frameMask: u64 = 0;
let frameTop: u64 = 0;
let frameSet: i32 = 0;

/** Opens a frame of `total` bytes below `top` in 64-bit code: no segment. */
export function openFrame64(top: u64, total: i32, set: i32): void {
  frameBase = 0;
  frameMask = ~(<u64>0);
  frameTop = top;
  frameSet = set;
  probeIn(top - <u64>total, total, set, STACK_ACCESS);
}

/** Opens a frame below `top` in a stack segment; no room is #SS(`error`). */
export function openFrame(base: u64, limit: u32, attr: u32, top: u64, total: i32, set: i32, error: i32): void {
  const mask: u64 = attr & ATTR_DB ? 0xffffffff : 0xffff;
  frameBase = base;
  frameMask = mask;
  frameTop = top & mask;
  frameSet = set;
  const low = (top - <u64>total) & mask;
  if (low + <u64>total <= mask + 1) {
    if (!isWithin(attr, limit, low, total)) fault(VECTOR_SS, error);
    probeIn((base + low) & 0xffffffff, total, set, STACK_ACCESS);
    return;
  }
  // The frame wraps around the end of the segment.
  const above = <i32>(mask + 1 - low);
  if (!isWithin(attr, limit, low, above) || !isWithin(attr, limit, 0, total - above)) fault(VECTOR_SS, error);
  probeIn((base + low) & 0xffffffff, above, set, STACK_ACCESS);
  probeIn(base & 0xffffffff, total - above, set, STACK_ACCESS);
}

/** Pushes one value. */
export function pushFrame(size: i32, value: u64): void {
  frameTop = (frameTop - <u64>size) & frameMask;
  const linear = frameBase + frameTop;
  storeSlot(frameMask >> 32 ? linear : linear & 0xffffffff, size, value, frameSet);
}

/** The stack pointer after the pushes. */
// @ts-ignore: decorator
@inline export function framePointer(): u64 { return frameTop; }
/** The bits of RSP that the frame's stack addresses. */
// @ts-ignore: decorator
@inline export function frameBits(): u64 { return frameMask; }

/** Pushes CS and the address behind the instruction on the stack in force, for a far CALL. */
export function pushReturn(size: i32): void {
  const set = setOfLevel(cpl());
  if (isCode64()) openFrame64(gpr(RSP), size * 2, set);
  else openFrame(segBase(SS), segLimit(SS), segAttr(SS), gpr(RSP), size * 2, set, 0);
  pushFrame(size, segSelector(CS));
  pushFrame(size, load<u64>(NEXT_RIP));
  setStackPointer(frameTop, frameMask);
}

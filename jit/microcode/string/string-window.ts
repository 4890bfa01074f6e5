/**
 * Hot path: windows of string operands: as many elements as lie in one page of plain RAM, so that they can be worked on
 * by physical address. What does not fit (devices, elements across pages, limits, watched memory) goes one by one.
 */
import { BUDGET, BUDGET_DEBT, DATA_SET, DEBUG_TRAP, EFLAGS, INTR_PENDING, RF_KEPT, TLB, TLB_BASE, TLB_SET_SIZE } from "../../state/vcpu-layout";
import { checkFault } from "../fault";
import { ramLoad16, ramLoad32, ramLoad64, ramLoad8, ramStore16, ramStore32, ramStore64, ramStore8 } from "../host";
import { isRam, isRom } from "../mmu/physical";
import { isPermitted } from "../segment/segment";
import { finish, FLAG_DF, FLAG_RF, FLAG_TF, FS, gpr, isCode64, segBase, setGpr, SS, RCX } from "../state";
import { STACK_ACCESS, translateIn, WRITE } from "../mmu/translate";
import { dr7 } from "../mmu/watch";

/** Elements that a call works on before it looks for interrupts. */
const PATIENCE: i32 = 4096;

/** RAM address of the first element of the last window. */
export let windowRam: i32 = 0;

let operandSize: i32 = 0;
let addressMask: u64 = 0;
let backwards: bool = false;
let counted: bool = false;
/** TF: a debug trap follows every element. */
let stepping: bool = false;
let done: i32 = 0;

/** Starts a string instruction: element size, width of its addresses, whether RCX counts. */
export function beginString(size: i32, addressBits: i32, rep: i32): void {
  operandSize = size;
  addressMask = addressBits == 64 ? ~(<u64>0) : addressBits == 32 ? 0xffffffff : 0xffff;
  const flags = load<i32>(EFLAGS);
  backwards = (flags & FLAG_DF) != 0;
  stepping = (flags & FLAG_TF) != 0;
  counted = rep != 0;
  done = 0;
}

/** True when DF is set. */
// @ts-ignore: decorator
@inline export function isBackwards(): bool { return backwards; }

/** Elements still to do. */
export function remaining(): u64 { return counted ? gpr(RCX) & addressMask : 1; }

/** Index register's value as an address. */
// @ts-ignore: decorator
@inline export function indexOf(register: i32): u64 { return gpr(register) & addressMask; }

function setIndex(register: i32, value: u64): void {
  if (addressMask == 0xffff) setGpr(register, (gpr(register) & ~addressMask) | (value & addressMask));
  else setGpr(register, value & addressMask);
}

/** Moves an index register over `count` elements. */
export function advance(register: i32, count: i32): void {
  const distance = <u64>count * operandSize;
  setIndex(register, backwards ? gpr(register) - distance : gpr(register) + distance);
}

/** Counts `count` elements as done. The slice pays for them, so that it ends in time, but they are no instructions. */
export function countDown(count: i32): void {
  done += count;
  if (!counted) return;
  store<i32>(BUDGET, load<i32>(BUDGET) - 1);
  store<i32>(BUDGET_DEBT, load<i32>(BUDGET_DEBT) + 1);
  setIndex(RCX, gpr(RCX) - <u64>count);
}

/** True when the instruction should be left to be continued later: debug traps come after each element that has one. */
export function shouldStop(): bool {
  if (stepping || load<u32>(DEBUG_TRAP)) return true;
  return done >= PATIENCE && (load<i32>(BUDGET) <= 0 || load<u32>(INTR_PENDING) != 0);
}

/** Leaves the instruction: behind it when all is done, else at it. */
export function endString(complete: bool): void {
  const flags = load<i32>(EFLAGS);
  if (complete) {
    if (flags & FLAG_RF) store<i32>(EFLAGS, flags & ~FLAG_RF);
    finish();
    return;
  }
  // What comes between two iterations finds RF set (SDM vol 3, 17.3.1.1).
  store<i32>(EFLAGS, flags | FLAG_RF);
  if (dr7() & 0xff || stepping) store<u32>(RF_KEPT, 1);
}

/** Elements from `index` on that fit before the page, the address width or the count ends. */
function fitting(linear: u64, index: u64, count: u64): u64 {
  const inPage = linear & 0xfff;
  const size = <u64>operandSize;
  if (inPage + size > 0x1000 || index > addressMask - (size - 1)) return 0;
  let fit: u64 = backwards ? inPage / size + 1 : (0x1000 - inPage) / size;
  // The whole of a 64-bit address space needs no second look: pages end where it does.
  if (addressMask != ~(<u64>0)) {
    const room = backwards ? index / size + 1 : (addressMask + 1 - index) / size;
    if (room < fit) fit = room;
  }
  return fit < count ? fit : count;
}

/**
 * Opens a window on `seg:index` for `access`: returns how many of `count` elements it has and sets `windowRam`, or 0 when
 * the next element must go alone. Raises page faults of the first element.
 */
export function openWindow(seg: i32, index: u64, access: i32, count: u64): i32 {
  if (stepping || load<u32>(TLB_BASE) == TLB + 3 * TLB_SET_SIZE) return 0;
  const flat = isCode64();
  const base = flat && seg < FS ? 0 : segBase(seg);
  const linear = flat ? base + index : (base + index) & 0xffffffff;
  const fit = <i32>fitting(linear, index, count);
  if (!fit) return 0;
  if (!flat) {
    const low = backwards ? index - <u64>(fit - 1) * operandSize : index;
    if (!isPermitted(seg, low, fit * operandSize, access == WRITE ? 1 : 0)) return 0;
  }
  const pa = translateIn(linear, access, load<i32>(DATA_SET), seg == SS ? STACK_ACCESS : 0);
  checkFault();
  if (!isRam(pa) || (access == WRITE && isRom(pa))) return 0;
  windowRam = <i32>pa;
  return fit;
}

/** Reads an element of RAM. */
export function loadElement(address: i32, size: i32): u64 {
  if (size == 1) return <u64>(ramLoad8(address) & 0xff);
  if (size == 4) return <u64><u32>ramLoad32(address);
  if (size == 8) return ramLoad64(address);
  return <u64>(ramLoad16(address) & 0xffff);
}

/** Writes an element of RAM. */
export function storeElement(address: i32, size: i32, value: u64): void {
  if (size == 1) ramStore8(address, <i32>value);
  else if (size == 4) ramStore32(address, <i32>value);
  else if (size == 8) ramStore64(address, value);
  else ramStore16(address, <i32>value);
}

/** Hardware task switches, 16 and 32-bit. SDM vol 3, 7.3. */
import {
  CPL, CR0, DR, EFLAGS, RIP, SEG_ATTR, SEG_BASE, SEG_LDTR, SEG_SELECTOR, SEG_TR, SHADOW,
} from "../../state/vcpu-layout";
import { updateContext } from "../context";
import { writeCr3 } from "../control/control";
import {
  descBase, descKind, descLimit, descriptorAddress, DESC_P, descAttr, fetchDescriptor, setNull,
} from "../segment/descriptor";
import { fault, faultGp, VECTOR_DB, VECTOR_GP, VECTOR_NP, VECTOR_TS } from "../fault";
import { setEflags } from "../flags";
import { changeSystem, loadSystem, probeIn, storeSystem } from "../mmu/memory";
import { push } from "../segment/stack";
import {
  CR0_PG, CR0_TS, CS, FLAG_NT, FLAG_VM, FLAGS_ALL, gpr, LDTR, segBase, segLimit, segSelector, setGpr, setSegment, TR,
} from "../state";
import { loadTaskSegments } from "./task-segments";
import { SET_SUPERVISOR } from "../mmu/translate";
import { checkVirtualInterrupt } from "./virtual-interrupt";

/** Why the task is switched. */
export const TASK_JUMP: i32 = 0;
export const TASK_CALL: i32 = 1;
export const TASK_RETURN: i32 = 2;

const BUSY: u64 = 2;
const IMAGE_SIZE: i32 = 104;
/** The new task's TSS, read whole before anything changes: its address space may not map it. */
const IMAGE: usize = memory.data(104);
const DR6_BT: u32 = 0x8000;
/** T flag of the last task that was switched to. */
let traps: bool = false;

function setBusy(address: u64, busy: bool): void {
  changeSystem(address + 5, BUSY, busy ? BUSY : 0);
}

/** Linear address of the descriptor of the task in force. */
function currentDescriptor(): u64 {
  const selector = load<i32>(SEG_TR + SEG_SELECTOR);
  fetchDescriptor(selector, VECTOR_TS, 0);
  return descriptorAddress;
}

/** Checks the descriptor of the task to go to, and returns it. */
function newTask(selector: i32, reason: i32, ext: i32): u64 {
  const vector = reason == TASK_RETURN ? VECTOR_TS : VECTOR_GP;
  const error = (selector & 0xfffc) | ext;
  if (selector & 4 || !(selector & 0xfffc)) fault(vector, error);
  const descriptor = fetchDescriptor(selector, vector, ext);
  const kind = descKind(descriptor);
  const wanted = reason == TASK_RETURN ? 3 : 1;
  if ((kind & ~8) != wanted) fault(vector, error);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, error);
  if (descLimit(descriptor) < (kind & 8 ? <u32>0x67 : <u32>0x2b)) fault(VECTOR_TS, error);
  return descriptor;
}

function readImage(base: u64, wide: bool): void {
  const length = wide ? IMAGE_SIZE : 0x2c;
  for (let i = 0; i < length; i += 2) store<u16>(IMAGE + i, <u16>loadSystem(base + i, 2));
}

/** Offset of general register `index` in a TSS. */
function registerOffset(index: i32, wide: bool): i32 { return wide ? 0x28 + (index << 2) : 0x12 + (index << 1); }

/** Offset of segment register `index` in a TSS. */
function segmentOffset(index: i32, wide: bool): i32 { return wide ? 0x48 + (index << 2) : 0x22 + (index << 1); }

function saveOldTask(wide: bool, flags: i32, returnRip: u64): void {
  const base = segBase(TR);
  const size = wide ? 4 : 2;
  storeSystem(base + (wide ? 0x20 : 0x0e), size, returnRip);
  storeSystem(base + (wide ? 0x24 : 0x10), size, <u64><u32>flags);
  for (let i = 0; i < 8; i++) storeSystem(base + registerOffset(i, wide), size, gpr(i));
  const segments = wide ? 6 : 4;
  for (let i = 0; i < segments; i++) storeSystem(base + segmentOffset(i, wide), 2, segSelector(i));
}

function imageWord(offset: i32, wide: bool): u32 { return wide ? load<u32>(IMAGE + offset) : <u32>load<u16>(IMAGE + offset); }

/** Registers, flags and LDTR of the new task; segments hold their selectors but are not usable yet. */
function loadRegisters(wide: bool, reason: i32): void {
  store<u64>(RIP, imageWord(wide ? 0x20 : 0x0e, wide));
  for (let i = 0; i < 8; i++) {
    const value = imageWord(registerOffset(i, wide), wide);
    setGpr(i, wide ? value : value | 0xffff0000);
  }
  const flags = <i32>imageWord(wide ? 0x24 : 0x10, wide) | (reason == TASK_CALL ? FLAG_NT : 0);
  setEflags(flags, FLAGS_ALL);
  for (let i = 0; i < 6; i++) {
    const present = wide || i < 4;
    setNull(i, present ? <i32>load<u16>(IMAGE + segmentOffset(i, wide)) : 0);
  }
  setNull(LDTR, <i32>load<u16>(IMAGE + (wide ? 0x60 : 0x2a)));
}

function loadLdt(): void {
  const selector = load<i32>(SEG_LDTR + SEG_SELECTOR);
  if (!(selector & 0xfffc)) return;
  const error = selector & 0xfffc;
  if (selector & 4) fault(VECTOR_TS, error);
  const descriptor = fetchDescriptor(selector, VECTOR_TS, 0);
  if (descKind(descriptor) != 2 || !(descriptor & DESC_P)) fault(VECTOR_TS, error);
  setSegment(LDTR, selector, descBase(descriptor), descLimit(descriptor), descAttr(descriptor));
}

/**
 * Switches to the task of a TSS selector. `flags` and `returnRip` are saved in the old task. What faults after the new
 * registers are in place faults in the new task.
 */
export function switchTask(selector: i32, reason: i32, ext: i32, flags: i32, returnRip: u64): void {
  const descriptor = newTask(selector, reason, ext);
  const newAddress = descriptorAddress;
  const newWide = (descKind(descriptor) & 8) != 0;
  const base = descBase(descriptor);
  readImage(base, newWide);
  const oldWide = (load<u32>(SEG_TR + SEG_ATTR) & 0x800) != 0;
  const oldSelector = load<i32>(SEG_TR + SEG_SELECTOR);
  probeIn(load<u64>(SEG_TR + SEG_BASE), oldWide ? IMAGE_SIZE : 0x2c, SET_SUPERVISOR, 0);
  if (reason == TASK_CALL) probeIn(base, 2, SET_SUPERVISOR, 0);
  if (reason != TASK_CALL) setBusy(currentDescriptor(), false);
  saveOldTask(oldWide, reason == TASK_RETURN ? flags & ~FLAG_NT : flags, returnRip);
  if (reason == TASK_CALL) storeSystem(base, 2, oldSelector);
  if (reason != TASK_RETURN) setBusy(newAddress, true);
  setSegment(TR, selector, base, descLimit(descriptor), descAttr(descriptor) | 0x200);
  store<u64>(CR0, load<u64>(CR0) | CR0_TS);
  store<u32>(DR + 56, load<u32>(DR + 56) & ~(<u32>0x155));
  store<u32>(SHADOW, 0);
  loadRegisters(newWide, reason);
  store<u32>(CPL, load<i32>(EFLAGS) & FLAG_VM ? 3 : load<u16>(IMAGE + segmentOffset(CS, newWide)) & 3);
  updateContext();
  if (newWide && load<u64>(CR0) & CR0_PG) writeCr3(load<u32>(IMAGE + 0x1c));
  loadLdt();
  loadTaskSegments();
  updateContext();
  traps = newWide && (load<u16>(IMAGE + 0x64) & 1) != 0;
  if (load<u64>(RIP) > segLimit(CS)) faultGp(0);
}

/** What comes before the first instruction of a task that has just been switched to: the trap of its T flag. */
export function enterTask(): void {
  if (traps) {
    store<u32>(DR + 48, load<u32>(DR + 48) | DR6_BT);
    fault(VECTOR_DB, -1);
  }
  checkVirtualInterrupt();
}

/** Delivers an event through a task gate. */
export function interruptTask(selector: i32, ext: i32, error: i32, flags: i32, returnRip: u64): void {
  switchTask(selector, TASK_CALL, ext, flags, returnRip);
  if (error >= 0) push(load<u32>(SEG_TR + SEG_ATTR) & 0x800 ? 4 : 2, <u64>error);
  enterTask();
}

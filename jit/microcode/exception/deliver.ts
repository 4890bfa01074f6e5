/** Exceptions and interrupts: which, how, and what if delivering faults. SDM vol 3 chapter 6. */
import {
  DEBUG_STEP, DELIVERING, DR, EFLAGS, EXIT_SHUTDOWN, FAULT, FAULT_ERROR, FAULT_VECTOR, IDTR_BASE, IDTR_LIMIT, NEXT_RIP,
  NMI_BLOCKED, RIP, SHADOW,
} from "../../state/vcpu-layout";
import { updateContext } from "../context";
import { deliverLong } from "./deliver-long";
import { deliverProtected } from "./deliver-protected";
import { exitTo, faultGp, VECTOR_DB, VECTOR_DF, VECTOR_PF } from "../fault";
import { getEflags } from "../flags";
import { frameBits, framePointer, openFrame, pushFrame } from "./frame";
import { loadSystem, setOfLevel } from "../mmu/memory";
import { loadParagraph } from "../segment/segment";
import { setStackPointer } from "../segment/stack";
import {
  CS, FLAG_AC, FLAG_IF, FLAG_OF, FLAG_RF, FLAG_TF, gpr, iopl, isLongMode, isProtected, isV86, RSP, segAttr, segBase,
  segLimit, segSelector, SS,
} from "../state";
import { redirectInterrupt } from "./virtual-interrupt";

/** What is delivered. */
export const KIND_EXCEPTION: i32 = 0;
export const KIND_INTERRUPT: i32 = 1;
export const KIND_INT_N: i32 = 2;
export const KIND_INT3: i32 = 3;
export const KIND_INTO: i32 = 4;
export const KIND_INT1: i32 = 5;
export const KIND_NMI: i32 = 6;

/** DELIVERING while something is delivered that makes no double fault. */
const BENIGN: i32 = 0x1000;

const DR7_GD: u32 = 0x2000;

/** 0 benign, 1 contributory, 2 page fault, 3 double fault: SDM vol 3, table 6-4. */
function classOf(vector: i32): i32 {
  if (vector == VECTOR_DF) return 3;
  if (vector == VECTOR_PF || vector == 20) return 2;
  if (vector == 0 || (vector >= 10 && vector <= 13) || vector == 21) return 1;
  return 0;
}

/** True when a second exception while the first is delivered makes a double fault; may end the vCPU. */
function isDoubleFault(vector: i32): bool {
  const delivering = load<i32>(DELIVERING);
  if (!delivering || delivering == BENIGN) return false;
  const first = classOf(delivering - 1);
  const second = classOf(vector);
  if (first == 3 && second != 0) {
    store<i32>(DELIVERING, 0);
    exitTo(EXIT_SHUTDOWN);
  }
  return (first == 1 && second == 1) || (first == 2 && second != 0);
}

function deliverReal(vector: i32, ext: i32, flags: i32, returnRip: u64): void {
  const offset = vector << 2;
  if (<u32>(offset + 3) > load<u32>(IDTR_LIMIT)) faultGp((vector << 3) | 2 | ext);
  const entry = <u32>loadSystem(load<u64>(IDTR_BASE) + offset, 4);
  openFrame(segBase(SS), segLimit(SS), segAttr(SS), gpr(RSP), 6, setOfLevel(0), ext);
  pushFrame(2, flags & 0xffff);
  pushFrame(2, segSelector(CS));
  pushFrame(2, returnRip);
  setStackPointer(framePointer(), frameBits());
  loadParagraph(CS, entry >> 16);
  store<u64>(RIP, entry & 0xffff);
  store<i32>(EFLAGS, load<i32>(EFLAGS) & ~(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF));
  updateContext();
}

/** The EFLAGS image: fault-class exceptions have RF set, so that a code breakpoint does not hit again. */
function imageOf(vector: i32, kind: i32): i32 {
  const flags = getEflags();
  const isFault = kind == KIND_EXCEPTION && vector != VECTOR_DB && vector != 2 && vector != VECTOR_DF && vector != 18;
  return isFault ? flags | FLAG_RF : flags;
}

function deliverNow(vector: i32, error: i32, kind: i32): void {
  const software = kind == KIND_INT_N || kind == KIND_INT3 || kind == KIND_INTO;
  const ext = software ? 0 : 1;
  const returnRip = load<u64>(software || kind == KIND_INT1 ? NEXT_RIP : RIP);
  const flags = imageOf(vector, kind);
  if (!isProtected()) deliverReal(vector, ext, flags, returnRip);
  else if (isLongMode()) deliverLong(vector, software ? 1 : 0, ext, error, flags, returnRip);
  else deliverProtected(vector, software ? 1 : 0, ext, error, flags, returnRip);
}

/**
 * Delivers an event. Exceptions, interrupts and NMIs save RIP, the software kinds NEXT_RIP; `error` is -1 when there is
 * no error code. When delivery itself faults, that fault is recorded and raised with DELIVERING set: deliver it in turn.
 */
export function deliver(vector: i32, error: i32, kind: i32): void {
  let number = vector;
  let code = error;
  const isException = kind == KIND_EXCEPTION;
  if (isException && isDoubleFault(vector)) {
    number = VECTOR_DF;
    code = 0;
  }
  store<i32>(DELIVERING, isException ? number + 1 : BENIGN);
  store<i32>(FAULT, 0);
  if (kind == KIND_NMI) store<u32>(NMI_BLOCKED, 1);
  deliverNow(number, code, kind);
  store<i32>(DELIVERING, 0);
  store<u32>(SHADOW, 0);
  store<u32>(DEBUG_STEP, 0);
  if (number == VECTOR_DB && (isException || kind == KIND_INT1)) {
    store<u32>(DR + 56, load<u32>(DR + 56) & ~DR7_GD);
    updateContext();
  }
}

/** Delivers the recorded fault. */
export function deliverFault(): void {
  deliver(load<i32>(FAULT_VECTOR), load<i32>(FAULT_ERROR), KIND_EXCEPTION);
}

/** INT n; in virtual-8086 mode redirected to the program itself, or only with IOPL 3. */
export function softwareInterrupt(vector: i32): void {
  if (isV86()) {
    if (redirectInterrupt(vector & 0xff)) return;
    if (iopl() != 3) faultGp(0);
  }
  deliver(vector & 0xff, -1, KIND_INT_N);
}

/** INT3. */
export function int3(): void { deliver(3, -1, KIND_INT3); }

/** INT1. */
export function int1(): void { deliver(1, -1, KIND_INT1); }

/** INTO: interrupt 4 when OF is set. */
export function into(): void {
  if (getEflags() & FLAG_OF) deliver(4, -1, KIND_INTO);
  else store<u64>(RIP, load<u64>(NEXT_RIP));
}

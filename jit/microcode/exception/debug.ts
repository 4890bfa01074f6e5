/** Debug registers, breakpoints and single step. SDM vol 3 chapter 17. */
import {
  DEBUG_STEP, DEBUG_TRAP, DR, EFLAGS, RF_KEPT, SEG_BASE, SEG_CS, SHADOW,
} from "../../state/vcpu-layout";
import { updateContext } from "../context";
import { fault, faultGp, faultUd, recordFault, VECTOR_DB } from "../fault";
import { cpl, CR4_DE, finish, FLAG_RF, FLAG_TF, gpr, hasCr4, isCode64, setGpr } from "../state";
import { breakpointKind, breakpointLength, dr7 } from "../mmu/watch";

const DR6: i32 = DR + 48;
const DR7: i32 = DR + 56;
const DR6_ONES: u64 = 0xffff0ff0;
const DR6_EXISTING: u64 = 0xe00f;
const DR7_ONES: u64 = 0x400;
const DR7_EXISTING: u64 = 0xffff23ff;
const DR7_GD: u32 = 0x2000;
const DR6_BD: u64 = 0x2000;
const DR6_BS: u32 = 0x4000;

/** Checks of MOV to and from DRn; returns the state address. */
function registerAddress(dr: i32): i32 {
  let number = dr;
  if (dr == 4 || dr == 5) {
    if (hasCr4(CR4_DE)) faultUd();
    number = dr + 2;
  }
  if (number > 7) faultUd();
  if (cpl()) faultGp(0);
  if (dr7() & DR7_GD) {
    store<u64>(DR6, load<u64>(DR6) | DR6_BD);
    fault(VECTOR_DB, -1);
  }
  return DR + (number << 3);
}

/** MOV r, DRn. */
export function movFromDr(dr: i32, register: i32): void {
  const value = load<u64>(registerAddress(dr));
  setGpr(register, isCode64() ? value : value & 0xffffffff);
  finish();
}

/** MOV DRn, r. */
export function movToDr(dr: i32, register: i32): void {
  const address = registerAddress(dr);
  let value = isCode64() ? gpr(register) : gpr(register) & 0xffffffff;
  if (address >= DR6 && value >> 32) faultGp(0);
  if (address == DR6) value = (value & DR6_EXISTING) | DR6_ONES;
  if (address == DR7) value = (value & DR7_EXISTING) | DR7_ONES;
  store<u64>(address, value);
  if (address == DR7) updateContext();
  finish();
}

function recordDebug(bits: u32): i32 {
  store<u64>(DR6, load<u64>(DR6) | <u64>bits);
  recordFault(VECTOR_DB, -1);
  return 1;
}

/**
 * Before an instruction of a single-instruction block: notes TF, and looks for a code breakpoint at `rip`, unless RF is
 * set. 1: #DB is recorded.
 */
export function debugBefore(rip: i64): i32 {
  const flags = load<i32>(EFLAGS);
  store<u32>(DEBUG_STEP, flags & FLAG_TF ? 1 : 0);
  // A trap that MOV SS held off comes after this instruction; one that is left of an instruction that faulted, never.
  if (load<u32>(SHADOW) != 2) store<u32>(DEBUG_TRAP, 0);
  store<u32>(SHADOW, 0);
  if (flags & FLAG_RF || !(dr7() & 0xff)) return 0;
  const linear = isCode64() ? <u64>rip : (load<u64>(SEG_CS + SEG_BASE) + <u64>rip) & 0xffffffff;
  let hits: u32 = 0;
  for (let i = 0; i < 4; i++) if (breakpointKind(i) == 0 && load<u64>(DR + (i << 3)) == linear) hits |= <u32>1 << i;
  return hits ? recordDebug(hits) : 0;
}

/**
 * After that instruction, when it did not fault. RF goes, unless it has just been loaded or the instruction is not done
 * (SDM vol 3, 17.3.1.1). 1 when a debug trap (single step, data or port breakpoint) is recorded.
 */
export function debugAfter(): i32 {
  if (load<u32>(RF_KEPT)) store<u32>(RF_KEPT, 0);
  else store<i32>(EFLAGS, load<i32>(EFLAGS) & ~FLAG_RF);
  const step = load<u32>(DEBUG_STEP);
  store<u32>(DEBUG_STEP, 0);
  // MOV SS and POP SS hold off debug traps until the instruction after them.
  if (load<u32>(SHADOW) == 2) return 0;
  const bits = load<u32>(DEBUG_TRAP) | (step ? DR6_BS : 0);
  store<u32>(DEBUG_TRAP, 0);
  return bits ? recordDebug(bits) : 0;
}

/** Notes port breakpoints that an access of `size` bytes hits. */
export function watchPort(port: i32, size: i32): void {
  if (!(dr7() & 0xff) || !hasCr4(CR4_DE)) return;
  for (let i = 0; i < 4; i++) {
    if (breakpointKind(i) != 2) continue;
    const length = <i32>breakpointLength(i);
    const first = load<i32>(DR + (i << 3)) & ~(length - 1);
    if (port < first + length && first < port + size) store<u32>(DEBUG_TRAP, load<u32>(DEBUG_TRAP) | (<u32>1 << i));
  }
}

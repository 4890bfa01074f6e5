/** Reporting guest faults: recorded by slow paths, raised by system routines. */
import { CR2, EXIT_REASON, FAULT, FAULT_ERROR, FAULT_VECTOR, STAT_PAGE_FAULT } from "../state/vcpu-layout";
import { raise } from "./host";

export const VECTOR_DE: i32 = 0;
export const VECTOR_DB: i32 = 1;
export const VECTOR_BR: i32 = 5;
export const VECTOR_UD: i32 = 6;
export const VECTOR_NM: i32 = 7;
export const VECTOR_DF: i32 = 8;
export const VECTOR_TS: i32 = 10;
export const VECTOR_NP: i32 = 11;
export const VECTOR_SS: i32 = 12;
export const VECTOR_GP: i32 = 13;
export const VECTOR_PF: i32 = 14;
export const VECTOR_AC: i32 = 17;

/** Records a fault for whoever tests FAULT. */
export function recordFault(vector: i32, error: i32): void {
  store<i32>(FAULT, 1);
  store<i32>(FAULT_VECTOR, vector);
  store<i32>(FAULT_ERROR, error);
}

/** Records a page fault and its address. */
export function recordPageFault(linear: u64, error: i32): void {
  store<u64>(STAT_PAGE_FAULT, load<u64>(STAT_PAGE_FAULT) + 1);
  store<u64>(CR2, linear);
  recordFault(VECTOR_PF, error);
}

/** Records a fault and leaves the microcode; error -1 = the vector has none. */
export function fault(vector: i32, error: i32): void {
  recordFault(vector, error);
  raise();
  unreachable();
}

/** #GP with an error code. */
export function faultGp(error: i32): void { fault(VECTOR_GP, error); }

/** #UD. */
export function faultUd(): void { fault(VECTOR_UD, -1); }

/** Leaves the microcode when a slow path recorded a fault. */
// @ts-ignore: decorator
@inline export function checkFault(): void {
  if (load<i32>(FAULT)) {
    raise();
    unreachable();
  }
}

/** Leaves the microcode for good: `reason` is an EXIT_ value. */
export function exitTo(reason: i32): void {
  store<i32>(FAULT, 0);
  store<i32>(EXIT_REASON, reason);
  raise();
  unreachable();
}

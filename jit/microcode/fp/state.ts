/** The x87 state: addresses, exception bits, and the few globals through which the routines hand results on. */
import { FPU_CW, FPU_RESULT, FPU_ST, FPU_SW, FPU_TAG, FPU_TOP } from '../../state/vcpu-layout';

/** Exception bits, as in the status word (SDM vol 1, 8.1.3) and in MXCSR. */
export const IE: i32 = 1;
export const DE: i32 = 2;
export const ZE: i32 = 4;
export const OE: i32 = 8;
export const UE: i32 = 16;
export const PE: i32 = 32;
/** Stack fault. */
export const SF: i32 = 0x40;
/** Condition code bits. */
export const C0: i32 = 0x100;
export const C1: i32 = 0x200;
export const C2: i32 = 0x400;
export const C3: i32 = 0x4000;
/** ES and B, which are always equal. */
export const ES_B: i32 = 0x8080;

/** Bit 63: the explicit integer bit. */
export const J_BIT: u64 = 0x8000000000000000;
/** Bit 62: what makes a NaN quiet. */
export const QUIET: u64 = 0x4000000000000000;
/** The real indefinite. */
export const INDEFINITE_SIG: u64 = 0xc000000000000000;
export const INDEFINITE_SE: i32 = 0xffff;

/** Result of a core: significand, sign and exponent. */
export let gSig: u64 = 0;
/** Sign and exponent that go with `gSig`. */
export let gSe: i32 = 0;
/** Exceptions and C1 raised so far by the running instruction. */
export let xf: i32 = 0;

/** Sets the result globals. */
// @ts-ignore: decorator
@inline
export function setResult(sig: u64, se: i32): void {
  gSig = sig;
  gSe = se;
}

/** Starts an instruction's collection of exceptions. */
// @ts-ignore: decorator
@inline
export function setFlags(flags: i32): void {
  xf = flags;
}

/** Adds to the exceptions of the running instruction. */
// @ts-ignore: decorator
@inline
export function raise(flags: i32): void {
  xf |= flags;
}

/** Physical number of ST(i). */
// @ts-ignore: decorator
@inline
export function phys(i: i32): i32 {
  return (load<i32>(FPU_TOP) + i) & 7;
}

/** Address of a physical register. */
// @ts-ignore: decorator
@inline
export function slot(physical: i32): i32 {
  return FPU_ST + (physical << 4);
}

/** Whether a physical register is in use. */
// @ts-ignore: decorator
@inline
export function inUse(physical: i32): i32 {
  return (load<i32>(FPU_TAG) >> physical) & 1;
}

/** Address of ST(i). */
// @ts-ignore: decorator
@inline
export function st(i: i32): i32 {
  return slot(phys(i));
}

/** Significand of the register at p. */
// @ts-ignore: decorator
@inline
export function sigAt(p: i32): u64 {
  return load<u64>(p);
}

/** Sign and exponent of the register at p. */
// @ts-ignore: decorator
@inline
export function seAt(p: i32): i32 {
  return <i32>load<u16>(p, 8);
}

/** Writes a register's value; the tag is not touched. */
// @ts-ignore: decorator
@inline
export function put(p: i32, sig: u64, se: i32): void {
  store<u64>(p, sig);
  store<u16>(p, se, 8);
}

/** Writes what a fast path returned to the register at p, with its exceptions. Returns 1: the instruction took effect. */
// @ts-ignore: decorator
@inline
export function putResult(p: i32, sig: u64): i32 {
  const rest = load<i32>(FPU_RESULT);
  put(p, sig, rest);
  store<i32>(FPU_SW, (load<i32>(FPU_SW) & ~C1) | (rest >>> 16));
  return 1;
}

/** Marks a physical register as in use. */
// @ts-ignore: decorator
@inline
export function tagUsed(physical: i32): void {
  store<i32>(FPU_TAG, load<i32>(FPU_TAG) | (1 << physical));
}

/** Empties ST(0) and increments TOP. */
// @ts-ignore: decorator
@inline
export function pop(): void {
  const top = load<i32>(FPU_TOP);
  store<i32>(FPU_TAG, load<i32>(FPU_TAG) & ~(1 << top));
  store<i32>(FPU_TOP, (top + 1) & 7);
}

/**
 * Merges flags and condition bits into the status word: C1 is replaced, exceptions are sticky, and ES and B
 * follow from what is not masked.
 */
export function commit(flags: i32): void {
  let sw = (load<i32>(FPU_SW) & ~C1) | flags;
  if (flags & ~load<i32>(FPU_CW) & 0x3f) sw |= ES_B;
  store<i32>(FPU_SW, sw);
}

/** What an instruction that raises nothing does to the status word. */
// @ts-ignore: decorator
@inline
export function clearC1(): void {
  store<i32>(FPU_SW, load<i32>(FPU_SW) & ~C1);
}

/** Whether any of the flags is an exception the control word does not mask. */
// @ts-ignore: decorator
@inline
export function unmasked(flags: i32): i32 {
  return flags & ~load<i32>(FPU_CW) & 0x3f;
}

/** The last significand bit precision control leaves. */
// @ts-ignore: decorator
@inline
export function precisionUnit(cw: i32): u64 {
  const pc = cw & 0x300;
  return pc == 0 ? 0x10000000000 : pc == 0x200 ? 0x800 : 1;
}

/** What is below `unit` in hi:lo, as a fraction of it with stickiness. */
// @ts-ignore: decorator
@inline
export function lowPart(hi: u64, lo: u64, unit: u64): u64 {
  return unit == 1 ? lo : (hi << (clz(unit) + 1)) | u64(lo != 0);
}

/** How many low significand bits precision control takes away. */
// @ts-ignore: decorator
@inline
export function precisionShift(cw: i32): i32 {
  const pc = cw & 0x300;
  return pc == 0 ? 40 : pc == 0x200 ? 11 : 0;
}

/**
 * Ends an instruction whose result goes to the register at `p`: the flags are recorded; unless an exception raised before
 * the computation is unmasked, the result is written. Returns whether the instruction took effect. The tag is not touched.
 */
export function finish(p: i32): i32 {
  const flags = xf;
  commit(flags);
  if (unmasked(flags & (IE | DE | ZE))) return 0;
  put(p, gSig, gSe);
  return 1;
}

/** A masked or unmasked stack underflow with a register result. Returns whether the instruction took effect. */
export function underflowTo(physical: i32): i32 {
  commit(IE | SF);
  if (!(load<i32>(FPU_CW) & IE)) return 0;
  put(slot(physical), INDEFINITE_SIG, INDEFINITE_SE);
  tagUsed(physical);
  return 1;
}

/** Decrements TOP and writes a value there; the caller has made sure that the register is empty. */
// @ts-ignore: decorator
@inline
export function push(sig: u64, se: i32): void {
  const top = (load<i32>(FPU_TOP) - 1) & 7;
  store<i32>(FPU_TOP, top);
  tagUsed(top);
  put(slot(top), sig, se);
}

/** Stack overflow: C1 says so; masked, the indefinite is pushed. */
export function overflowPush(): void {
  commit(IE | SF | C1);
  if (load<i32>(FPU_CW) & IE) push(INDEFINITE_SIG, INDEFINITE_SE);
}

/** Whether the register a push would use is empty. */
// @ts-ignore: decorator
@inline
export function canPush(): bool {
  return !((load<i32>(FPU_TAG) >> ((load<i32>(FPU_TOP) - 1) & 7)) & 1);
}

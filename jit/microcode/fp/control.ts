/** Status and control of the x87 unit, and what MMX does to it. */
import {
  FPU_CW, FPU_FCS, FPU_FDP, FPU_FDS, FPU_FIP, FPU_FOP, FPU_ST, FPU_SW, FPU_TAG, FPU_TOP,
} from '../../state/vcpu-layout';
import { C1, ES_B, phys, pop } from './state';

/** Whether a waiting instruction must raise #MF. */
export function x87_pending(): i32 {
  return (load<i32>(FPU_SW) >> 7) & 1;
}

/** Sets ES and B from the exceptions recorded and the masks. */
export function settle(): void {
  const sw = load<i32>(FPU_SW) & ~ES_B;
  store<i32>(FPU_SW, sw & ~load<i32>(FPU_CW) & 0x3f ? sw | ES_B : sw);
}

/** FNINIT. */
export function x87_fninit(): void {
  store<i32>(FPU_CW, 0x37f);
  store<i32>(FPU_SW, 0);
  store<i32>(FPU_TOP, 0);
  store<i32>(FPU_TAG, 0);
  store<i64>(FPU_FIP, 0);
  store<i64>(FPU_FDP, 0);
  store<i32>(FPU_FOP, 0);
  store<i32>(FPU_FCS, 0);
  store<i32>(FPU_FDS, 0);
}

/** FNCLEX. */
export function x87_fnclex(): void {
  store<i32>(FPU_SW, load<i32>(FPU_SW) & 0x7f00);
}

/** FNOP. */
export function x87_fnop(): void {}

/** FNSTSW. */
export function x87_fnstsw(): i32 {
  return load<i32>(FPU_SW) | (load<i32>(FPU_TOP) << 11);
}

/** FNSTCW. */
export function x87_fnstcw(): i32 {
  return load<i32>(FPU_CW);
}

/** FLDCW. */
export function x87_fldcw(cw: i32): void {
  store<i32>(FPU_CW, (cw & 0x1f7f) | 0x40);
  settle();
}

/** FINCSTP. */
export function x87_fincstp(): void {
  store<i32>(FPU_TOP, (load<i32>(FPU_TOP) + 1) & 7);
  store<i32>(FPU_SW, load<i32>(FPU_SW) & ~C1);
}

/** FDECSTP. */
export function x87_fdecstp(): void {
  store<i32>(FPU_TOP, (load<i32>(FPU_TOP) - 1) & 7);
  store<i32>(FPU_SW, load<i32>(FPU_SW) & ~C1);
}

/** FFREE ST(i). */
export function x87_ffree(i: i32): void {
  store<i32>(FPU_TAG, load<i32>(FPU_TAG) & ~(1 << phys(i)));
  store<i32>(FPU_SW, load<i32>(FPU_SW) & ~C1);
}

/** Frees ST(i), then pops (undocumented, but compilers have used it). */
export function x87_ffreep(i: i32): void {
  x87_ffree(i);
  pop();
}

/** What every MMX instruction but EMMS does first. */
// @ts-ignore: decorator
@inline
export function mmx_enter(): void {
  store<i32>(FPU_TOP, 0);
  store<i32>(FPU_TAG, 0xff);
}

/** Value of an MMX register. */
// @ts-ignore: decorator
@inline
export function mmx_read(reg: i32): i64 {
  return load<i64>(FPU_ST + (reg << 4));
}

/** Writes an MMX register, which sets the exponent of its x87 register to all ones. */
// @ts-ignore: decorator
@inline
export function mmx_write(reg: i32, value: i64): void {
  store<i64>(FPU_ST + (reg << 4), value);
  store<u16>(FPU_ST + (reg << 4), 0xffff, 8);
}

/** EMMS. */
export function mmx_emms(): void {
  store<i32>(FPU_TOP, 0);
  store<i32>(FPU_TAG, 0);
}

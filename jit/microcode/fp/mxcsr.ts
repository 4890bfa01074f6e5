/** MXCSR, and the word derived from it that lets translated code take the native path. */
import { MXCSR, SSE_FAST } from '../../state/vcpu-layout';

/** Bits of MXCSR a guest may set. */
export const MXCSR_MASK: i32 = 0xffff;

/** Writes MXCSR and derives SSE_FAST: nearest, no DAZ, no FTZ, all masked, PE sticky; the other sticky bits are free. */
export function sse_set_mxcsr(value: i32): void {
  store<i32>(MXCSR, value);
  store<i32>(SSE_FAST, i32((value & 0xffe0) == 0x1fa0));
}

/** The x87 constants, which follow the rounding mode (SDM vol 1, 8.3.8: 66-bit constants). */
import { FPU_CW } from '../../state/vcpu-layout';
import { J_BIT, canPush, commit, overflowPush, push } from './state';

/** Pushes a constant given by its significand rounded down; `nearestUp` says that the nearest is one more. */
// @ts-ignore: decorator
@inline
function constant(down: u64, se: i32, nearestUp: bool): void {
  if (!canPush()) {
    overflowPush();
    return;
  }
  const rc = (load<i32>(FPU_CW) >> 10) & 3;
  const up = rc == 2 || (rc == 0 && nearestUp);
  commit(0);
  push(down + u64(up), se);
}

/** Pushes an exact constant. */
// @ts-ignore: decorator
@inline
function exact(sig: u64, se: i32): void {
  if (!canPush()) {
    overflowPush();
    return;
  }
  commit(0);
  push(sig, se);
}

export function x87_fld1(): void {
  exact(J_BIT, 0x3fff);
}

export function x87_fldz(): void {
  exact(0, 0);
}

export function x87_fldl2t(): void {
  constant(0xd49a784bcd1b8afe, 0x4000, false);
}

export function x87_fldl2e(): void {
  constant(0xb8aa3b295c17f0bb, 0x3fff, true);
}

export function x87_fldpi(): void {
  constant(0xc90fdaa22168c234, 0x4000, true);
}

export function x87_fldlg2(): void {
  constant(0x9a209a84fbcff798, 0x3ffd, true);
}

export function x87_fldln2(): void {
  constant(0xb17217f7d1cf79ab, 0x3ffe, true);
}

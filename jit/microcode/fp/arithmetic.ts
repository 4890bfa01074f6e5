/** The x87 arithmetic instructions on registers: operands, stack faults, pops. */
import { FPU_TAG, FPU_TOP } from '../../state/vcpu-layout';
import { add } from './add';
import { divide, squareRoot } from './divide';
import { multiply } from './multiply';
import { finish, inUse, phys, pop, seAt, setFlags, sigAt, slot, underflowTo } from './state';

/** Operations of the arithmetic instructions. */
export const ADD: i32 = 0;
export const SUB: i32 = 1;
export const SUBR: i32 = 2;
export const MUL: i32 = 3;
export const DIV: i32 = 4;
export const DIVR: i32 = 5;

/** The value at p, op, the value b, to p. Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
export function operate(op: i32, p: i32, bSig: u64, bSe: i32): i32 {
  const aSig = sigAt(p);
  const aSe = seAt(p);
  if (op == ADD) return add(p, aSig, aSe, bSig, bSe, 0);
  if (op == SUB) return add(p, aSig, aSe, bSig, bSe, 0x8000);
  if (op == SUBR) return add(p, bSig, bSe, aSig, aSe, 0x8000);
  if (op == MUL) return multiply(p, aSig, aSe, bSig, bSe);
  if (op == DIV) return divide(p, aSig, aSe, bSig, bSe);
  return divide(p, bSig, bSe, aSig, aSe);
}

/** ST(dst) = ST(dst) op ST(src). Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
function registers(op: i32, dst: i32, src: i32): i32 {
  const top = load<i32>(FPU_TOP);
  const d = (top + dst) & 7;
  const s = (top + src) & 7;
  const tag = load<i32>(FPU_TAG);
  if (!((tag >> d) & (tag >> s) & 1)) return underflowTo(d);
  const from = slot(s);
  return operate(op, slot(d), sigAt(from), seAt(from));
}

export function x87_fadd(dst: i32, src: i32): void {
  registers(ADD, dst, src);
}

export function x87_fsub(dst: i32, src: i32): void {
  registers(SUB, dst, src);
}

export function x87_fsubr(dst: i32, src: i32): void {
  registers(SUBR, dst, src);
}

export function x87_fmul(dst: i32, src: i32): void {
  registers(MUL, dst, src);
}

export function x87_fdiv(dst: i32, src: i32): void {
  registers(DIV, dst, src);
}

export function x87_fdivr(dst: i32, src: i32): void {
  registers(DIVR, dst, src);
}

export function x87_faddp(i: i32): void {
  if (registers(ADD, i, 0)) pop();
}

export function x87_fsubp(i: i32): void {
  if (registers(SUB, i, 0)) pop();
}

export function x87_fsubrp(i: i32): void {
  if (registers(SUBR, i, 0)) pop();
}

export function x87_fmulp(i: i32): void {
  if (registers(MUL, i, 0)) pop();
}

export function x87_fdivp(i: i32): void {
  if (registers(DIV, i, 0)) pop();
}

export function x87_fdivrp(i: i32): void {
  if (registers(DIVR, i, 0)) pop();
}

export function x87_fsqrt(): void {
  const top = phys(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  setFlags(0);
  squareRoot(sigAt(p), seAt(p));
  finish(p);
}

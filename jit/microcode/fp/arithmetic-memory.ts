/** The x87 arithmetic instructions with a memory operand. */
import { addSlow } from './add';
import { ADD, DIV, DIVR, MUL, SUB, SUBR, operate } from './arithmetic';
import { divideSlow } from './divide';
import { opFlags, opSe, widen32, widen64, widenInteger } from './memory-operand';
import { multiplySlow } from './multiply';
import { inUse, phys, seAt, sigAt, slot, underflowTo } from './state';

/** ST(0) = ST(0) op a value just widened. */
// @ts-ignore: decorator
@inline
function withTop(op: i32, bSig: u64): void {
  const top = phys(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  if (opFlags == 0) {
    operate(op, p, bSig, opSe);
    return;
  }
  const aSig = sigAt(p);
  const aSe = seAt(p);
  if (op == ADD) addSlow(p, aSig, aSe, bSig, opSe, 0, opFlags);
  else if (op == SUB) addSlow(p, aSig, aSe, bSig, opSe, 0x8000, opFlags);
  else if (op == SUBR) addSlow(p, bSig, opSe, aSig, aSe, 0x8000, opFlags);
  else if (op == MUL) multiplySlow(p, aSig, aSe, bSig, opSe, opFlags);
  else if (op == DIV) divideSlow(p, aSig, aSe, bSig, opSe, opFlags);
  else divideSlow(p, bSig, opSe, aSig, aSe, opFlags);
}

export function x87_fadd_m32(bits: i64): void {
  withTop(ADD, widen32(bits));
}

export function x87_fsub_m32(bits: i64): void {
  withTop(SUB, widen32(bits));
}

export function x87_fsubr_m32(bits: i64): void {
  withTop(SUBR, widen32(bits));
}

export function x87_fmul_m32(bits: i64): void {
  withTop(MUL, widen32(bits));
}

export function x87_fdiv_m32(bits: i64): void {
  withTop(DIV, widen32(bits));
}

export function x87_fdivr_m32(bits: i64): void {
  withTop(DIVR, widen32(bits));
}

export function x87_fadd_m64(bits: i64): void {
  withTop(ADD, widen64(bits));
}

export function x87_fsub_m64(bits: i64): void {
  withTop(SUB, widen64(bits));
}

export function x87_fsubr_m64(bits: i64): void {
  withTop(SUBR, widen64(bits));
}

export function x87_fmul_m64(bits: i64): void {
  withTop(MUL, widen64(bits));
}

export function x87_fdiv_m64(bits: i64): void {
  withTop(DIV, widen64(bits));
}

export function x87_fdivr_m64(bits: i64): void {
  withTop(DIVR, widen64(bits));
}

export function x87_fiadd_m16(bits: i64): void {
  withTop(ADD, widenInteger(<i64>(<i16>bits)));
}

export function x87_fisub_m16(bits: i64): void {
  withTop(SUB, widenInteger(<i64>(<i16>bits)));
}

export function x87_fisubr_m16(bits: i64): void {
  withTop(SUBR, widenInteger(<i64>(<i16>bits)));
}

export function x87_fimul_m16(bits: i64): void {
  withTop(MUL, widenInteger(<i64>(<i16>bits)));
}

export function x87_fidiv_m16(bits: i64): void {
  withTop(DIV, widenInteger(<i64>(<i16>bits)));
}

export function x87_fidivr_m16(bits: i64): void {
  withTop(DIVR, widenInteger(<i64>(<i16>bits)));
}

export function x87_fiadd_m32(bits: i64): void {
  withTop(ADD, widenInteger(<i64>(<i32>bits)));
}

export function x87_fisub_m32(bits: i64): void {
  withTop(SUB, widenInteger(<i64>(<i32>bits)));
}

export function x87_fisubr_m32(bits: i64): void {
  withTop(SUBR, widenInteger(<i64>(<i32>bits)));
}

export function x87_fimul_m32(bits: i64): void {
  withTop(MUL, widenInteger(<i64>(<i32>bits)));
}

export function x87_fidiv_m32(bits: i64): void {
  withTop(DIV, widenInteger(<i64>(<i32>bits)));
}

export function x87_fidivr_m32(bits: i64): void {
  withTop(DIVR, widenInteger(<i64>(<i32>bits)));
}

/** The x87 arithmetic instructions with a memory operand. */
import { addSlow } from './add';
import { ADD, DIV, DIVR, MUL, SUB, SUBR, operate } from './arithmetic';
import { divideSlow } from './divide';
import { opFlags, opSe, widen32, widen64, widenInteger } from './memory-operand';
import { multiplySlow } from './multiply';
import { J_BIT, inUse, phys, seAt, sigAt, slot, underflowTo } from './state';

/** ST(0) = ST(0) op a value just widened. */
function widened(op: i32, bSig: u64): void {
  const top = phys(0);
  if (!inUse(top)) {
    underflowTo(top);
    return;
  }
  const p = slot(top);
  const aSig = sigAt(p);
  const aSe = seAt(p);
  switch (op) {
    case ADD: addSlow(p, aSig, aSe, bSig, opSe, 0, opFlags); break;
    case SUB: addSlow(p, aSig, aSe, bSig, opSe, 0x8000, opFlags); break;
    case SUBR: addSlow(p, bSig, opSe, aSig, aSe, 0x8000, opFlags); break;
    case MUL: multiplySlow(p, aSig, aSe, bSig, opSe, opFlags); break;
    case DIV: divideSlow(p, aSig, aSe, bSig, opSe, opFlags); break;
    default: divideSlow(p, bSig, opSe, aSig, aSe, opFlags);
  }
}

/** ST(0) = ST(0) op a double; a normal one needs no widening by cases. */
// @ts-ignore: decorator
@inline
function withDouble(op: i32, bits: i64): void {
  const top = phys(0);
  const e = <i32>(bits >>> 52) & 0x7ff;
  if (<u32>(e - 1) < 0x7fe && inUse(top)) {
    operate(op, slot(top), (<u64>bits << 11) | J_BIT, (<i32>(bits >>> 48) & 0x8000) | (e + 0x3c00));
  } else widened(op, widen64(bits));
}

/** ST(0) = ST(0) op a single. */
// @ts-ignore: decorator
@inline
function withSingle(op: i32, bits: i64): void {
  const top = phys(0);
  const raw = <i32>bits;
  const e = (raw >>> 23) & 0xff;
  if (<u32>(e - 1) < 0xfe && inUse(top)) {
    operate(op, slot(top), (<u64>bits << 40) | J_BIT, ((raw >>> 16) & 0x8000) | (e + 0x3f80));
  } else widened(op, widen32(bits));
}

/** ST(0) = ST(0) op an integer. */
// @ts-ignore: decorator
@inline
function withInteger(op: i32, v: i64): void {
  const top = phys(0);
  if (v != 0 && inUse(top)) {
    const sig = widenInteger(v);
    operate(op, slot(top), sig, opSe);
  } else widened(op, widenInteger(v));
}

export function x87_fadd_m32(bits: i64): void {
  withSingle(ADD, bits);
}

export function x87_fsub_m32(bits: i64): void {
  withSingle(SUB, bits);
}

export function x87_fsubr_m32(bits: i64): void {
  withSingle(SUBR, bits);
}

export function x87_fmul_m32(bits: i64): void {
  withSingle(MUL, bits);
}

export function x87_fdiv_m32(bits: i64): void {
  withSingle(DIV, bits);
}

export function x87_fdivr_m32(bits: i64): void {
  withSingle(DIVR, bits);
}

export function x87_fadd_m64(bits: i64): void {
  withDouble(ADD, bits);
}

export function x87_fsub_m64(bits: i64): void {
  withDouble(SUB, bits);
}

export function x87_fsubr_m64(bits: i64): void {
  withDouble(SUBR, bits);
}

export function x87_fmul_m64(bits: i64): void {
  withDouble(MUL, bits);
}

export function x87_fdiv_m64(bits: i64): void {
  withDouble(DIV, bits);
}

export function x87_fdivr_m64(bits: i64): void {
  withDouble(DIVR, bits);
}

export function x87_fiadd_m16(bits: i64): void {
  withInteger(ADD, <i64>(<i16>bits));
}

export function x87_fisub_m16(bits: i64): void {
  withInteger(SUB, <i64>(<i16>bits));
}

export function x87_fisubr_m16(bits: i64): void {
  withInteger(SUBR, <i64>(<i16>bits));
}

export function x87_fimul_m16(bits: i64): void {
  withInteger(MUL, <i64>(<i16>bits));
}

export function x87_fidiv_m16(bits: i64): void {
  withInteger(DIV, <i64>(<i16>bits));
}

export function x87_fidivr_m16(bits: i64): void {
  withInteger(DIVR, <i64>(<i16>bits));
}

export function x87_fiadd_m32(bits: i64): void {
  withInteger(ADD, <i64>(<i32>bits));
}

export function x87_fisub_m32(bits: i64): void {
  withInteger(SUB, <i64>(<i32>bits));
}

export function x87_fisubr_m32(bits: i64): void {
  withInteger(SUBR, <i64>(<i32>bits));
}

export function x87_fimul_m32(bits: i64): void {
  withInteger(MUL, <i64>(<i32>bits));
}

export function x87_fidiv_m32(bits: i64): void {
  withInteger(DIV, <i64>(<i32>bits));
}

export function x87_fidivr_m32(bits: i64): void {
  withInteger(DIVR, <i64>(<i32>bits));
}

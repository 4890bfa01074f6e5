/** The x87 arithmetic instructions: operands in registers and memory, stack faults, pops. */
import { FPU_TAG, FPU_TOP } from '../../state/vcpu-layout';
import { opFlags, opSe, widen32, widen64, widenInteger } from './operands';
import { divide, divideSlow, multiply, multiplySlow, squareRoot } from './product';
import { J_BIT, finish, inUse, phys, pop, seAt, setFlags, sigAt, slot, underflowTo } from './state';
import { add, addSlow } from './sum';

/** Operations of the arithmetic instructions. */
const ADD: i32 = 0;
const SUB: i32 = 1;
const SUBR: i32 = 2;
const MUL: i32 = 3;
const DIV: i32 = 4;
const DIVR: i32 = 5;

/** The value at p, op, the value b, to p. Returns whether the instruction took effect. */
// @ts-ignore: decorator
@inline
function operate(op: i32, p: i32, bSig: u64, bSe: i32): i32 {
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

/** ST(i) = ST(i) op ST(0), then pop. */
// @ts-ignore: decorator
@inline
function registersPop(op: i32, i: i32): void {
  const top = load<i32>(FPU_TOP);
  const d = (top + i) & 7;
  const tag = load<i32>(FPU_TAG);
  if (!((tag >> d) & (tag >> top) & 1)) {
    if (underflowTo(d)) pop();
    return;
  }
  const from = slot(top);
  if (!operate(op, slot(d), sigAt(from), seAt(from))) return;
  store<i32>(FPU_TAG, tag & ~(1 << top));
  store<i32>(FPU_TOP, (top + 1) & 7);
}

/** FADD ST(dst), ST(src). */
export function x87_fadd(dst: i32, src: i32): void {
  registers(ADD, dst, src);
}

/** FSUB ST(dst), ST(src). */
export function x87_fsub(dst: i32, src: i32): void {
  registers(SUB, dst, src);
}

/** FSUBR ST(dst), ST(src). */
export function x87_fsubr(dst: i32, src: i32): void {
  registers(SUBR, dst, src);
}

/** FMUL ST(dst), ST(src). */
export function x87_fmul(dst: i32, src: i32): void {
  registers(MUL, dst, src);
}

/** FDIV ST(dst), ST(src). */
export function x87_fdiv(dst: i32, src: i32): void {
  registers(DIV, dst, src);
}

/** FDIVR ST(dst), ST(src). */
export function x87_fdivr(dst: i32, src: i32): void {
  registers(DIVR, dst, src);
}

/** FADDP ST(i), ST(0). */
export function x87_faddp(i: i32): void {
  registersPop(ADD, i);
}

/** FSUBP ST(i), ST(0). */
export function x87_fsubp(i: i32): void {
  registersPop(SUB, i);
}

/** FSUBRP ST(i), ST(0). */
export function x87_fsubrp(i: i32): void {
  registersPop(SUBR, i);
}

/** FMULP ST(i), ST(0). */
export function x87_fmulp(i: i32): void {
  registersPop(MUL, i);
}

/** FDIVP ST(i), ST(0). */
export function x87_fdivp(i: i32): void {
  registersPop(DIV, i);
}

/** FDIVRP ST(i), ST(0). */
export function x87_fdivrp(i: i32): void {
  registersPop(DIVR, i);
}

/** FSQRT. */
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

/** FADD m32. */
export function x87_fadd_m32(bits: i64): void {
  withSingle(ADD, bits);
}

/** FSUB m32. */
export function x87_fsub_m32(bits: i64): void {
  withSingle(SUB, bits);
}

/** FSUBR m32. */
export function x87_fsubr_m32(bits: i64): void {
  withSingle(SUBR, bits);
}

/** FMUL m32. */
export function x87_fmul_m32(bits: i64): void {
  withSingle(MUL, bits);
}

/** FDIV m32. */
export function x87_fdiv_m32(bits: i64): void {
  withSingle(DIV, bits);
}

/** FDIVR m32. */
export function x87_fdivr_m32(bits: i64): void {
  withSingle(DIVR, bits);
}

/** FADD m64. */
export function x87_fadd_m64(bits: i64): void {
  withDouble(ADD, bits);
}

/** FSUB m64. */
export function x87_fsub_m64(bits: i64): void {
  withDouble(SUB, bits);
}

/** FSUBR m64. */
export function x87_fsubr_m64(bits: i64): void {
  withDouble(SUBR, bits);
}

/** FMUL m64. */
export function x87_fmul_m64(bits: i64): void {
  withDouble(MUL, bits);
}

/** FDIV m64. */
export function x87_fdiv_m64(bits: i64): void {
  withDouble(DIV, bits);
}

/** FDIVR m64. */
export function x87_fdivr_m64(bits: i64): void {
  withDouble(DIVR, bits);
}

/** FIADD m16. */
export function x87_fiadd_m16(bits: i64): void {
  withInteger(ADD, <i64>(<i16>bits));
}

/** FISUB m16. */
export function x87_fisub_m16(bits: i64): void {
  withInteger(SUB, <i64>(<i16>bits));
}

/** FISUBR m16. */
export function x87_fisubr_m16(bits: i64): void {
  withInteger(SUBR, <i64>(<i16>bits));
}

/** FIMUL m16. */
export function x87_fimul_m16(bits: i64): void {
  withInteger(MUL, <i64>(<i16>bits));
}

/** FIDIV m16. */
export function x87_fidiv_m16(bits: i64): void {
  withInteger(DIV, <i64>(<i16>bits));
}

/** FIDIVR m16. */
export function x87_fidivr_m16(bits: i64): void {
  withInteger(DIVR, <i64>(<i16>bits));
}

/** FIADD m32. */
export function x87_fiadd_m32(bits: i64): void {
  withInteger(ADD, <i64>(<i32>bits));
}

/** FISUB m32. */
export function x87_fisub_m32(bits: i64): void {
  withInteger(SUB, <i64>(<i32>bits));
}

/** FISUBR m32. */
export function x87_fisubr_m32(bits: i64): void {
  withInteger(SUBR, <i64>(<i32>bits));
}

/** FIMUL m32. */
export function x87_fimul_m32(bits: i64): void {
  withInteger(MUL, <i64>(<i32>bits));
}

/** FIDIV m32. */
export function x87_fidiv_m32(bits: i64): void {
  withInteger(DIV, <i64>(<i32>bits));
}

/** FIDIVR m32. */
export function x87_fidivr_m32(bits: i64): void {
  withInteger(DIVR, <i64>(<i32>bits));
}

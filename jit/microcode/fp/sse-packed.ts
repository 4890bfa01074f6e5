/** The SSE slow paths on whole registers: exceptions of all elements are raised and recorded together. */
import { FP_SCRATCH } from '../../state/vcpu-layout';
import { addElement, divElement, mulElement, pickElement, predicateElement, sqrtElement } from './sse-arithmetic';
import { currentRounding, fromInteger, roundElement, toDouble, toInteger, toSingle } from './sse-convert';
import { DOUBLE, SINGLE, begin, end, endStep } from './sse-core';

const A: i32 = FP_SCRATCH;
const B: i32 = FP_SCRATCH + 16;
const R: i32 = FP_SCRATCH + 32;

/** Element `i` of the register at p. */
// @ts-ignore: decorator
@inline
function get(p: i32, i: i32, format: i32): u64 {
  return format == SINGLE ? <u64>load<u32>(p + 4 * i) : load<u64>(p + 8 * i);
}

/** Sets element `i` of the result. */
// @ts-ignore: decorator
@inline
function set(i: i32, v: u64, format: i32): void {
  if (format == SINGLE) store<u32>(R + 4 * i, <u32>v);
  else store<u64>(R + 8 * i, v);
}

/** One element of an operation that works element by element. */
function element(op: i32, imm: i32, i: i32, format: i32): u64 {
  const a = get(A, i, format);
  const b = get(B, i, format);
  switch (op) {
    case 0: return addElement(a, b, 0, format);
    case 1: return mulElement(a, b, format);
    case 2: return addElement(a, b, 0x8000, format);
    case 3: return pickElement(a, b, 1, format);
    case 4: return divElement(a, b, format);
    case 5: return pickElement(a, b, 2, format);
    case 6: return sqrtElement(b, format);
    case 7: return 0 - u64(predicateElement(a, b, imm, format));
    case 10: return addElement(a, b, i & 1 ? 0 : 0x8000, format);
    default: return roundElement(b, imm, format);
  }
}

/** HADD and HSUB: sums or differences of neighbours, first those of the first source. */
function horizontal(neg: i32, format: i32): void {
  const half = format == SINGLE ? 2 : 1;
  for (let i = 0; i < half; i++) {
    set(i, addElement(get(A, 2 * i, format), get(A, 2 * i + 1, format), neg, format), format);
    set(half + i, addElement(get(B, 2 * i, format), get(B, 2 * i + 1, format), neg, format), format);
  }
}

/** DPPS and DPPD: products, then sums, in steps; a step with an unmasked exception is the last. */
function dotProduct(imm: i32, format: i32): void {
  const n = format == SINGLE ? 4 : 2;
  for (let i = 0; i < n; i++) {
    const chosen = (imm >> (4 + i)) & 1;
    set(i, chosen ? mulElement(get(A, i, format), get(B, i, format), format) : 0, format);
  }
  if (endStep()) return;
  let sum = addElement(get(R, 0, format), get(R, 1, format), 0, format);
  if (n == 4) {
    const other = addElement(get(R, 2, format), get(R, 3, format), 0, format);
    if (endStep()) return;
    sum = addElement(sum, other, 0, format);
  }
  for (let i = 0; i < n; i++) set(i, (imm >> i) & 1 ? sum : 0, format);
}

/** Float to 32-bit integers; `count` results. */
function toIntegers(format: i32, count: i32, rc: i32): void {
  for (let i = 0; i < count; i++) store<i32>(R + 4 * i, <i32>toInteger(get(B, i, format), format, 32, rc));
}

/** 32-bit integers to floats; `count` results. */
function fromIntegers(format: i32, count: i32): void {
  for (let i = 0; i < count; i++) set(i, fromInteger(<i64>load<i32>(B + 4 * i), format), format);
}

/** The conversions, 64 and up. */
function convert(op: i32): void {
  store<u64>(R + 8, 0);
  switch (op) {
    case 64: return fromIntegers(SINGLE, 4);
    case 65: return toIntegers(SINGLE, 4, currentRounding());
    case 66: return toIntegers(SINGLE, 4, 3);
    case 67: case 74: return toIntegers(DOUBLE, 2, currentRounding());
    case 68: case 75: return toIntegers(DOUBLE, 2, 3);
    case 69: case 77: return fromIntegers(DOUBLE, 2);
    case 72: return toIntegers(SINGLE, 2, currentRounding());
    case 73: return toIntegers(SINGLE, 2, 3);
    case 76: return fromIntegers(SINGLE, 2);
    default:
  }
  for (let i = 0; i < 2; i++) {
    if (op == 70) set(i, toDouble(get(B, i, SINGLE)), DOUBLE);
    else set(i, toSingle(get(B, i, DOUBLE)), SINGLE);
  }
}

/** One packed instruction, operands and result in FP_SCRATCH; 1 when #XM is due. `op` is listed in README.md. */
export function sse_packed(op: i32, imm: i32): i32 {
  begin();
  const format = (op >> 5) & 1;
  const kind = op & 31;
  if (op >= 64) convert(op);
  else if (kind == 8 || kind == 9) horizontal(kind == 8 ? 0 : 0x8000, format);
  else if (kind == 11) dotProduct(imm, format);
  else {
    const n = format == SINGLE ? 4 : 2;
    for (let i = 0; i < n; i++) set(i, element(kind, imm, i, format), format);
  }
  return end();
}

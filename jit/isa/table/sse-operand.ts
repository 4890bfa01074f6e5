import type { Machine, Value } from '../../ir/machine.ts';
import type { RegisterRef } from '../../ir/node.ts';
import { FPU_ST, FPU_TAG, FPU_TOP } from '../../state/vcpu-layout.ts';
import { type Row, type RowOptions, row as plainRow } from '../dsl/row.ts';

/** A vector result of two vectors. */
export type VectorOperation = (m: Machine, a: Value, b: Value) => Value;

/** As `row` of the vocabulary, also where the opcode byte reads like a prefix (`0F 66`, `0F F2`, `0F F3`). */
export function row(mnemonic: string, opcode: string, operands: string, sem: (m: Machine) => void, options: RowOptions = {}): Row {
  const made = plainRow(mnemonic, opcode, operands, sem, options);
  if (made.byte >= 0) return made;
  const words = opcode.split(' ');
  return { ...made, prefix: words[0] as NonNullable<Row['prefix']>, byte: Number.parseInt(words[2] as string, 16) };
}

/** A WebAssembly operation with a vector result. */
export const vec = (m: Machine, op: string, ...args: Value[]): Value => m.wasm(op, 'v128', 128, ...args);

/** A WebAssembly operation with an i32 result. */
export const int = (m: Machine, op: string, ...args: Value[]): Value => m.wasm(op, 'i32', 32, ...args);

/** The WebAssembly operation of that name as a vector operation. */
export const direct = (op: string): VectorOperation => (m, a, b) => vec(m, op, a, b);

/** The same with exchanged operands. */
export const swapped = (op: string): VectorOperation => (m, a, b) => vec(m, op, b, a);

/** A v128 of 16 zero bytes. */
export const zeroVector = (m: Machine): Value => m.vector(new Array(16).fill(0));

/** A v128 of ones. */
export const onesVector = (m: Machine): Value => m.vector(new Array(16).fill(0xff));

/** A v128 of four equal 32-bit lanes. */
export const splat32 = (m: Machine, bits: number): Value =>
  m.vector(Array.from({ length: 16 }, (_, i) => (bits >>> (8 * (i & 3))) & 0xff));

/** A v128 of two equal 64-bit lanes. */
export const splat64 = (m: Machine, bits: bigint): Value =>
  m.vector(Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * (i & 7))) & 0xffn)));

/** A v128 of four 32-bit lanes. */
export const lanes32 = (m: Machine, lanes: readonly number[]): Value =>
  m.vector(Array.from({ length: 16 }, (_, i) => ((lanes[i >> 2] as number) >>> (8 * (i & 3))) & 0xff));

/** The lane numbers 0 to 15, each plus `base`. */
export const bytesFrom = (base: number): number[] => Array.from({ length: 16 }, (_, i) => base + i);

/** The vector with an i64 in its low half and zeros above. */
export const lowHalf = (m: Machine, x: Value): Value => m.replaceLane('i64x2', zeroVector(m), 0, x);

/** The constant an immediate operand holds, or undefined where only the predecoded record knows it. */
export function knownImmediate(m: Machine, i: number): number | undefined {
  const operand = m.operand(i);
  if (operand.kind !== 'immediate') throw new Error(`operand ${i} is not immediate`);
  return operand.value === 'record' ? undefined : Number(operand.value) & 0xff;
}

/** An 8-bit immediate as an i32. */
export const immediate32 = (m: Machine, i: number): Value => m.zeroExtend(m.read(i, 8), 32);

/** A 128-bit source: XMM register, or memory that must be aligned. */
export function xmmSource(m: Machine, i: number): Value {
  if (m.isMemory(i)) m.requireAligned(m.address(i));
  return m.read(i, 128);
}

/** A source of which only the low 64 bits count: XMM register or 64 bits of memory, zeros above. */
export const lowSource = (m: Machine, i: number): Value =>
  m.isMemory(i) ? lowHalf(m, m.load(m.address(i), 64)) : m.read(i, 128);

/** An MMX register in the low half of a vector; what stands above is undefined. */
export function mmxRegister(m: Machine, i: number): Value {
  const register = registerOf(m, i);
  return typeof register.index === 'number' ? m.state(FPU_ST + 16 * register.index, 128) : m.readRegister(register, 128);
}

/** An MMX source, register or memory, in the same way. */
export const mmxSource = (m: Machine, i: number): Value =>
  m.isMemory(i) ? vec(m, 'i64x2.splat', m.zeroExtend(m.read(i), 64)) : mmxRegister(m, i);

function registerOf(m: Machine, i: number): RegisterRef {
  const operand = m.operand(i);
  if (operand.kind !== 'register') throw new Error(`operand ${i} is not a register`);
  return operand.register;
}

/** Low half of a vector. */
export const low64 = (m: Machine, v: Value): Value => m.extractLane('i64x2', v, 0);

/** Ends an MMX instruction: x87 tags and top, then the register. */
export function writeMmx(m: Machine, i: number, v: Value): void {
  enterMmx(m);
  putMmx(m, i, v);
}

/** Writes an MMX register. Its exponent bits become ones, as the hardware makes them, for which all 16 bytes of the slot are written. */
export function putMmx(m: Machine, i: number, v: Value): void {
  const register = registerOf(m, i);
  const slot = m.replaceLane('i64x2', v, 1, m.constant(64, 0xffff));
  if (typeof register.index === 'number') m.setState(FPU_ST + 16 * register.index, slot);
  else m.writeRegister(register, slot);
}

/** What every MMX instruction but EMMS does to the x87 state; after all that may fault. */
export function enterMmx(m: Machine): void {
  m.setState(FPU_TOP, m.i32(0));
  m.setState(FPU_TAG, m.i32(0xff));
}

/** XMM register 0, the implicit mask of some instructions. */
export const xmm0: RegisterRef = { file: 'xmm', index: 0 };

/** Meaning of an SSE instruction `a = op(a, b)` with an aligned 128-bit source. */
export const xmmBinary = (op: VectorOperation) => (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  m.write(0, op(m, m.read(0), b));
};

/** Meaning of an MMX instruction `a = op(a, b)`; the low half of the result counts. */
export const mmxBinary = (op: VectorOperation) => (m: Machine): void => {
  m.need('mmx');
  const b = mmxSource(m, 1);
  writeMmx(m, 0, op(m, mmxRegister(m, 0), b));
};

/** Rows with a general register of 32 bits and, with REX.W, 64 bits: `r*` and `rm*` in `operands`. */
export const bothWidths = (mnemonic: string, prefix: string, opcode: string, operands: string, sem: (m: Machine) => void, options: RowOptions): Row[] => [
  row(mnemonic, `${prefix} ${opcode}`, operands.replace('*', '32'), sem, { operandSize: 'any', ...options }),
  row(mnemonic, `${prefix} W1 ${opcode}`, operands.replace('*', '64'), sem, { ...options, modes: 'only64', operandSize: 64 }),
];

/** Features of the two forms of an instruction that MMX and SSE registers share. */
export interface PairOptions {
  /** CPUID feature of the MMX form; `mmx` when absent. */
  readonly mmx?: string;
  /** CPUID feature of the XMM form; `sse2` when absent. */
  readonly sse?: string;
}

/** Rows of an instruction on MMX registers (no prefix) and XMM registers (66), from one or two descriptions. */
export function mmxAndXmm(mnemonic: string, opcode: string, xmm: VectorOperation, options: PairOptions = {}, mmx: VectorOperation = xmm): Row[] {
  return [
    row(mnemonic, `NP 0F ${opcode} /r`, 'q,qm64', mmxBinary(mmx), { feature: options.mmx ?? 'mmx', size: 64, operandSize: 'any' }),
    xmmOnly(mnemonic, `66 0F ${opcode} /r`, xmm, options.sse ?? 'sse2'),
  ];
}

/** Row of a two-operand XMM instruction with an aligned source. */
export const xmmOnly = (mnemonic: string, opcode: string, op: VectorOperation, feature: string): Row =>
  row(mnemonic, opcode, 'x,xm128', xmmBinary(op), { feature });

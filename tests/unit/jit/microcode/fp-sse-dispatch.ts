/** Runs the SSE floating-point instruction of a vector on the microcode. */
import type { Decoded } from './fp-decode.ts';
import { SCRATCH, type FpMachine } from './fp-machine.ts';

/** Operands of an SSE instruction: 16 bytes each, general register or memory as bits. */
export interface SseOperands {
  /** Destination register, 16 bytes; receives a register result. */
  readonly dst: Uint8Array;
  /** Source register or memory, 16 bytes. */
  readonly src: Uint8Array;
  /** Source as a general register or integer in memory. */
  readonly integer: bigint;
}

/** What came of it. */
export interface SseResult {
  /** EFLAGS bits of COMISS and friends. */
  flags?: number;
  /** General register result. */
  integer?: bigint;
  /** Result for an MMX register. */
  mmx?: bigint;
}

const BINARY: Record<number, string> = { 0x58: 'add', 0x59: 'mul', 0x5c: 'sub', 0x5d: 'min', 0x5e: 'div', 0x5f: 'max' };
const PACKED: Record<number, number> = { 0x58: 0, 0x59: 1, 0x5c: 2, 0x5d: 3, 0x5e: 4, 0x5f: 5, 0x51: 6, 0xc2: 7 };

/** Key of an opcode with its mandatory prefix. */
function key(prefix: number, opcode: number): string {
  return `${prefix.toString(16)}.${opcode.toString(16)}`;
}

/** Packed instructions that are not in `PACKED`: number of the routine's operation and result size. */
const OTHER_PACKED: Record<string, readonly [op: number, size: number]> = {
  '66.f7c': [40, 16],
  'f2.f7c': [8, 16],
  '66.f7d': [41, 16],
  'f2.f7d': [9, 16],
  '66.fd0': [42, 16],
  'f2.fd0': [10, 16],
  '66.f3a40': [11, 16],
  '66.f3a41': [43, 16],
  '66.f3a08': [12, 16],
  '66.f3a09': [44, 16],
  '0.f5b': [64, 16],
  '66.f5b': [65, 16],
  'f3.f5b': [66, 16],
  'f2.fe6': [67, 16],
  '66.fe6': [68, 16],
  'f3.fe6': [69, 16],
  '0.f5a': [70, 16],
  '66.f5a': [71, 16],
  '0.f2d': [72, 0],
  '0.f2c': [73, 0],
  '66.f2d': [74, 0],
  '66.f2c': [75, 0],
  '0.f2a': [76, 8],
  '66.f2a': [77, 16],
};

/** The packed operation of an instruction, if it is one. */
function packedOperation(d: Decoded): readonly [op: number, size: number] | undefined {
  const low = PACKED[d.opcode & 0xff];
  if (d.opcode >> 8 === 0x0f && low !== undefined && (d.prefix === 0 || d.prefix === 0x66)) return [low + (d.prefix === 0 ? 0 : 32), 16];
  return OTHER_PACKED[key(d.prefix, d.opcode).replace('f3a8', 'f3a08').replace('f3a9', 'f3a09')];
}

/** Whether `runSse` knows the instruction. */
export function isSseFloat(d: Decoded): boolean {
  if (packedOperation(d) !== undefined) return true;
  const low = d.opcode & 0xff;
  if (d.opcode === 0xf3a0a || d.opcode === 0xf3a0b) return true;
  if (d.opcode >> 8 !== 0x0f) return false;
  if (low === 0x2e || low === 0x2f) return d.prefix === 0 || d.prefix === 0x66;
  return (d.prefix === 0xf2 || d.prefix === 0xf3) && (low in PACKED || [0x2a, 0x2c, 0x2d, 0x5a].includes(low));
}

/** Scalar forms. */
function runScalar(m: FpMachine, d: Decoded, { dst, src, integer }: SseOperands): SseResult {
  const low = d.opcode & 0xff;
  const double = d.prefix === 0xf2 || d.opcode === 0xf3a0b || (d.prefix === 0x66 && d.opcode >> 8 === 0x0f);
  const format = double ? 'f64' : 'f32';
  const bits = (bytes: Uint8Array, wide: boolean): number | bigint => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return wide ? view.getBigUint64(0, true) : view.getUint32(0, true);
  };
  const a = bits(dst, double);
  const b = bits(src, double);
  const put = (value: number | bigint | undefined, wide: boolean): SseResult => {
    const view = new DataView(dst.buffer, dst.byteOffset);
    if (m.xmPending()) return {};
    if (wide) view.setBigUint64(0, BigInt.asUintN(64, BigInt(value ?? 0)), true);
    else view.setUint32(0, Number(value) >>> 0, true);
    return {};
  };
  if (d.opcode >> 8 === 0xf3a) return put(m.call(`sse_round_${format}`, b, d.imm), double);
  if (low === 0x2e || low === 0x2f) return { flags: Number(m.call(`sse_${low === 0x2e ? 'ucomi' : 'comi'}_${format}`, a, b)) };
  const width = d.rexW ? 64 : 32;
  if (low === 0x2a) return put(m.call(`sse_cvt_i${width}_${format}`, d.rexW ? integer : Number(BigInt.asIntN(32, integer))), double);
  if (low === 0x2c || low === 0x2d) {
    const value = BigInt(m.call(`sse_cvt${low === 0x2c ? 't' : ''}_${format}_i${width}`, b) ?? 0);
    return { integer: BigInt.asUintN(width, value) };
  }
  if (low === 0x5a) return put(m.call(double ? 'sse_cvt_f64_f32' : 'sse_cvt_f32_f64', b), !double);
  if (low === 0x51) return put(m.call(`sse_sqrt_${format}`, b), double);
  if (low === 0xc2) return put(m.call(`sse_cmp_${format}`, a, b, d.imm & 7), double);
  return put(m.call(`sse_${BINARY[low]}_${format}`, a, b), double);
}

/** Runs one instruction; the destination register is left alone when #XM is due. */
export function runSse(m: FpMachine, d: Decoded, operands: SseOperands): SseResult {
  const packed = packedOperation(d);
  if (packed === undefined) return runScalar(m, d, operands);
  const [op, size] = packed;
  m.bytes.set(operands.dst, SCRATCH);
  m.bytes.set(operands.src, SCRATCH + 16);
  if (m.call('sse_packed', op, d.imm) !== 0) return {};
  if (size === 0) return { mmx: m.view.getBigUint64(SCRATCH + 32, true) };
  operands.dst.set(m.bytes.subarray(SCRATCH + 32, SCRATCH + 32 + size));
  return {};
}

import type { Operand } from '../ir/machine.ts';
import type { MemoryRef, RegisterFile, Width } from '../ir/node.ts';
import type { Row } from '../isa/dsl/row.ts';
import type { Cursor } from './cursor.ts';

/** What an operand is read from: the bytes so far and those to come. */
export interface OperandSource {
  readonly c: Cursor;
  readonly rex: number;
  /** Segment override 0-5, or -1. */
  readonly segment: number;
  readonly addressWidth: 16 | 32 | 64;
  readonly memory: MemoryRef | null;
  readonly modrm: number;
  readonly opcode: number;
  readonly vvvv: number;
  readonly reg: number;
  readonly rm: number;
  /** Distance of a relative branch; set by its operand. */
  relative: bigint;
}

/** Reads one operand; null = #UD. */
type OperandReader = (s: OperandSource) => Operand | null;

const CONTROL_REGISTERS = new Set([0, 2, 3, 4, 8]);
const DEBUG_REGISTERS = new Set([0, 1, 2, 3, 4, 5, 6, 7]);
/** Segment registers that an opcode names by itself. */
const FIXED_SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

const register = (file: RegisterFile, index: number, width: Width): Operand => ({ kind: 'register', width, register: { file, index } });
const memoryOperand = (memory: MemoryRef, width: Width): Operand => ({ kind: 'memory', memory, width });
const immediate = (value: bigint, width: Width): Operand => ({ kind: 'immediate', value, width });

function gpr(s: OperandSource, n: number, width: Width): Operand {
  if (width === 8 && s.rex === 0 && n >= 4) return { kind: 'register', width, register: { file: 'gpr', index: n - 4, high: true } };
  return register('gpr', n, width);
}

function farPointer(s: OperandSource, offset: number): Operand {
  return immediate(BigInt(offset) | (BigInt(s.c.u16()) << 32n), 64);
}

function relativeOperand(s: OperandSource, distance: number): Operand {
  s.relative = BigInt(distance);
  return immediate(s.relative, 64);
}

function moffs(s: OperandSource, width: Width): Operand {
  const { addressWidth, c } = s;
  const disp = addressWidth === 64 ? c.s64() : BigInt(addressWidth === 32 ? c.u32() : c.u16());
  return memoryOperand({ base: -1, index: -1, scale: 0, disp, segment: s.segment >= 0 ? s.segment : 3, addressWidth }, width);
}

/** Kinds whose reader does not depend on a width in their name. */
const EXACT: Readonly<Record<string, (width: Width, size: Width) => OperandReader>> = {
  x: () => (s) => register('xmm', s.reg, 128),
  xr: () => (s) => register('xmm', s.rm, 128),
  q: () => (s) => register('mmx', s.reg & 7, 64),
  qr: () => (s) => register('mmx', s.rm & 7, 64),
  sreg: () => (s) => immediate(BigInt((s.modrm >> 3) & 7), 32),
  creg: () => (s) => (CONTROL_REGISTERS.has(s.reg) ? immediate(BigInt(s.reg), 32) : null),
  dreg: () => (s) => (DEBUG_REGISTERS.has(s.reg) ? immediate(BigInt(s.reg), 32) : null),
  sti: () => (s) => immediate(BigInt(s.modrm & 7), 32),
  al: () => () => register('gpr', 0, 8),
  ax: () => () => register('gpr', 0, 16),
  eax: () => () => register('gpr', 0, 32),
  rax: () => () => register('gpr', 0, 64),
  cl: () => () => register('gpr', 1, 8),
  dx: () => () => register('gpr', 2, 16),
  one: () => () => immediate(1n, 8),
  imm8: () => (s) => immediate(BigInt(s.c.u8()), 8),
  imm8s: (_, size) => (s) => immediate(BigInt(s.c.s8()), size),
  imm16: () => (s) => immediate(BigInt(s.c.u16()), 16),
  imm32: () => (s) => immediate(BigInt(s.c.u32()), 32),
  imm32s: () => (s) => immediate(BigInt(s.c.s32()), 64),
  imm64: () => (s) => immediate(s.c.s64(), 64),
  imm16_8: () => (s) => { const low = s.c.u16(); return immediate(BigInt(low | (s.c.u8() << 16)), 32); },
  far16: () => (s) => farPointer(s, s.c.u16()),
  far32: () => (s) => farPointer(s, s.c.u32()),
  rel8: () => (s) => relativeOperand(s, s.c.s8()),
  rel16: () => (s) => relativeOperand(s, (s.c.u16() << 16) >> 16),
  rel32: () => (s) => relativeOperand(s, s.c.s32()),
};

/** Kinds that end in a width, by what stands before it; longest first. */
const PREFIXED: readonly (readonly [prefix: RegExp, make: (width: Width) => OperandReader])[] = [
  [/^rm\d/, (w) => (s) => (s.memory ? memoryOperand(s.memory, w) : gpr(s, s.rm, w))],
  [/^r\d/, (w) => (s) => gpr(s, s.reg, w)],
  [/^o\d/, (w) => (s) => gpr(s, (s.opcode & 7) | ((s.rex & 1) << 3), w)],
  [/^v\d/, (w) => (s) => gpr(s, s.vvvv, w)],
  [/^xm/, (w) => (s) => (s.memory ? memoryOperand(s.memory, w) : register('xmm', s.rm, w))],
  [/^qm/, (w) => (s) => (s.memory ? memoryOperand(s.memory, w) : register('mmx', s.rm & 7, w))],
  [/^moffs/, (w) => (s) => moffs(s, w)],
  [/^m\d*$/, (w) => (s) => memoryOperand(s.memory as MemoryRef, w)],
];

function readerFor(row: Row, kind: string): OperandReader {
  const width = operandWidth(kind, row.size);
  const exact = EXACT[kind];
  if (exact !== undefined) return exact(width, row.size);
  const segment = FIXED_SEGMENTS.indexOf(kind);
  if (segment >= 0) return () => immediate(BigInt(segment), 32);
  const found = PREFIXED.find(([prefix]) => prefix.test(kind));
  if (found === undefined) throw new Error(`row ${row.id}: operand kind ${kind} is unknown`);
  return found[1](width);
}

const readers = new Map<Row, readonly OperandReader[]>();

/** The readers of a row's operands, in order. */
export function operandReaders(row: Row): readonly OperandReader[] {
  let list = readers.get(row);
  if (list === undefined) {
    list = row.operands.map((kind) => readerFor(row, kind));
    readers.set(row, list);
  }
  return list;
}

const vvvvRows = new Map<Row, boolean>();

/** True when a row has an operand in VEX.vvvv. */
export function usesVvvv(row: Row): boolean {
  let uses = vvvvRows.get(row);
  if (uses === undefined) {
    uses = row.operands.some((kind) => kind.startsWith('v'));
    vvvvRows.set(row, uses);
  }
  return uses;
}

/** Width of an operand kind, in bits. */
export function operandWidth(kind: string, size: Width): Width {
  if (kind === 'al' || kind === 'cl') return 8;
  if (kind === 'ax' || kind === 'dx') return 16;
  if (kind === 'eax') return 32;
  if (kind === 'rax') return 64;
  if (kind === 'x' || kind === 'xr') return 128;
  if (kind === 'q' || kind === 'qr') return 64;
  const n = Number(/(\d+)s?$/.exec(kind)?.[1] ?? size);
  return (n === 8 || n === 16 || n === 32 || n === 64 ? n : n > 64 ? 128 : size) as Width;
}

import { decodeInstruction } from '../../jit/decode/decode-instruction.ts';
import type { Row } from '../../jit/isa/dsl/row.ts';

/** The code sizes that the fuzzer writes programs for. */
export type CodeSize = 16 | 32 | 64;

/** What the operands of an instruction are to be. */
export interface OperandChoice {
  /** ModRM.reg, when the row leaves it free: 0 to 15. */
  readonly reg: number;
  /** ModRM.rm as a register, the register in the opcode: 0 to 15. */
  readonly rm: number;
  /** VEX.vvvv: 0 to 15. */
  readonly vvvv: number;
  /** The memory operand, else rm is a register. */
  readonly memory: MemoryChoice | null;
  /** Immediate bits. */
  readonly immediate: bigint;
  readonly lock: boolean;
  /** REX without need, in 64-bit code: SPL in place of AH. */
  readonly rex: boolean;
  /** A repeat prefix: 0, 0xF2 or 0xF3. */
  readonly repeat: number;
}

/** A memory operand: `base` and `index` -1 = none; `rip` makes `displacement` relative to the end of the instruction. */
export interface MemoryChoice {
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly displacement: number;
  /** Segment override prefix, or 0. */
  readonly segment: number;
  /** The address-size prefix. */
  readonly narrow: boolean;
  readonly rip?: boolean;
}

/** Bytes of an immediate of a kind. */
function immediateBytes(kind: string, address: number): number {
  if (kind === 'imm8' || kind === 'imm8s' || kind === 'rel8') return 1;
  if (kind === 'imm16' || kind === 'rel16') return 2;
  if (kind === 'imm32' || kind === 'imm32s' || kind === 'rel32') return 4;
  if (kind === 'imm64') return 8;
  if (kind === 'imm16_8') return 3;
  if (kind.startsWith('moffs')) return address;
  return 0;
}

/** Bytes of an address, with or without the prefix that changes its size. */
function addressBytes(code: CodeSize, prefix: boolean): number {
  if (code === 64) return prefix ? 4 : 8;
  return (code === 16) === prefix ? 4 : 2;
}

const littleEndian = (value: bigint, n: number): number[] => Array.from({ length: n }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

/** The eight ways to make a 16-bit address, as register numbers. */
const PAIRS = ['3,6', '3,7', '5,6', '5,7', '6,-1', '7,-1', '5,-1', '3,-1'];

/** A memory operand with a 16-bit address; one of its registers that has none is left out. */
function shortAddress(reg: number, { base, index, displacement }: MemoryChoice): { modrm: number; tail: number[]; x: number; b: number } {
  const both = PAIRS.indexOf(`${base},${index}`);
  const rm = both >= 0 ? both : PAIRS.indexOf(`${base},-1`);
  const disp = littleEndian(BigInt(displacement & 0xffff), 2);
  return rm < 0 ? { modrm: (reg << 3) | 6, tail: disp, x: 0, b: 0 } : { modrm: 0x80 | (reg << 3) | rm, tail: disp, x: 0, b: 0 };
}

function modrmBytes(row: Row, o: OperandChoice, code: CodeSize): { modrm: number; tail: number[]; x: number; b: number } {
  const reg = (row.reg ?? o.reg) & 7;
  if (o.memory !== null && code !== 64 && (code === 16) !== o.memory.narrow) return shortAddress(reg, o.memory);
  const m = o.memory;
  if (m === null) {
    const rm = row.rm ?? o.rm;
    return { modrm: 0xc0 | (reg << 3) | (rm & 7), tail: [], x: 0, b: rm >> 3 };
  }
  const disp = littleEndian(BigInt(m.displacement), 4);
  if (m.rip && code === 64) return { modrm: (reg << 3) | 5, tail: disp, x: 0, b: 0 };
  if (m.base < 0) {
    const plain = code !== 64 && m.index < 0;
    const index = m.index < 0 ? 4 : m.index & 7;
    return plain
      ? { modrm: (reg << 3) | 5, tail: disp, x: 0, b: 0 }
      : { modrm: (reg << 3) | 4, tail: [(m.scale << 6) | (index << 3) | 5, ...disp], x: m.index < 0 ? 0 : m.index >> 3, b: 0 };
  }
  const short = m.displacement >= -128 && m.displacement < 128;
  const mod = m.displacement === 0 && (m.base & 7) !== 5 ? 0 : short ? 1 : 2;
  const tail = mod === 0 ? [] : mod === 1 ? disp.slice(0, 1) : disp;
  if (m.index < 0 && (m.base & 7) !== 4) return { modrm: (mod << 6) | (reg << 3) | (m.base & 7), tail, x: 0, b: m.base >> 3 };
  const index = m.index < 0 ? 4 : m.index & 7;
  return {
    modrm: (mod << 6) | (reg << 3) | 4,
    tail: [(m.scale << 6) | (index << 3) | (m.base & 7), ...tail],
    x: m.index < 0 ? 0 : m.index >> 3,
    b: m.base >> 3,
  };
}

/** Prefixes before REX or VEX: chosen freely, or part of the row. */
function prefixBytes(row: Row, o: OperandChoice, code: CodeSize): number[] {
  const out: number[] = [];
  if (o.memory?.segment) out.push(o.memory.segment);
  if (o.memory?.narrow) out.push(0x67);
  if (o.lock) out.push(0xf0);
  if (!row.vex && (row.operandSize === (code === 16 ? 32 : 16) || row.prefix === '66')) out.push(0x66);
  if (!row.vex && (row.prefix === 'F2' || row.prefix === 'F3')) out.push(row.prefix === 'F2' ? 0xf2 : 0xf3);
  else if (o.repeat !== 0) out.push(o.repeat);
  return out;
}

/** The three-byte VEX prefix; `high` holds the fourth bits of the register numbers. */
function vexBytes(row: Row, o: OperandChoice, high: { r: number; x: number; b: number }): number[] {
  const pp = ['NP', '66', 'F3', 'F2'].indexOf(row.prefix ?? 'NP');
  const vvvv = row.operands.some((k) => k.startsWith('v')) ? o.vvvv : 0;
  const inverted = (high.r ? 0 : 0x80) | (high.x ? 0 : 0x40) | (high.b ? 0 : 0x20);
  return [0xc4, inverted | row.map, (row.operandSize === 64 ? 0x80 : 0) | ((~vvvv & 15) << 3) | pp];
}

/**
 * Encodes an instruction of a row.
 * @returns the bytes, or null when the choice does not lead back to this row (another row, or #UD)
 */
export function encodeRow(row: Row, o: OperandChoice, code: CodeSize): Uint8Array | null {
  const registerForm = o.memory === null;
  if (row.modrm && (row.form === 'register') !== registerForm && row.form !== 'both') return null;
  const wide = row.operandSize === 64 && row.long === undefined;
  const { modrm, tail, x, b } = row.modrm ? modrmBytes(row, o, code) : { modrm: -1, tail: [] as number[], x: 0, b: row.plusR ? o.rm >> 3 : 0 };
  const r = row.modrm && row.reg === undefined ? o.reg >> 3 : 0;
  if (code !== 64 && (r | x | b) !== 0) return null;
  const out = prefixBytes(row, o, code);
  const opcode = row.byte + (row.plusR ? o.rm & 7 : 0);
  if (row.vex) out.push(...vexBytes(row, o, { r, x, b }), opcode);
  else {
    const rex = (wide ? 8 : 0) | (r << 2) | (x << 1) | b;
    if (code === 64 && (rex !== 0 || o.rex)) out.push(0x40 | rex);
    if (row.map > 0) out.push(0x0f);
    if (row.map > 1) out.push(row.map === 2 ? 0x38 : 0x3a);
    out.push(opcode);
  }
  if (modrm >= 0) out.push(modrm, ...tail);
  for (const kind of row.operands) out.push(...littleEndian(o.immediate, immediateBytes(kind, addressBytes(code, o.memory?.narrow ?? false))));
  const bytes = Uint8Array.from(out);
  const back = decodeInstruction(bytes, 0, { code, stack: code });
  return typeof back !== 'string' && back.row === row && back.length === bytes.length ? bytes : null;
}

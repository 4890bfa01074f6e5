import type { Operand } from '../ir/machine.ts';
import type { MemoryRef, RegisterRef, Width } from '../ir/node.ts';
import type { Row } from '../isa/dsl/row.ts';
import type { DecodeMode, Instruction } from './instruction.ts';
import { findRow, needsModrm } from './opcode-maps.ts';

/** Why bytes are no instruction. `short`: the buffer ended; `long`: more than 15 bytes; `invalid`: #UD. */
export type DecodeFailure = 'short' | 'long' | 'invalid';

interface Prefixes {
  rex: number;
  segment: number;
  opsize: boolean;
  addrsize: boolean;
  lock: boolean;
  /** 0, 0xF2 or 0xF3: the last one given. */
  rep: number;
}

class ShortBuffer extends Error {}

/** Reads the bytes of one instruction. */
class Cursor {
  pos = 0;
  readonly bytes: Uint8Array;
  readonly start: number;

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes;
    this.start = start;
  }
  u8(): number {
    const b = this.bytes[this.start + this.pos];
    if (b === undefined || this.pos >= 15) throw shortBuffer;
    this.pos++;
    return b;
  }
  peek(): number {
    const b = this.bytes[this.start + this.pos];
    if (b === undefined || this.pos >= 15) throw shortBuffer;
    return b;
  }
  s8(): number { return (this.u8() << 24) >> 24; }
  u16(): number { const l = this.u8(); return l | (this.u8() << 8); }
  s32(): number { const l = this.u16(); return l | (this.u16() << 16); }
  u32(): number { return this.s32() >>> 0; }
  s64(): bigint { const l = this.u32(); return BigInt.asIntN(64, BigInt(l) | (BigInt(this.u32()) << 32n)); }
}
const shortBuffer = new ShortBuffer();

const MODRM16: readonly (readonly [number, number])[] = [[3, 6], [3, 7], [5, 6], [5, 7], [6, -1], [7, -1], [5, -1], [3, -1]];

function readMemory(c: Cursor, modrm: number, p: Prefixes, addressWidth: 16 | 32 | 64, code: 16 | 32 | 64): MemoryRef {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let base = -1;
  let index = -1;
  let scale = 0;
  let disp = 0;
  if (addressWidth === 16) {
    const pair = MODRM16[rm] as readonly [number, number];
    [base, index] = pair;
    if (mod === 0 && rm === 6) {
      base = -1;
      disp = c.u16();
    } else if (mod === 1) disp = c.s8();
    else if (mod === 2) disp = (c.u16() << 16) >> 16;
  } else {
    if (rm === 4) {
      const sib = c.u8();
      scale = sib >> 6;
      index = ((sib >> 3) & 7) | ((p.rex & 2) << 2);
      if (index === 4) index = -1;
      base = (sib & 7) | ((p.rex & 1) << 3);
      if ((sib & 7) === 5 && mod === 0) {
        base = -1;
        disp = c.s32();
      }
    } else if (rm === 5 && mod === 0) {
      base = code === 64 ? 16 : -1;
      disp = c.s32();
    } else base = rm | ((p.rex & 1) << 3);
    if (mod === 1) disp = c.s8();
    else if (mod === 2) disp = c.s32();
  }
  const stackBased = base === 4 || base === 5;
  const segment = p.segment >= 0 ? p.segment : stackBased ? 2 : 3;
  return { base, index, scale, disp: BigInt(disp), segment, addressWidth };
}

const IMMEDIATE = /^(imm|rel|far|moffs)/;

const CONTROL_REGISTERS = new Set([0, 2, 3, 4, 8]);
const DEBUG_REGISTERS = new Set([0, 1, 2, 3, 4, 5, 6, 7]);

/** Segment registers that an opcode names by itself. */
const FIXED_SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

/**
 * Decodes the instruction at `start` of `bytes`.
 * @returns the instruction, or why there is none.
 */
export function decodeInstruction(bytes: Uint8Array, start: number, mode: DecodeMode): Instruction | DecodeFailure {
  const c = new Cursor(bytes, start);
  try {
    return decode(c, mode);
  } catch (error) {
    if (error === shortBuffer) return c.pos >= 15 ? 'long' : 'short';
    throw error;
  }
}

function readPrefixes(c: Cursor, code: 16 | 32 | 64): Prefixes {
  const p: Prefixes = { rex: 0, segment: -1, opsize: false, addrsize: false, lock: false, rep: 0 };
  for (;;) {
    const b = c.peek();
    if (b === 0x66) p.opsize = true;
    else if (b === 0x67) p.addrsize = true;
    else if (b === 0xf0) p.lock = true;
    else if (b === 0xf2 || b === 0xf3) p.rep = b;
    else if (b === 0x26 || b === 0x2e || b === 0x36 || b === 0x3e) {
      if (code !== 64) p.segment = (b >> 3) & 3;
    } else if (b === 0x64 || b === 0x65) p.segment = b - 0x60;
    else if (code === 64 && (b & 0xf0) === 0x40) {
      c.u8();
      p.rex = b;
      const next = c.peek();
      const isPrefix = next === 0x66 || next === 0x67 || next === 0xf0 || next === 0xf2 || next === 0xf3 || next === 0x26 || next === 0x2e || next === 0x36 || next === 0x3e || next === 0x64 || next === 0x65 || (next & 0xf0) === 0x40;
      if (!isPrefix) return p;
      p.rex = 0; // REX counts only right before the opcode
      continue;
    } else return p;
    c.u8();
  }
}

function decode(c: Cursor, mode: DecodeMode): Instruction | DecodeFailure {
  const { code } = mode;
  const p = readPrefixes(c, code);
  let opcode = c.u8();
  let map: 0 | 1 | 2 | 3 = 0;
  let vex = false;
  let vvvv = 0;
  let pp = p.rep === 0xf3 ? 'F3' : p.rep === 0xf2 ? 'F2' : p.opsize ? '66' : 'NP';
  if ((opcode === 0xc4 || opcode === 0xc5) && (code === 64 || (c.peek() & 0xc0) === 0xc0)) {
    if (p.rex !== 0 || p.opsize || p.lock || p.rep !== 0) return 'invalid';
    vex = true;
    let b = c.u8();
    const first = ~b & 0x80 ? 4 : 0;
    let mapBits = 1;
    let rex = first;
    if (opcode === 0xc4) {
      mapBits = b & 31;
      rex |= (~b & 0x40 ? 2 : 0) | (~b & 0x20 ? 1 : 0);
      b = c.u8();
      if (b & 0x80) rex |= 8;
    }
    if (code !== 64) rex &= 8;
    p.rex = 0x40 | rex;
    vvvv = (~b >> 3) & 15;
    if (b & 4) return 'invalid'; // 256-bit forms: no AVX
    pp = ['NP', '66', 'F3', 'F2'][b & 3] as string;
    if (mapBits < 1 || mapBits > 3) return 'invalid';
    map = mapBits as 1 | 2 | 3;
    opcode = c.u8();
  } else if (opcode === 0x0f) {
    opcode = c.u8();
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      opcode = c.u8();
    }
  }
  const rexW = (p.rex & 8) !== 0;
  const narrow = code === 16 ? !p.opsize : p.opsize;
  const operandSize: 16 | 32 | 64 = code === 64 && rexW ? 64 : narrow ? 16 : 32;
  const addressWidth: 16 | 32 | 64 = code === 64 ? (p.addrsize ? 32 : 64) : (code === 16) !== p.addrsize ? 16 : 32;
  const hasModrm = needsModrm(map, opcode, vex);
  const modrm = hasModrm ? c.u8() : -1;
  // 90 is NOP, but with REX.B it exchanges R8 as its neighbours exchange their registers; F3 90 is always PAUSE
  const lookup = map === 0 && opcode === 0x90 && p.rex & 1 && p.rep !== 0xf3 ? 0x91 : opcode;
  const found = findRow({ map, opcode: lookup, vex, prefix: pp, modrm, operandSize, rexW, opsizePrefix: p.opsize, code });
  if (found === null) return 'invalid';
  const row = found;
  if (vvvv !== 0 && !row.operands.some((kind) => kind.startsWith('v'))) return 'invalid';
  // MOV to and from control and debug registers ignores mod
  const registerOnly = map === 1 && !vex && opcode >= 0x20 && opcode <= 0x23;
  const isMemory = row.modrm && modrm >> 6 !== 3 && !registerOnly;
  const memory = isMemory ? readMemory(c, modrm, p, addressWidth, code) : null;
  if (p.lock && !(row.lock && isMemory && lockable(row))) return 'invalid';
  const operands: Operand[] = [];
  let relative = 0n;
  const byteRegister = (n: number): RegisterRef =>
    p.rex === 0 && n >= 4 ? { file: 'gpr', index: n - 4, high: true } : { file: 'gpr', index: n };
  const gpr = (n: number, width: Width): Operand => ({ kind: 'register', width, register: width === 8 ? byteRegister(n) : { file: 'gpr', index: n } });
  const immediate = (value: bigint, width: Width): Operand => ({ kind: 'immediate', value, width });
  const size = row.size;
  const reg = ((modrm >> 3) & 7) | ((p.rex & 4) << 1);
  const rm = (modrm & 7) | ((p.rex & 1) << 3);
  for (const kind of row.operands) {
    const width = operandWidth(kind, size);
    if (/^rm\d/.test(kind)) operands.push(memory ? { kind: 'memory', memory, width } : gpr(rm, width));
    else if (/^r\d/.test(kind)) operands.push(gpr(reg, width));
    else if (/^o\d/.test(kind)) operands.push(gpr((opcode & 7) | ((p.rex & 1) << 3), width));
    else if (/^v\d/.test(kind)) operands.push(gpr(code === 64 ? vvvv : vvvv & 7, width));
    else if (/^m\d*$/.test(kind)) operands.push({ kind: 'memory', memory: memory as MemoryRef, width });
    else if (kind === 'x') operands.push({ kind: 'register', width: 128, register: { file: 'xmm', index: reg } });
    else if (/^xm/.test(kind)) operands.push(memory ? { kind: 'memory', memory, width } : { kind: 'register', width, register: { file: 'xmm', index: rm } });
    else if (kind === 'xr') operands.push({ kind: 'register', width: 128, register: { file: 'xmm', index: rm } });
    else if (kind === 'q') operands.push({ kind: 'register', width: 64, register: { file: 'mmx', index: reg & 7 } });
    else if (/^qm/.test(kind)) operands.push(memory ? { kind: 'memory', memory, width } : { kind: 'register', width, register: { file: 'mmx', index: rm & 7 } });
    else if (kind === 'qr') operands.push({ kind: 'register', width: 64, register: { file: 'mmx', index: rm & 7 } });
    else if (kind === 'sreg') operands.push(immediate(BigInt((modrm >> 3) & 7), 32));
    else if (kind === 'creg' || kind === 'dreg') {
      if (!(kind === 'creg' ? CONTROL_REGISTERS : DEBUG_REGISTERS).has(reg)) return 'invalid';
      operands.push(immediate(BigInt(reg), 32));
    }
    else if (kind === 'sti') operands.push(immediate(BigInt(modrm & 7), 32));
    else if (kind === 'al' || kind === 'ax' || kind === 'eax' || kind === 'rax') operands.push({ kind: 'register', width, register: { file: 'gpr', index: 0 } });
    else if (kind === 'cl') operands.push({ kind: 'register', width: 8, register: { file: 'gpr', index: 1 } });
    else if (kind === 'dx') operands.push({ kind: 'register', width: 16, register: { file: 'gpr', index: 2 } });
    else if (FIXED_SEGMENTS.includes(kind)) operands.push(immediate(BigInt(FIXED_SEGMENTS.indexOf(kind)), 32));
    else if (kind === 'one') operands.push(immediate(1n, 8));
    else if (IMMEDIATE.test(kind)) {
      if (kind === 'imm8') operands.push(immediate(BigInt(c.u8()), 8));
      else if (kind === 'imm8s') operands.push(immediate(BigInt(c.s8()), size));
      else if (kind === 'imm16') operands.push(immediate(BigInt(c.u16()), 16));
      else if (kind === 'imm32') operands.push(immediate(BigInt(c.u32()), 32));
      else if (kind === 'imm32s') operands.push(immediate(BigInt(c.s32()), 64));
      else if (kind === 'imm64') operands.push(immediate(c.s64(), 64));
      else if (kind === 'imm16_8') { const low = c.u16(); operands.push(immediate(BigInt(low | (c.u8() << 16)), 32)); }
      else if (kind === 'far16') { const o = c.u16(); operands.push(immediate(BigInt(o) | (BigInt(c.u16()) << 32n), 64)); }
      else if (kind === 'far32') { const o = c.u32(); operands.push(immediate(BigInt(o) | (BigInt(c.u16()) << 32n), 64)); }
      else if (kind.startsWith('rel')) {
        relative = BigInt(kind === 'rel8' ? c.s8() : kind === 'rel16' ? (c.u16() << 16) >> 16 : c.s32());
        operands.push(immediate(relative, 64));
      } else {
        const disp = addressWidth === 64 ? c.s64() : BigInt(addressWidth === 32 ? c.u32() : c.u16());
        operands.push({ kind: 'memory', width, memory: { base: -1, index: -1, scale: 0, disp, segment: p.segment >= 0 ? p.segment : 3, addressWidth } });
      }
    } else throw new Error(`row ${row.id}: operand kind ${kind} is unknown`);
  }
  return {
    row, length: c.pos, memory: isMemory, relative,
    facts: {
      operands, size, addressWidth, mode: code, stackWidth: code === 64 ? 64 : mode.stack, lock: p.lock,
      repeat: p.rep === 0xf3 ? 1 : p.rep === 0xf2 ? 2 : 0, segment: memory !== null ? memory.segment : p.segment >= 0 ? p.segment : 3,
    },
  };
}

/** LOCK needs a memory destination: the first operand, or the memory operand of XCHG. */
function lockable(row: Row): boolean {
  return /^(rm|m)/.test(row.operands[0] ?? '');
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

import type { Operand } from '../ir/machine.ts';
import type { MemoryRef } from '../ir/node.ts';
import type { Row } from '../isa/dsl/row.ts';
import type { DecodeMode, Instruction } from './instruction.ts';
import { Cursor, shortBuffer } from './cursor.ts';
import { findRow, needsModrm } from './opcode-maps.ts';
import { type OperandSource, operandReaders, usesVvvv } from './operand-readers.ts';

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
  if (vvvv !== 0 && !usesVvvv(row)) return 'invalid';
  // MOV to and from control and debug registers ignores mod
  const registerOnly = map === 1 && !vex && opcode >= 0x20 && opcode <= 0x23;
  const isMemory = row.modrm && modrm >> 6 !== 3 && !registerOnly;
  const structure = c.pos + (isMemory && addressWidth !== 16 && (modrm & 7) === 4 ? 1 : 0);
  const memory = isMemory ? readMemory(c, modrm, p, addressWidth, code) : null;
  if (p.lock && !(row.lock && isMemory && lockable(row))) return 'invalid';
  const size = row.size;
  const source: OperandSource = {
    c, rex: p.rex, segment: p.segment, addressWidth, memory, modrm, opcode, vvvv: code === 64 ? vvvv : vvvv & 7,
    reg: ((modrm >> 3) & 7) | ((p.rex & 4) << 1), rm: (modrm & 7) | ((p.rex & 1) << 3), relative: 0n,
  };
  const operands: Operand[] = [];
  for (const read of operandReaders(row)) {
    const operand = read(source);
    if (operand === null) return 'invalid';
    operands.push(operand);
  }
  return {
    row, length: c.pos, structure, memory: isMemory, relative: source.relative,
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

export { operandWidth } from './operand-readers.ts';

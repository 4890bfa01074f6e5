/** Just enough decoding to find opcode, ModRM and the memory operand of a recorded floating-point instruction. */
import type { Vector, VectorFile } from './fp-vectors.ts';

/** What the tests need of one instruction. */
export interface Decoded {
  /** Mandatory or operand-size prefix: 0, 0x66, 0xf2, 0xf3. */
  readonly prefix: number;
  /** One-byte opcode, 0x0fXX, or 0x0f38XX and 0x0f3aXX as 0xf38XX, 0xf3aXX. */
  readonly opcode: number;
  readonly rexW: boolean;
  readonly mod: number;
  /** With REX.R and REX.B. */
  readonly reg: number;
  readonly rm: number;
  readonly imm: number;
  /** Offset of the memory operand in the data window; -1 for a register form. */
  readonly offset: number;
}

interface Cursor {
  at: number;
  readonly bytes: DataView;
}

/** Effective address with 16-bit addressing. */
function address16(c: Cursor, mod: number, rm: number, gpr: readonly bigint[]): number {
  const r = (n: number): number => Number(gpr[n]! & 0xffffn);
  const bases = [r(3) + r(6), r(3) + r(7), r(5) + r(6), r(5) + r(7), r(6), r(7), mod === 0 ? 0 : r(5), r(3)];
  let displacement = 0;
  if (mod === 1) displacement = c.bytes.getInt8(c.at++);
  if (mod === 2 || (mod === 0 && rm === 6)) {
    displacement = c.bytes.getInt16(c.at, true);
    c.at += 2;
  }
  return (bases[rm]! + displacement) & 0xffff;
}

/** Effective address with 32- or 64-bit addressing, without RIP; the flag tells that RIP is to be added. */
function addressWide(c: Cursor, mod: number, rm: number, rex: number, gpr: readonly bigint[]): { value: bigint; rip: boolean } {
  let value = 0n;
  let base = rm;
  if (rm === 4) {
    const sib = c.bytes.getUint8(c.at++);
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index !== 4) value += gpr[index]! << BigInt(sib >> 6);
    base = sib & 7;
  }
  const none = mod === 0 && base === 5;
  if (!none) value += gpr[base | ((rex & 1) << 3)]!;
  if (mod === 1) value += BigInt(c.bytes.getInt8(c.at++));
  if (mod === 2 || none) {
    value += BigInt(c.bytes.getInt32(c.at, true));
    c.at += 4;
  }
  return { value, rip: none && rm === 5 };
}

/** Whether the opcode has an 8-bit immediate. */
function hasImmediate(opcode: number): boolean {
  return opcode >> 8 === 0xf3a || [0x0f70, 0x0f71, 0x0f72, 0x0f73, 0x0fc2, 0x0fc4, 0x0fc5, 0x0fc6].includes(opcode);
}

/** Decodes the first instruction of a vector. */
export function decode(file: VectorFile, v: Vector): Decoded {
  const c: Cursor = { at: 0, bytes: new DataView(v.code.buffer, v.code.byteOffset, v.code.length) };
  let prefix = 0;
  let rex = 0;
  let addressSize = file.mode;
  for (; ; c.at++) {
    const byte = c.bytes.getUint8(c.at);
    if (byte === 0x66) prefix ||= 0x66;
    else if (byte === 0xf2 || byte === 0xf3) prefix = byte;
    else if (byte === 0x67) addressSize = file.mode === 32 ? 16 : 32;
    else if (file.mode === 64 && byte >> 4 === 4) rex = byte;
    else if (![0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].includes(byte)) break;
  }
  let opcode = c.bytes.getUint8(c.at++);
  if (opcode === 0x9b) return { prefix, opcode, rexW: false, mod: 3, reg: 0, rm: 0, imm: 0, offset: -1 };
  if (opcode === 0x0f) opcode = 0x0f00 | c.bytes.getUint8(c.at++);
  if (opcode === 0x0f38 || opcode === 0x0f3a) opcode = ((opcode & 0xfff) << 8) | c.bytes.getUint8(c.at++);
  const modrm = opcode === 0x0f77 ? 0xc0 : c.bytes.getUint8(c.at++);
  const mod = modrm >> 6;
  const rmBits = modrm & 7;
  let offset = -1;
  const dataBase = BigInt(file.data);
  if (mod !== 3) {
    if (addressSize === 16) offset = address16(c, mod, rmBits, v.before.gpr);
    else {
      const { value, rip } = addressWide(c, mod, rmBits, rex, v.before.gpr);
      const end = c.at + (hasImmediate(opcode) ? 1 : 0);
      const linear = value + (rip && file.mode === 64 ? BigInt(file.code + v.codeOffset + end) : 0n);
      const wrapped = file.mode === 64 && addressSize === 64 ? BigInt.asIntN(64, linear) : BigInt.asUintN(32, linear);
      offset = Number(file.mode === 16 ? wrapped : wrapped - dataBase);
    }
  }
  const imm = hasImmediate(opcode) ? c.bytes.getUint8(c.at++) : 0;
  return { prefix, opcode, rexW: (rex & 8) !== 0, mod, reg: ((modrm >> 3) & 7) | ((rex & 4) << 1), rm: rmBits | (mod === 3 ? (rex & 1) << 3 : 0), imm, offset };
}

/** Decoded instructions as one line of text, from our decoder and from iced-x86, written so that equals compare equal. */
import { CpuidFeature, type Instruction as IcedInstruction, MemorySizeExt, Mnemonic, OpKind, Register } from 'iced-x86';
import type { Instruction } from '../../jit/decode/instruction.ts';
import type { Operand } from '../../jit/ir/machine.ts';
import type { MemoryRef, RegisterRef, Width } from '../../jit/ir/node.ts';
import type { Row } from '../../jit/isa/dsl/row.ts';

/** Enumerations of iced-x86 with their reverse mapping. */
const nameOf = (enumeration: object, value: number): string => (enumeration as Record<number, string>)[value] ?? String(value);

const LEGACY = ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'];
const LOW8 = ['AL', 'CL', 'DL', 'BL', 'SPL', 'BPL', 'SIL', 'DIL'];
const HIGH8 = ['AH', 'CH', 'DH', 'BH'];
const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'];

/** A general register by number, as iced names it. */
function gprName(index: number, width: Width, high = false): string {
  if (width === 8) return high ? (HIGH8[index] as string) : index < 8 ? (LOW8[index] as string) : `R${index}L`;
  const name = index < 8 ? (LEGACY[index] as string) : `R${index}`;
  if (index < 8) return width === 16 ? name : width === 32 ? `E${name}` : `R${name}`;
  return width === 16 ? `${name}W` : width === 32 ? `${name}D` : name;
}

function registerName({ file, index, high }: RegisterRef, width: Width): string {
  if (file === 'xmm') return `XMM${index}`;
  return file === 'mmx' ? `MM${index}` : gprName(index as number, width, high);
}

const hex = (value: bigint, bits: number): string => BigInt.asUintN(bits, value).toString(16);

/** Segments that have no base in 64-bit code are all the same. */
const segmentName = (name: string, mode: number): string => (mode === 64 && name !== 'FS' && name !== 'GS' ? 'flat' : name);

function memoryText(m: MemoryRef, mode: number, length: number, ip: bigint): string {
  const { addressWidth } = m;
  const name = (n: number): string => (n < 0 ? '' : gprName(n, addressWidth));
  const ripRelative = m.base === 16;
  const disp = ripRelative ? m.disp + ip + BigInt(length) : m.disp;
  const base = ripRelative ? (addressWidth === 64 ? 'RIP' : 'EIP') : name(m.base);
  const index = m.index < 0 ? '' : `${name(m.index)}*${1 << m.scale}`;
  return `${segmentName(SEGMENTS[m.segment] as string, mode)}:[${base}+${index}+${hex(disp, addressWidth)}]`;
}

/** Operands that iced counts and our rows leave out, or that need more than their number. */
const SEGMENT_KINDS = new Set(['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'sreg']);
/** Instructions whose 16-bit operands iced gives as registers of the operand size. */
const SELECTOR_READERS = new Set(['LAR', 'LSL', 'LLDT', 'LTR', 'VERR', 'VERW', 'LMSW', 'ARPL']);

/** Instructions whose general register iced gives as 64-bit with REX.W, though only 32 bits or fewer of it matter. */
const WIDE_IN_NAME_ONLY = new Set(['PEXTRB', 'PEXTRW', 'PINSRB', 'PINSRW', 'PMOVMSKB', 'MOVMSKPS', 'MOVMSKPD', 'EXTRACTPS']);

/** True when only the number of the register counts. */
const isSelector = (row: Row, kind: string): boolean =>
  WIDE_IN_NAME_ONLY.has(row.mnemonic) ? /^r/.test(kind) : SELECTOR_READERS.has(row.mnemonic) ? kind === 'rm16' || row.mnemonic === 'ARPL' : kind === 'rm16' && row.operands[0] === 'sreg';

function operandText(kind: string, operand: Operand, instruction: Instruction, ip: bigint): string {
  const { facts, length, row } = instruction;
  const width = operand.width;
  if (operand.kind === 'memory') {
    const untyped = kind === 'm' || kind === 'm80' || row.operands.length === 0;
    return `${memoryText(operand.memory as MemoryRef, facts.mode, length, ip)}${untyped ? '' : `/${width / 8}`}`;
  }
  if (operand.kind === 'register') {
    return isSelector(row, kind) ? `sel${operand.register.index}` : registerName(operand.register, width);
  }
  const value = operand.value as bigint;
  if (SEGMENT_KINDS.has(kind)) return SEGMENTS[Number(value)] as string;
  if (kind === 'creg') return `CR${value}`;
  if (kind === 'dreg') return `DR${value}`;
  if (kind === 'sti') return `ST${value}`;
  if (kind.startsWith('rel')) return `to ${hex(ip + BigInt(length) + value, facts.mode === 64 ? 64 : facts.size === 16 ? 16 : 32)}`;
  if (kind.startsWith('far')) return `${hex(value >> 32n, 16)}:${hex(value, 32)}`;
  if (kind === 'imm16_8') return `${hex(value, 16)}, ${hex(value >> 16n, 8)}`;
  return hex(value, width);
}

/** Names of ours that iced spells otherwise. */
const OUR_ALIASES: Readonly<Record<string, string>> = { PREFETCHNTA: 'NOP', PREFETCHT0: 'NOP', PREFETCHT1: 'NOP', PREFETCHT2: 'NOP', PREFETCHW: 'NOP', PREFETCH: 'NOP' };

const stringInstruction = /^(MOVS|CMPS|STOS|LODS|SCAS|INS|OUTS)[BWDQ]$/;

/** What our decoder says. */
export function ourText(instruction: Instruction, ip: bigint): string {
  const { row, facts } = instruction;
  const mnemonic = OUR_ALIASES[row.mnemonic] ?? row.mnemonic;
  if (mnemonic === 'NOP') return `${instruction.length} NOP`;
  const operands = row.operands.map((kind, i) => operandText(kind, facts.operands[i] as Operand, instruction, ip));
  if (row.id.endsWith('_sti_st0')) operands.unshift('ST0');
  else if (row.id.endsWith('_sti_sti')) operands.push('ST0');
  if (row.operands.length === 0 && (stringInstruction.test(mnemonic) || mnemonic === 'XLATB')) {
    const usesSource = !/^(STOS|SCAS|INS)/.test(mnemonic);
    operands.push(`a${facts.addressWidth}`, usesSource ? segmentName(SEGMENTS[facts.segment] as string, facts.mode) : '');
    if (mnemonic !== 'XLATB') operands.push(`rep${facts.repeat}`);
  }
  return `${instruction.length} ${mnemonic} ${operands.join(', ')}`.trim();
}

/** Names of iced that we write otherwise. */
const ICED_ALIASES: Readonly<Record<string, string>> = {
  RESERVEDNOP: 'NOP', ENDBR32: 'NOP', ENDBR64: 'NOP', RDSSPD: 'NOP', RDSSPQ: 'NOP', CLDEMOTE: 'NOP', PREFETCH: 'NOP', PREFETCHW: 'NOP',
  PREFETCHWT1: 'NOP', PREFETCHRESERVED_0F0D: 'NOP', PREFETCHNTA: 'NOP', PREFETCHT0: 'NOP', PREFETCHT1: 'NOP', PREFETCHT2: 'NOP',
  PREFETCHIT0: 'NOP', PREFETCHIT1: 'NOP', JECXZ: 'JCXZ', JRCXZ: 'JCXZ', PCMPESTRM64: 'PCMPESTRM', PCMPESTRI64: 'PCMPESTRI', FSTDW: 'FNSTSW', FSTSG: 'FNSTSW',
};

const registerText = (register: number): string => nameOf(Register, register).replace(/^None$/, '');

/** Width of the address of an iced memory operand, from its registers or its displacement. */
function addressBits(i: IcedInstruction): number {
  const name = registerText(i.memoryBase) || registerText(i.memoryIndex);
  if (name === '') return i.memoryDisplSize === 8 ? 64 : i.memoryDisplSize * 8;
  return /^(R[A-Z]{2}|R\d+)$/.test(name) || name === 'RIP' ? 64 : /^E|^R\d+D$/.test(name) ? 32 : 16;
}

function icedMemory(i: IcedInstruction, mode: number, typed: boolean): string {
  const index = i.memoryIndex === Register.None ? '' : `${registerText(i.memoryIndex)}*${i.memoryIndexScale}`;
  const size = typed ? `/${MemorySizeExt.size(i.memorySize)}` : '';
  return `${segmentName(registerText(i.memorySegment), mode)}:[${registerText(i.memoryBase)}+${index}+${hex(i.memoryDisplacement, addressBits(i))}]${size}`;
}

const gprNumber = (name: string): number => {
  for (let n = 0; n < 16; n++) for (const w of [8, 16, 32, 64] as const) if (gprName(n, w) === name) return n;
  throw new Error(`${name} is no general register`);
};

function icedOperand(i: IcedInstruction, at: number, mode: number, ours: Instruction | null): string {
  const kind = i.opKind(at);
  const ourKind = ours?.row.operands[at] ?? '';
  switch (kind) {
    case OpKind.Register: {
      const name = registerText(i.opRegister(at));
      return ours !== null && isSelector(ours.row, ourKind) ? `sel${gprNumber(name)}` : name;
    }
    case OpKind.NearBranch16: return `to ${hex(BigInt(i.nearBranch16), 16)}`;
    case OpKind.NearBranch32: return `to ${hex(BigInt(i.nearBranch32), 32)}`;
    case OpKind.NearBranch64: return `to ${hex(i.nearBranch64, 64)}`;
    case OpKind.FarBranch16: return `${hex(BigInt(i.farBranchSelector), 16)}:${hex(BigInt(i.farBranch16), 32)}`;
    case OpKind.FarBranch32: return `${hex(BigInt(i.farBranchSelector), 16)}:${hex(BigInt(i.farBranch32), 32)}`;
    case OpKind.Memory: return icedMemory(i, mode, ourKind !== 'm' && ourKind !== 'm80' && ours?.row.operands.length !== 0);
    case OpKind.MemorySegSI: case OpKind.MemorySegESI: case OpKind.MemorySegRSI: case OpKind.MemorySegDI: case OpKind.MemorySegEDI:
    case OpKind.MemorySegRDI: case OpKind.MemoryESDI: case OpKind.MemoryESEDI: case OpKind.MemoryESRDI:
      return `${nameOf(OpKind, kind)} ${segmentName(registerText(i.memorySegment), mode)}`;
    default: {
      const operand = ours?.facts.operands[at];
      return hex(i.immediate(at), operand?.kind === 'immediate' && ourKind !== 'imm16_8' ? operand.width : kind === OpKind.Immediate8_2nd ? 8 : 16);
    }
  }
}

/** The mnemonic, in our spelling. */
export const icedMnemonic = (i: IcedInstruction): string => {
  const name = nameOf(Mnemonic, i.mnemonic).toUpperCase();
  return ICED_ALIASES[name] ?? name;
};

/** What iced says; operands are written with the widths that our row gives them. */
export function icedText(i: IcedInstruction, mode: number, ours: Instruction | null): string {
  const mnemonic = icedMnemonic(i);
  if (mnemonic === 'NOP') return `${i.length} NOP`;
  if (ours !== null && ours.row.operands.length === 0 && (stringInstruction.test(mnemonic) || mnemonic === 'XLATB')) {
    const usesSource = !/^(STOS|SCAS|INS)/.test(mnemonic);
    const parts = [`a${stringAddressBits(i)}`, usesSource ? segmentName(registerText(i.memorySegment), mode) : ''];
    if (mnemonic !== 'XLATB') parts.push(`rep${i.hasRepnePrefix ? 2 : i.hasRepPrefix ? 1 : 0}`);
    return `${i.length} ${mnemonic} ${parts.join(', ')}`;
  }
  let operands = Array.from({ length: i.opCount }, (_, at) => icedOperand(i, at, mode, ours));
  if (mnemonic.startsWith('MASKMOV')) operands.shift(); // the implied DS:rDI
  if (ours !== null) {
    const { row } = ours;
    const both = row.id.endsWith('_sti_st0') || row.id.endsWith('_sti_sti');
    if (!both && operands.length > row.operands.length && /^F/.test(mnemonic)) operands = withoutTop(operands, row.operands.length);
  }
  return `${i.length} ${mnemonic} ${operands.join(', ')}`.trim();
}

/** Leaves out ST0 operands that our x87 rows imply. */
function withoutTop(operands: readonly string[], wanted: number): string[] {
  const out = [...operands];
  while (out.length > wanted) {
    const at = out.indexOf('ST0');
    if (at < 0) break;
    out.splice(out.length === 2 && out[1] === 'ST0' && out[0] !== 'ST0' ? 1 : at, 1);
  }
  return out;
}

/** Address width of a string instruction or XLAT. */
function stringAddressBits(i: IcedInstruction): number {
  for (let at = 0; at < i.opCount; at++) {
    const name = nameOf(OpKind, i.opKind(at));
    if (name === 'Memory') return addressBits(i);
    const match = /^Memory(?:Seg|ES)(R|E)?[SD]I$/.exec(name);
    if (match) return match[1] === 'R' ? 64 : match[1] === 'E' ? 32 : 16;
  }
  return 0;
}

/** Features this CPU has, in iced's names. */
const SUPPORTED = new Set([
  'INTEL8086', 'INTEL8086_ONLY', 'INTEL186', 'INTEL286', 'INTEL386', 'INTEL486', 'X64', 'ADX', 'AES', 'BMI1', 'BMI2', 'CET_IBT', 'CET_SS', 'CLDEMOTE',
  'CLFSH', 'CMOV', 'CMPXCHG16B', 'CPUID', 'CX8', 'FPU', 'FPU287', 'FPU387', 'FSGSBASE', 'FXSR', 'INVPCID', 'LZCNT', 'MMX', 'MONITOR', 'MOVBE', 'MSR',
  'MULTIBYTENOP', 'PAUSE', 'PCLMULQDQ', 'POPCNT', 'PREFETCHW', 'PREFETCHWT1', 'PREFETCHITI', 'RDPID', 'RDPMC', 'RDRAND', 'RDSEED', 'RDTSCP', 'SEP',
  'SHA', 'SMAP', 'SSE', 'SSE2', 'SSE3', 'SSE4_1', 'SSE4_2', 'SSSE3', 'SYSCALL', 'TSC', 'WBNOINVD', 'XSAVE', 'XSAVEC', 'XSAVEOPT', 'XSAVES',
]);
/** Control-flow enforcement is absent but for the encodings that are NOPs without it; virtualisation but for its calls. */
const KEPT = new Set(['ENDBR32', 'ENDBR64', 'RDSSPD', 'RDSSPQ', 'VMCALL', 'VMMCALL']);

/** Why an instruction that iced knows must be #UD here; an empty string when it must not. */
export function absentFeature(i: IcedInstruction): string {
  const name = nameOf(Mnemonic, i.mnemonic).toUpperCase();
  if (KEPT.has(name)) return '';
  for (const feature of i.cpuidFeatures()) {
    const text = nameOf(CpuidFeature, feature);
    if (text.startsWith('CET')) return text;
    if (!SUPPORTED.has(text)) return text;
  }
  return '';
}

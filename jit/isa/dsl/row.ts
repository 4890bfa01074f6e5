import type { Machine } from '../../ir/machine.ts';
import type { Width } from '../../ir/node.ts';
import { vexMeaning } from './mode-check.ts';

/**
 * Operand kinds, in the manual's words:
 * `rm8`..`rm64` ModRM.rm general register or memory; `r8`..`r64` ModRM.reg; `o8`..`o64` register in the opcode's low
 * bits; `v32` `v64` VEX.vvvv; `m` `m8`..`m512` memory only; `imm8` `imm16` `imm32` `imm64` zero-extended, `imm8s`
 * `imm32s` sign-extended to the operand size; `rel8` `rel16` `rel32`; `x` XMM in ModRM.reg, `xm32` `xm64` `xm128`
 * XMM or memory in rm, `xr` XMM in rm (register form only); `q` MMX in reg, `qm32` `qm64` MMX or memory, `qr` MMX in rm;
 * `sreg` `creg` `dreg` number in ModRM.reg (an immediate); `sti` number in ModRM.rm (an immediate); `moffs8`..`moffs64`;
 * fixed: `al` `ax` `eax` `rax` `cl` `dx` `one`, and `es` to `gs` (their number, an immediate); `imm16_8` imm16 | imm8 << 16; `far16` `far32` immediate far pointer (offset | selector << 32 as imm64).
 */
export type OperandKind = string;

/** Where a row is valid. */
export type ModeSet = 'all' | 'no64' | 'only64';

/** A row of the instruction table: one form of one instruction and everything there is to know of it. */
export interface Row {
  /** `MNEMONIC_operand_operand`, unique. */
  readonly id: string;
  readonly mnemonic: string;
  /** Opcode as the manual prints it, without operand-size variants. */
  readonly opcode: string;
  readonly operands: readonly OperandKind[];
  /** Operand size in bits (of the operation; 128 for vectors). */
  readonly size: Width;
  readonly map: 0 | 1 | 2 | 3;
  readonly byte: number;
  /** Mandatory prefix, `NFx` = neither F2 nor F3; undefined = none asked for, 66 is the operand-size prefix and F2/F3 are ignored. */
  readonly prefix?: 'NP' | 'NFx' | '66' | 'F3' | 'F2';
  readonly vex: boolean;
  /** ModRM present. */
  readonly modrm: boolean;
  readonly reg?: number;
  readonly rm?: number;
  readonly form: 'both' | 'register' | 'memory';
  /** Operand-size attribute the row wants (16, 32, 64), or undefined: any. */
  readonly operandSize?: 16 | 32 | 64;
  readonly plusR: boolean;
  readonly modes: ModeSet;
  /** Operand size in 64-bit mode: `64` default 64 (66 gives 16), `force64` always 64. */
  readonly long?: '64' | 'force64';
  readonly lock: boolean;
  readonly feature: string;
  readonly sem: (m: Machine) => void;
}

/** The optional parts of a row. */
export interface RowOptions {
  /** LOCK is allowed with a memory destination. */
  lock?: boolean;
  modes?: ModeSet;
  long?: '64' | 'force64';
  /** CPUID feature, e.g. `sse2`; `base` when absent. */
  feature?: string;
  /** Operation size in bits when the operands don't tell. */
  size?: Width;
  /** Operand-size attribute, when the operands don't tell: 16, 32, 64, or 'any'. */
  operandSize?: 16 | 32 | 64 | 'any';
  /** Distinguishes ids of rows with equal operands. */
  suffix?: string;
}

type Sem = (m: Machine) => void;

const widthOf = (kind: OperandKind): Width | 0 => {
  if (kind === 'al' || kind === 'cl') return 8;
  if (kind === 'ax' || kind === 'dx') return 16;
  if (kind === 'eax') return 32;
  if (kind === 'rax') return 64;
  if (/^(x|q|imm|rel|one|sreg|creg|dreg|sti|far|cl)/.test(kind)) return 0;
  const digits = /(\d+)$/.exec(kind);
  const n = digits ? Number(digits[1]) : 0;
  return n === 8 || n === 16 || n === 32 || n === 64 || n === 128 ? n : 0;
};

const parseOpcode = (opcode: string) => {
  const words = opcode.split(' ');
  let map: 0 | 1 | 2 | 3 = 0;
  let prefix: Row['prefix'];
  let vex = false;
  let w: 0 | 1 | undefined;
  let byte = -1;
  let reg: number | undefined;
  let rm: number | undefined;
  let form: Row['form'] = 'both';
  let modrm = false;
  let plusR = false;
  for (const word of words) {
    if (word === 'NP' || word === 'NFx' || ((word === '66' || word === 'F3' || word === 'F2') && byte < 0 && words.length > 1 && !vex)) prefix = word as Row['prefix'];
    else if (word.startsWith('VEX.')) {
      vex = true;
      for (const part of word.split('.').slice(1)) {
        if (part === '0F') map = 1;
        else if (part === '0F38') map = 2;
        else if (part === '0F3A') map = 3;
        else if (part === 'W0') w = 0;
        else if (part === 'W1') w = 1;
        else if (part === 'NP' || part === '66' || part === 'F3' || part === 'F2') prefix = part;
      }
    } else if (word === 'W1') w = 1;
    else if (word === 'W0') w = 0;
    else if (word === '0F' && map === 0 && byte < 0) map = 1;
    else if (map === 1 && byte < 0 && !vex && (word === '38' || word === '3A') && words.length > words.indexOf(word) + 1 && /^[0-9A-F]{2}/.test(words[words.indexOf(word) + 1] ?? '')) map = word === '38' ? 2 : 3;
    else if (/^[0-9A-F]{2}(\+r)?$/.test(word) && byte < 0) {
      byte = Number.parseInt(word, 16);
      plusR = word.endsWith('+r');
    } else if (/^[0-9A-F]{2}$/.test(word)) {
      const b = Number.parseInt(word, 16); // a fixed ModRM byte
      modrm = true;
      form = 'register';
      reg = (b >> 3) & 7;
      rm = b & 7;
    } else if (/^[C-F][08]\+i$/.test(word)) {
      modrm = true;
      form = 'register';
      reg = (Number.parseInt(word.slice(0, 2), 16) >> 3) & 7;
    } else if (word === '/r') modrm = true;
    else if (/^\/[0-7]$/.test(word)) {
      modrm = true;
      reg = Number(word[1]);
    } else if (word === 'mem') form = 'memory';
    else if (word === 'reg') form = 'register';
    else throw new Error(`opcode ${opcode}: what is ${word}?`);
  }
  return { map, prefix, vex, w, byte, reg, rm, form, modrm, plusR };
};

/** Makes one row. `operands` is a comma-separated list of operand kinds. */
export function row(mnemonic: string, opcode: string, operands: string, sem: Sem, options: RowOptions = {}): Row {
  const kinds = operands === '' ? [] : operands.split(',').map((s) => s.trim());
  const p = parseOpcode(opcode);
  const first = kinds.map(widthOf).find((w) => w !== 0);
  const vector = kinds.some((k) => /^x/.test(k));
  const size = options.size ?? (vector ? 128 : first && first <= 64 ? first : 32);
  const asked = options.operandSize;
  const gpr = kinds.find((k) => /^(rm|r|o|v|moffs)(16|32|64)$/.test(k) || /^(ax|eax|rax)$/.test(k));
  let operandSize: Row['operandSize'];
  if (p.w !== undefined) operandSize = p.w === 1 ? 64 : undefined;
  if (asked === 16 || asked === 32 || asked === 64) operandSize = asked;
  else if (asked === undefined && p.w === undefined && gpr !== undefined && !vector && !p.vex) operandSize = widthOf(gpr) as 16 | 32 | 64;
  const form = kinds.some((k) => /^m\d*$/.test(k)) ? 'memory' : kinds.some((k) => k === 'xr' || k === 'qr') ? 'register' : p.form;
  const id = [mnemonic.replace(/ /g, '_'), ...kinds, ...(options.suffix ? [options.suffix] : [])].join('_');
  return {
    id, mnemonic, opcode, operands: kinds, size, map: p.map, byte: p.byte, vex: p.vex,
    modrm: p.modrm, form, plusR: p.plusR,
    modes: options.modes ?? 'all', lock: options.lock ?? false, feature: options.feature ?? 'base', sem: p.vex ? vexMeaning(sem) : sem,
    ...(p.prefix ? { prefix: p.prefix } : {}),
    ...(p.reg !== undefined ? { reg: p.reg } : {}),
    ...(p.rm !== undefined ? { rm: p.rm } : {}),
    ...(operandSize !== undefined ? { operandSize } : {}),
    ...(options.long ? { long: options.long } : {}),
  };
}

/**
 * Makes the 16, 32 and 64-bit rows of one opcode: `v` at the end of a kind stands for the size, `immz` for an
 * immediate of the size (sign-extended 32 bits in the 64-bit form), `axv` for the accumulator, `relz` for rel16/rel32.
 */
export function rowsV(mnemonic: string, opcode: string, operands: string, sem: Sem, options: RowOptions = {}): Row[] {
  const sizes: readonly (16 | 32 | 64)[] = options.modes === 'no64' ? [16, 32] : [16, 32, 64];
  return sizes.map((size) => {
    const list = operands
      .replace(/\bimmz\b/g, size === 64 ? 'imm32s' : `imm${size}`)
      .replace(/\brelz\b/g, size === 16 ? 'rel16' : 'rel32')
      .replace(/\baxv\b/g, size === 16 ? 'ax' : size === 32 ? 'eax' : 'rax')
      .replace(/\b(rm|r|o|moffs|m)v\b/g, `$1${size}`);
    return row(mnemonic, opcode, list, sem, { ...options, operandSize: size, size, suffix: options.suffix ?? (/\d|ax/.test(list.replace(/imm8s?|rel8/g, '')) ? '' : String(size)) });
  });
}

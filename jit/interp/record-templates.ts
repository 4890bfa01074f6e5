import type { Ending } from '../analyze/control.ts';
import type { DecodeMode, Instruction } from '../decode/instruction.ts';
import type { Operand } from '../ir/machine.ts';
import type { MemoryRef } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';

/** How the bytes behind opcode, ModRM, SIB and displacement become an immediate: how many they are, with a sign or not. */
interface Tail {
  readonly bytes: 0 | 1 | 2 | 4;
  readonly signed: boolean;
  /** What stays of its low word. */
  readonly mask: number;
}

/** Operand kinds that read bytes, and how; those that are not here and no register or memory are taken from ModRM or the opcode. */
const TAILS: Readonly<Record<string, Tail>> = {
  imm8: { bytes: 1, signed: false, mask: 0xff },
  imm8s: { bytes: 1, signed: true, mask: -1 },
  imm16: { bytes: 2, signed: false, mask: 0xffff },
  imm32: { bytes: 4, signed: false, mask: -1 },
  imm32s: { bytes: 4, signed: true, mask: -1 },
  rel8: { bytes: 1, signed: true, mask: -1 },
  rel32: { bytes: 4, signed: true, mask: -1 },
};
/** Kinds that are read in other ways: their instructions have no template. */
const OTHERS = /^(imm64|imm16_8|far|rel16|moffs)/;
const NO_TAIL: Tail = { bytes: 0, signed: false, mask: 0 };

/** A guest may make up beginnings without end: of longer ones, and beyond so many nodes, nothing is kept. A boot of Debian has 16,000. */
const LONGEST = 8;
const MOST_NODES = 1 << 15;

/** Words of a record that a template gives; the last, REC_ENTRY, belongs to whoever enters a region there. */
const WORDS = 10;
const OFFSET_WORD = L.REC_OFFSET >> 2;
const IMM_WORD = L.REC_IMM >> 2;
const DISP_WORD = L.REC_DISP >> 2;

/** The record of all instructions that begin with the same bytes and differ in displacement and immediate only. */
export interface RecordTemplate {
  readonly length: number;
  /** How they end a block; where they lie may turn a relative branch into `left`. */
  readonly ending: Ending;
  readonly words: Int32Array;
  /** Where the displacement begins, and its bytes. */
  readonly dispAt: number;
  readonly dispBytes: number;
  readonly relativeToRip: boolean;
  readonly tail: Tail;
  readonly isBranch: boolean;
}

interface Node {
  readonly children: (Node | undefined)[];
  template: RecordTemplate | null;
}

/**
 * Hot path: records of instructions by the bytes that say what they are: prefixes, opcode, ModRM and SIB. Decoding takes
 * some twenty times as long as looking up here, and a kernel's boot meets the same beginnings over and over.
 */
export class RecordTemplates {
  private readonly words: Int32Array;
  private readonly roots = new Map<number, Node>();
  private nodes = 0;

  constructor(state: ArrayBufferLike) {
    this.words = new Int32Array(state);
  }

  /** The template of the instruction at `start`, of which 15 bytes are there. */
  find(root: Node, bytes: Uint8Array, start: number): RecordTemplate | null {
    let node: Node | undefined = root;
    for (let at = start; node !== undefined; at++) {
      if (node.template !== null) return node.template;
      node = node.children[bytes[at] as number];
    }
    return null;
  }

  /** Where looking begins for a kind of code. */
  root({ code, stack }: DecodeMode, flat: boolean): Node {
    const key = (code * 128 + stack) * 2 + (flat ? 1 : 0);
    let node = this.roots.get(key);
    if (node === undefined) {
      node = newNode();
      this.roots.set(key, node);
    }
    return node;
  }

  /**
   * Writes the record of an instruction.
   * @returns the distance of a relative branch, 0 for others; NaN, and nothing written, where the displacement is too large for the record
   */
  write(template: RecordTemplate, bytes: Uint8Array, start: number, at: number, offset: number, ordinal: number): number {
    const { words } = this;
    const { length, tail, dispBytes } = template;
    const first = at >> 2;
    const end = offset + length;
    let disp = dispBytes === 0 ? 0 : readSigned(bytes, start + template.dispAt, dispBytes);
    if (template.relativeToRip) disp += end;
    if (disp > 0x7fffffff) return Number.NaN;
    for (let i = 0; i < WORDS; i++) words[first + i] = template.words[i] as number;
    words[first + OFFSET_WORD] = offset | (length << 16) | (ordinal << 24);
    if (dispBytes !== 0) words[first + DISP_WORD] = disp;
    if (tail.bytes === 0) return 0;
    const value = readSigned(bytes, start + length - tail.bytes, tail.bytes);
    const whole = template.isBranch ? value + end : value;
    words[first + IMM_WORD] = whole & tail.mask;
    words[first + IMM_WORD + 1] = tail.signed && whole < 0 ? -1 : 0;
    return template.isBranch ? value : 0;
  }

  /** How many nodes the trees have. */
  get size(): number {
    return this.nodes;
  }

  private forget(): void {
    for (const root of this.roots.values()) root.children.length = 0;
    this.nodes = 0;
  }

  /** Learns an instruction whose record was just written at `at`, with its ending by row. */
  learn(root: Node, bytes: Uint8Array, start: number, at: number, instruction: Instruction, ending: Ending): void {
    const tail = tailOf(instruction);
    const { structure, length, facts, row } = instruction;
    if (tail === null || structure > LONGEST) return;
    if (this.nodes > MOST_NODES) this.forget();
    const words = this.words.slice(at >> 2, (at >> 2) + WORDS);
    const memory = memoryOf(facts.operands);
    if (memory?.base === 16 && (words[L.REC_BASE >> 2] as number) >>> 16 === L.FAR) return;
    const dispBytes = length - structure - tail.bytes;
    let node = root;
    for (let i = 0; i < structure; i++) {
      const byte = bytes[start + i] as number;
      let next = node.children[byte];
      if (next === undefined) {
        next = newNode();
        node.children[byte] = next;
        this.nodes++;
      }
      node = next;
    }
    node.template = {
      length,
      ending,
      words,
      dispAt: structure,
      dispBytes,
      relativeToRip: memory?.base === 16,
      tail,
      isBranch: row.operands.some((kind) => kind.startsWith('rel')),
    };
  }
}

function memoryOf(operands: readonly Operand[]): MemoryRef | undefined {
  for (const operand of operands) if (operand.kind === 'memory' && operand.memory !== 'record') return operand.memory;
  return undefined;
}

const newNode = (): Node => ({ children: [], template: null });

/** How an instruction's immediate is read; null when it has no template. */
function tailOf({ row, facts, structure, length }: Instruction): Tail | null {
  if (facts.addressWidth === 16 || row.operands.some((kind) => OTHERS.test(kind))) return null;
  const tails = row.operands.filter((kind) => TAILS[kind] !== undefined);
  const immediates = facts.operands.filter(({ kind }) => kind === 'immediate').length;
  if (tails.length > 1 || (tails.length === 1 && immediates > 1)) return null;
  const tail = tails.length === 1 ? (TAILS[tails[0] as string] as Tail) : NO_TAIL;
  const disp = length - structure - tail.bytes;
  return disp === 0 || disp === 1 || disp === 4 ? tail : null;
}

function readSigned(bytes: Uint8Array, at: number, count: number): number {
  if (count === 1) return ((bytes[at] as number) << 24) >> 24;
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  if (count === 2) return (low << 16) >> 16;
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

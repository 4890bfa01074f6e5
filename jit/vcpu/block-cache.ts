import { type DecodeFailure, decodeInstruction } from '../decode/decode-instruction.ts';
import type { DecodeMode, Instruction } from '../decode/instruction.ts';
import type { Predecoder } from '../interp/predecode.ts';
import { RecordTemplates } from '../interp/record-templates.ts';
import { type Ending, endingOf } from '../analyze/control.ts';
import * as L from '../state/vcpu-layout.ts';
import { BlockIndex } from './block-index.ts';
import { KeptBytes } from './kept-bytes.ts';

/** A decoded block: where it lies and where its records are. */
export interface Block {
  /** Physical address of its first byte. */
  readonly physical: number;
  /** Bytes in its first page. */
  readonly length: number;
  /** Physical address of the second page of a page-crossing block, or -1. */
  readonly second: number;
  readonly mode: number;
  /** Address of its first record. */
  readonly record: number;
  /** Records, the end record counted. */
  readonly count: number;
  /** Instructions. */
  readonly instructions: number;
  /** How the block ends. */
  readonly ending: Ending;
  /** Byte distance from the block's start to its relative branch target, when it has one. */
  readonly target: number | null;
  /** Bytes of all its instructions. */
  readonly size: number;
  /** Bytes that the code segment had left where the block begins, when its end cut the block; else 0. */
  readonly cut: number;
  /** The bytes that it was decoded from, when others may store there while it is translated. */
  readonly bytes: Uint8Array | null;
  /** Table index of the interpreter's handler for its first record. */
  readonly handler: number;
  /** Linear address it was last entered at. */
  linear: bigint;
  /** False once the bytes it came from have changed, and when a device answered for them. */
  valid: boolean;
  /** The region that it has been chosen for, translated or about to be. */
  owner: Region | null;
  /** True when a region that it is not part of leads to it. */
  linked: boolean;
  /** True while its record leads into a translated region. */
  entered: boolean;
  /** Translated regions that contain it or lead to it; most blocks never have one. */
  regions: Set<Region> | null;
}

/** A translated region, as far as the block cache must know it. */
export interface Region {
  /** Takes the region out of use. */
  retire(): void;
}

/** A block whose bytes keep changing while they are read is decoded so often; then it runs once and is forgotten. */
const MOST_TRIES = 3;

/** Bytes of a second page that an instruction may reach into. */
const CODE_TAIL = 16;

/** Most instructions in one block. */
const BLOCK_LIMIT = 48;

/** The page of a physical address, which may lie above 2 GiB. */
const pageOf = (physical: number): number => physical - (physical & 4095);

/** The 64-byte pieces that bytes `first` to `last` of a page lie in, as bits. */
const piecesOf = (first: number, last: number): bigint => (2n << BigInt(last >> 6)) - (1n << BigInt(first >> 6));

/** What a block is found by. */
export const keyOf = (physical: number, mode: number): number => physical * 64 + mode;

/** Bytes from the start of an instruction to its end, or to the first byte that is missing. */
const reaches = (instruction: Instruction | DecodeFailure, inPage: number): number =>
  instruction === 'short' ? inPage + 1 : typeof instruction === 'string' ? 1 : instruction.length;

const nextPage = (linear: bigint): bigint => BigInt.asIntN(64, (linear | 4095n) + 1n);

const isCanonical = (linear: bigint): boolean => BigInt.asIntN(48, linear) === BigInt.asIntN(64, linear);

/** True when all that relative branches of a block can reach is canonical. */
const isInside = (linear: bigint): boolean => Math.abs(Number(BigInt.asIntN(64, linear))) < 2 ** 47 - 2 ** 33;

const isRelative = (ending: Ending): boolean => ending === 'branch' || ending === 'jump' || ending === 'call';

/** How an instruction ends its block, wherever it lies. A branch that cuts EIP to 16 bits goes elsewhere than its distance says: nothing is grown along it. */
function endingByRow(instruction: Instruction): Ending {
  const ending = endingOf(instruction);
  const { mode, size } = instruction.facts;
  return isRelative(ending) && mode === 32 && size === 16 ? 'left' : ending;
}

/** What the block cache asks of its vCPU. */
export interface CodeSource {
  /** Physical address behind a linear one for execution, or -1 with the fault recorded. */
  fetchPage(linear: bigint): number;
  /** True when code may come from a page at any time without asking: it is RAM. */
  isRam(physical: number): boolean;
  /** The bytes of the page at a physical address: of guest RAM, or what a device answers now. */
  codePage(physical: number): Uint8Array;
  /** Marks the 64-byte pieces of bytes `first` to `last` of the page of a physical address as code, before or after it is read. */
  claim(physical: number, first: number, last: number): void;
  /** Says that exactly these pieces of the page hold code of this core. */
  settle(physical: number, pieces: bigint): void;
  /** True when other threads may store into code while it is decoded. */
  readonly isShared: boolean;
}

/** Decoded blocks, found by physical address and mode; knows which bytes of RAM they came from. */
export class BlockCache {
  private readonly blocks = new BlockIndex();
  private readonly templates: RecordTemplates;
  private next = L.ARENA;
  /** Of the instruction that was written last: its length, and the distance of its relative branch. */
  private length = 0;
  private relative = 0;
  private readonly kept = new KeptBytes();
  /** How often the whole cache was dropped because the arena was full. */
  resets = 0;
  decoded = 0;

  private readonly view: DataView;
  private readonly predecoder: Predecoder;
  private readonly source: CodeSource;

  constructor(view: DataView, predecoder: Predecoder, source: CodeSource) {
    this.view = view;
    this.templates = new RecordTemplates(view.buffer);
    this.predecoder = predecoder;
    this.source = source;
  }

  /**
   * The block at a linear address, decoded if need be; null when fetching its first byte faults (recorded). `room` is how
   * many bytes there are to the end of the code segment.
   */
  find(linear: bigint, mode: number, room = Number.POSITIVE_INFINITY): Block | null {
    const physical = this.source.fetchPage(linear);
    if (physical < 0) return null;
    const block = this.blocks.at(physical, mode);
    if (block === undefined || (block.cut === 0 ? block.size > room : block.cut !== room)) return this.decode(linear, physical, mode, room);
    if (block.second >= 0) {
      const second = this.source.fetchPage(nextPage(linear));
      if (second < 0) return null;
      if (second !== block.second) return this.decode(linear, physical, mode, room);
    }
    block.linear = linear;
    return block;
  }

  private decode(linear: bigint, physical: number, mode: number, room: number, tries = 0): Block | null {
    if (this.next + (BLOCK_LIMIT + 2) * L.REC_SIZE > L.ARENA_END) this.reset();
    const inPage = physical & 4095;
    const isRam = this.source.isRam(physical);
    if (isRam) this.source.claim(physical, inPage, inPage);
    const page = this.source.codePage(pageOf(physical));
    // what a device answers may change at any time: such code runs one instruction at a time and is decoded anew each time
    let lasting = isRam && tries < MOST_TRIES;
    const single = (mode & L.MODE_SINGLE) !== 0;
    const linkable = lasting && !single && (mode & L.MODE_EDGE) === 0;
    const code = (mode & L.MODE_CODE_MASK) === 2 ? 64 : (mode & L.MODE_CODE_MASK) === 1 ? 32 : 16;
    const decodeMode: DecodeMode = { code, stack: code === 64 ? 64 : mode & L.MODE_STACK32 ? 32 : 16 };
    const flat = (mode & L.MODE_FLAT) !== 0;
    const limit = lasting && !single ? BLOCK_LIMIT : 1;
    const record = this.next;
    let at = record;
    let offset = 0;
    let count = 0;
    let second = -1;
    let ending: Ending = 'end';
    let target: number | null = null;
    let instructions = 0;
    let cut = 0;
    let joint: Uint8Array | null = null;
    const root = this.templates.root(decodeMode, flat);
    const everywhere = code !== 64 || isInside(linear);
    while (count < limit && inPage + offset < 4096) {
      const template = inPage + offset <= 4096 - 15 ? this.templates.find(root, page, inPage + offset) : null;
      let written: Ending | null = null;
      if (template !== null && template.length <= room - offset) {
        this.relative = this.templates.write(template, page, inPage + offset, at, offset, count);
        this.length = template.length;
        // NaN: its displacement has no place there
        if (!Number.isNaN(this.relative)) written = template.ending;
      }
      if (written === null) {
        let instruction = decodeInstruction(page, inPage + offset, decodeMode);
        if (reaches(instruction, 4096 - inPage - offset) > room - offset) {
          cut = room;
          if (count > 0) break;
          instruction = 'long'; // #GP too, and nothing behind the segment is fetched
        }
        if (instruction === 'short') {
          if (count > 0) break; // the instruction that crosses the page gets a block of its own
          const joined = this.joinPages(linear, inPage, page);
          if (joined === null) return null;
          second = joined.second;
          lasting &&= this.source.isRam(second);
          joint = joined.bytes;
          instruction = decodeInstruction(joined.bytes, 0, decodeMode);
          if (reaches(instruction, 0) > room) {
            cut = room;
            instruction = 'long';
          }
        }
        if (typeof instruction === 'string') {
          this.blank(at, offset, count, instruction === 'long' ? 'protection' : 'undefined');
          at += L.REC_SIZE;
          count++;
          offset++;
          ending = 'system';
          break;
        }
        this.predecoder.write(at, instruction, offset, count, flat);
        written = endingByRow(instruction);
        this.length = instruction.length;
        this.relative = Number(instruction.relative);
        if (second < 0) this.templates.learn(root, page, inPage + offset, at, instruction, written);
      }
      offset += this.length;
      // a branch that can go where no address is canonical must not be linked
      if (!everywhere && isRelative(written) && !isCanonical(linear + BigInt(offset + this.relative))) written = 'left';
      ending = written;
      if (linkable && isRelative(ending)) this.allowLinks(at, inPage + offset);
      at += L.REC_SIZE;
      count++;
      instructions++;
      if (isRelative(ending)) target = offset + this.relative;
      if (second >= 0 || ending !== 'end') break;
    }
    if (ending === 'end') {
      this.writeEnd(at, offset, count, linkable && second < 0 && inPage + offset < 4096);
      at += L.REC_SIZE;
    }
    this.next = at;
    this.decoded += count;
    const block: Block = {
      physical,
      length: Math.min(offset, 4096 - inPage),
      second,
      mode,
      record,
      count: ending === 'end' ? count + 1 : count,
      instructions,
      ending,
      target,
      size: offset,
      cut,
      bytes: this.source.isShared && second < 0 ? this.kept.keep(page.subarray(inPage, inPage + offset)) : null,
      handler: this.view.getUint32(record + L.REC_HANDLER, true),
      linear,
      valid: lasting,
      owner: null,
      linked: false,
      entered: false,
      regions: null,
    };
    if (!lasting) return block;
    this.blocks.add(block);
    this.source.claim(physical, inPage, Math.min(4095, inPage + Math.max(offset, 1) - 1));
    if (second >= 0) this.source.claim(second, 0, offset - (4096 - inPage) - 1);
    if (this.source.isShared && !this.isAsRead(block, page, joint)) {
      // somebody has written there since it was read, and before all of it was marked
      this.invalidate(physical, 1);
      return this.decode(linear, physical, mode, room, tries + 1);
    }
    this.onDecoded?.(block);
    return block;
  }

  /** The block at an address that has been translated already, decoded if need be; for flat code, between blocks only. */
  obtain(linear: bigint, physical: number, mode: number): Block | null {
    return this.known(physical, mode) ?? this.decode(linear, physical, mode, Number.POSITIVE_INFINITY);
  }

  /** True when so many blocks can be decoded that nothing must be dropped. */
  hasRoomFor(blocks: number): boolean {
    return this.next + blocks * (BLOCK_LIMIT + 2) * L.REC_SIZE <= L.ARENA_END;
  }

  private joinPages(linear: bigint, inPage: number, page: Uint8Array): { bytes: Uint8Array; second: number } | null {
    const second = this.source.fetchPage(nextPage(linear));
    if (second < 0) return null;
    if (this.source.isRam(second)) this.source.claim(second, 0, 0);
    const bytes = new Uint8Array(32);
    const head = page.subarray(inPage);
    bytes.set(head);
    bytes.set(this.source.codePage(second).subarray(0, 16), head.length);
    return { bytes, second };
  }

  /** The relative branch at hand, which ends `end` bytes behind the start of its page, may be linked to what lies in the same page. */
  private allowLinks(at: number, end: number): void {
    const target = end + this.relative;
    this.view.setUint32(at + L.REC_CHAIN, target >= 0 && target < 4096 ? 1 : 0, true);
    this.view.setUint32(at + L.REC_CHAIN_NOT, end < 4096 ? 1 : 0, true);
  }

  private writeEnd(at: number, offset: number, count: number, linkable: boolean): void {
    this.blank(at, offset, count, 'end');
    this.view.setUint32(at + L.REC_CHAIN, linkable ? 1 : 0, true);
  }
  private blank(at: number, offset: number, ordinal: number, handler: string): void {
    for (let i = 0; i < L.REC_SIZE; i += 4) this.view.setUint32(at + i, 0, true);
    this.view.setUint32(at + L.REC_HANDLER, this.predecoder.special(handler), true);
    this.view.setUint16(at + L.REC_OFFSET, offset, true);
    this.view.setUint8(at + L.REC_ORDINAL, ordinal);
  }

  /** True when the bytes of a block in RAM are still those that it was decoded from. */
  private isAsRead({ physical, length, second, size }: Block, page: Uint8Array, joint: Uint8Array | null): boolean {
    const inPage = physical & 4095;
    const now = this.source.codePage(pageOf(physical));
    const read = joint ?? page.subarray(inPage);
    for (let i = 0; i < length; i++) if (now[inPage + i] !== read[i]) return false;
    if (second < 0) return true;
    const rest = this.source.codePage(second);
    for (let i = length; i < size; i++) if (rest[i - length] !== read[i]) return false;
    return true;
  }

  /** A store hit `length` bytes at `physical` that may hold code: drops the blocks that overlap it. */
  invalidate(physical: number, length: number): void {
    const page = pageOf(physical);
    const found = this.blocks.page(page);
    if (found === undefined) {
      this.source.settle(page, 0n);
      return;
    }
    for (const block of found.starts.values()) if (physical < block.physical + block.length && physical + length > block.physical) this.forget(block);
    for (const block of found.tails) if (physical < page + CODE_TAIL) this.forget(block);
    this.remap(page);
  }

  private forget(block: Block): void {
    const stale = this.predecoder.special('stale');
    for (let i = 0; i < block.count; i++) this.view.setUint32(block.record + i * L.REC_SIZE + L.REC_HANDLER, stale, true);
    this.drop(block);
    this.blocks.remove(block);
  }

  private drop(block: Block): void {
    block.valid = false;
    for (const region of block.regions ?? []) region.retire();
    block.regions = null;
  }

  /** The block whose last record is at an address. */
  endingAt(record: number): Block | undefined {
    return this.blocks.endingAt(record);
  }

  /** The block whose first record is at an address, valid or not. */
  startingAt(record: number): Block | undefined {
    return this.blocks.startingAt(record);
  }

  /** Where the indirect branch at a block's end went last, as far as the interpreter saw. */
  lastTarget(block: Block): Block | undefined {
    return this.blocks.startingAt(this.view.getUint32(block.record + (block.count - 1) * L.REC_SIZE + L.REC_CHAIN, true));
  }

  /** The block at a physical address, if it has been decoded. */
  known(physical: number, mode: number): Block | undefined {
    return this.blocks.at(physical, mode);
  }

  /** Recomputes which chunks of a page hold code. */
  private remap(page: number): void {
    let map = 0n;
    const found = this.blocks.page(page);
    for (const { physical, length } of found?.starts.values() ?? []) map |= piecesOf(physical & 4095, (physical & 4095) + length - 1);
    if (found !== undefined && found.tails.size > 0) map |= piecesOf(0, CODE_TAIL - 1);
    this.source.settle(page, map);
  }

  /** Drops everything: the arena is full. Called between blocks only. */
  reset(): void {
    for (const block of this.blocks.all()) this.drop(block);
    for (const page of this.blocks.pages()) this.source.settle(page, 0n);
    this.blocks.clear();
    this.next = L.ARENA;
    this.resets++;
    this.onReset?.();
  }
  /** Called with each block that is decoded and may stay. */
  onDecoded: ((block: Block) => void) | undefined;
  /** Called after a reset: whoever holds record addresses must forget them. */
  onReset: (() => void) | undefined;
}

import type { Ending } from '../analyze/control.ts';

/** A block of a region, ready to be translated on another thread. */
export interface RegionBlock {
  /** Distance in bytes from the region's first instruction, in linear addresses. */
  readonly offset: number;
  /** The block's instructions. */
  readonly bytes: Uint8Array;
  readonly instructions: number;
  readonly ending: Ending;
  /** Distance from the region's start to the relative target; null when it has none. */
  readonly target: number | null;
  /** Distance from the region's start to the byte after the block. */
  readonly end: number;
  /** Distances from the region's start to where the indirect branch at its end is known to have gone. */
  readonly targets: readonly number[];
  /** Number of the page (0 = the entry's) relative to the region's first page. */
  readonly page: number;
}

/** A request to translate one region: its blocks, the one it grew from first. */
export interface RegionRequest {
  readonly id: number;
  /** Mode key of the layout. */
  readonly mode: number;
  /** Low 12 bits of the entry's address: where pages begin. */
  readonly entryInPage: number;
  readonly blocks: readonly RegionBlock[];
  /** Blocks (0 first) where control may come in from outside; the translator adds the heads of loops. */
  readonly entries: readonly number[];
  /** Offsets of blocks that are not part of the region but decoded, in the entry table after the blocks. */
  readonly external: readonly number[];
  /** Blocks that indirect jumps of the region are known to go to, when there are too many to compare one by one. */
  readonly indirect: readonly number[];
  /** Shift of the hash of the indirect-target table. */
  readonly indirectShift: number;
}

/** Up to so many targets of an indirect jump are compared one by one. */
export const FEW_TARGETS = 3;

/** Slots of the indirect-target table of a request: 0 or a power of two. */
export function indirectSlots(request: Pick<RegionRequest, 'indirect'>): number {
  if (request.indirect.length === 0) return 0;
  return 1 << Math.max(3, Math.ceil(Math.log2(request.indirect.length * 4)));
}

/** Slot of an offset in the indirect-target table. */
export function indirectSlot(offset: number, shift: number, slots: number): number {
  return (offset >> shift) & (slots - 1);
}

/** Entries of BLOCK_ENTRY_SIZE that a request takes in the module's block table. */
export function tableEntries(request: RegionRequest): number {
  return request.blocks.length + request.external.length + indirectSlots(request) / 2;
}

/** Bytes of an entry of the region block table in machine state: record address, handler of its first record in the interpreter, physical address, offset from the region's start. */
export const BLOCK_ENTRY_SIZE = 16;

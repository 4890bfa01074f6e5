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
  /** Number of the page (0 = the entry's) relative to the region's first page. */
  readonly page: number;
}

/** A request to translate one region: its blocks, the entry first. */
export interface RegionRequest {
  readonly id: number;
  /** Mode key of the layout. */
  readonly mode: number;
  /** Low 12 bits of the entry's address: where pages begin. */
  readonly entryInPage: number;
  readonly blocks: readonly RegionBlock[];
  /** Offsets of blocks that are not part of the region but decoded, in the entry table after the blocks. */
  readonly external: readonly number[];
}

/** Bytes of an entry of the region block table in machine state: record address, handler of its first record in the interpreter, physical address, spare. */
export const BLOCK_ENTRY_SIZE = 16;

import * as L from '../state/vcpu-layout.ts';
import type { Block } from './block-cache.ts';

/** The blocks of a page of guest-physical memory. */
export interface CodePage {
  /** Those that begin there, by {@link startKey}. */
  readonly starts: Map<number, Block>;
  /** Those that end there and begin in another page. */
  readonly tails: Set<Block>;
}

/** By what a page knows the blocks that begin in it. */
const startKey = (physical: number, mode: number): number => ((physical & 4095) << 6) | mode;

const frameOf = (physical: number): number => Math.floor(physical / 4096);

const slotOf = (record: number): number => (record - L.ARENA) / L.REC_SIZE;

/** Hot path: blocks by where they begin, by the pages that their bytes lie in, and by their first and last records. */
export class BlockIndex {
  readonly #pages = new Map<number, CodePage>();
  /** By first and by last record. */
  #records: (Block | undefined)[] = [];

  /** The block that begins at a physical address. */
  at(physical: number, mode: number): Block | undefined {
    return this.#pages.get(frameOf(physical))?.starts.get(startKey(physical, mode));
  }

  /** The blocks with bytes in the page of a physical address. */
  page(physical: number): CodePage | undefined {
    return this.#pages.get(frameOf(physical));
  }

  /** All blocks. */
  *all(): Iterable<Block> {
    for (const page of this.#pages.values()) yield* page.starts.values();
  }

  /** Physical addresses of all pages with blocks. */
  *pages(): Iterable<number> {
    for (const frame of this.#pages.keys()) yield frame * 4096;
  }

  /** Adds a block. */
  add(block: Block): void {
    this.#open(block.physical).starts.set(startKey(block.physical, block.mode), block);
    if (block.second >= 0) this.#open(block.second).tails.add(block);
    this.#records[slotOf(block.record)] = block;
    this.#records[slotOf(block.record) + block.count - 1] = block;
  }

  /** Removes a block; its records are still known as its own. */
  remove(block: Block): void {
    const page = this.page(block.physical);
    const key = startKey(block.physical, block.mode);
    if (page?.starts.get(key) === block) page.starts.delete(key);
    this.#close(block.physical);
    if (block.second < 0) return;
    this.page(block.second)?.tails.delete(block);
    this.#close(block.second);
  }

  /** The block whose first record is at an address, valid or not. */
  startingAt(record: number): Block | undefined {
    const block = this.#records[slotOf(record)];
    return block?.record === record ? block : undefined;
  }

  /** The block whose last record is at an address, valid or not. */
  endingAt(record: number): Block | undefined {
    const block = this.#records[slotOf(record)];
    return block !== undefined && block.record + (block.count - 1) * L.REC_SIZE === record ? block : undefined;
  }

  /** Removes everything. */
  clear(): void {
    this.#pages.clear();
    this.#records = [];
  }

  #open(physical: number): CodePage {
    const frame = frameOf(physical);
    let page = this.#pages.get(frame);
    if (page === undefined) {
      page = { starts: new Map(), tails: new Set() };
      this.#pages.set(frame, page);
    }
    return page;
  }

  #close(physical: number): void {
    const page = this.page(physical);
    if (page?.starts.size === 0 && page.tails.size === 0) this.#pages.delete(frameOf(physical));
  }
}

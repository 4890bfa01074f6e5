import { cool, type GrownRegion } from '../region/grow-region.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Block, Region } from '../vcpu/block-cache.ts';

/** A region is made anew this often at most to give it another entry. */
export const MOST_GENERATIONS = 6;

/** A region from the moment its blocks are chosen: waiting for its translation, in use, or out of use for good. */
export class LiveRegion implements Region {
  readonly grown: GrownRegion;
  /** Times that its code was made anew with more entries. */
  readonly generation: number;
  /** The region whose blocks it takes over once it is there. */
  predecessor: LiveRegion | null;
  private readonly view: DataView;
  private readonly doors: { readonly block: Block; readonly index: number }[] = [];
  installed = false;
  private retired = false;

  /** @param generation - of a region without predecessor: how often it has been made anew already */
  constructor(view: DataView, grown: GrownRegion, predecessor: LiveRegion | null, generation = 0) {
    this.view = view;
    this.grown = grown;
    this.predecessor = predecessor;
    this.generation = predecessor === null ? generation : predecessor.generation + 1;
    for (const block of grown.blocks) block.owner = this;
  }

  /** Leads the records of its entries to the function at a table index. */
  open(entries: readonly number[], index: number): void {
    this.installed = true;
    for (const [number, i] of entries.entries()) {
      const block = this.grown.blocks[i] as Block;
      this.view.setUint32(block.record + L.REC_HANDLER, index, true);
      this.view.setUint32(block.record + L.REC_ENTRY, number, true);
      block.entered = true;
      this.doors.push({ block, index });
    }
    for (const block of this.grown.blocks) {
      this.join(block);
      // what is still interpreted so often that it is reported once more wants an entry
      if (!block.entered) cool(this.view, block);
    }
    for (const block of this.grown.external) if (block !== null) this.leadTo(block);
  }

  /** Notes that the region leads to a block outside. */
  leadTo(block: Block): void {
    this.join(block);
    block.linked = true;
  }

  private join(block: Block): void {
    block.regions ??= new Set();
    block.regions.add(this);
  }

  /** Blocks where control comes in. */
  entered(): Block[] {
    return this.doors.map((d) => d.block);
  }

  /** False when it is out of use. */
  get live(): boolean {
    return !this.retired;
  }

  retire(): void {
    this.retired = true;
    this.close();
    for (const block of this.grown.blocks) {
      if (block.owner !== this) continue;
      block.owner = null;
      if (block.valid) cool(this.view, block);
    }
  }

  /** Leads its entries back to the interpreter. */
  close(): void {
    for (const { block, index } of this.doors) {
      const at = block.record + L.REC_HANDLER;
      if (this.view.getUint32(at, true) !== index) continue;
      block.entered = false;
      this.view.setUint32(at, block.handler, true);
    }
  }
}

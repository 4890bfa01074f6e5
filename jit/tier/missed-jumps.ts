import * as L from '../state/vcpu-layout.ts';
import type { Block, BlockCache } from '../vcpu/block-cache.ts';

/** Sightings after which it is worth making a region anew that knows the targets. */
const ENOUGH = 24;
/** Most targets that are kept of one jump. */
const MOST_TARGETS = 48;

/** Targets of indirect jumps that regions did not know, from samples that translated code leaves in machine state. */
export class MissedJumps {
  private readonly view: DataView;
  private readonly blocks: BlockCache;
  private readonly targets = new WeakMap<Block, Set<bigint>>();
  private readonly sightings = new WeakMap<Block, number>();
  private seen = 0;

  constructor(view: DataView, blocks: BlockCache) {
    this.view = view;
    this.blocks = blocks;
  }

  /** Where the jump at a block's end has been seen to go. */
  of(block: Block): ReadonlySet<bigint> {
    return this.targets.get(block) ?? NO_TARGETS;
  }

  /** Reads the samples since the last call. @returns blocks whose jumps have gone to unknown places often, with new ones among them */
  collect(): Block[] {
    const count = this.view.getUint32(L.MISSED_JUMPS, true);
    const fresh = Math.min((count - this.seen) >>> 0, L.MISSED_JUMPS_KEPT);
    this.seen = count;
    const often: Block[] = [];
    for (let i = count - fresh; i < count; i++) {
      const at = L.MISSED_JUMPS_RING + (i & (L.MISSED_JUMPS_KEPT - 1)) * 16;
      const block = this.blocks.startingAt(this.view.getUint32(at, true));
      if (block?.valid && this.note(block, this.view.getBigUint64(at + 8, true))) often.push(block);
    }
    return often;
  }

  /** True when the jump has been seen often enough. */
  private note(block: Block, target: bigint): boolean {
    let targets = this.targets.get(block);
    if (targets === undefined) {
      targets = new Set();
      this.targets.set(block, targets);
    }
    if (targets.size < MOST_TARGETS) targets.add(target);
    const sightings = (this.sightings.get(block) ?? 0) + 1;
    this.sightings.set(block, sightings === ENOUGH ? 0 : sightings);
    return sightings === ENOUGH;
  }
}

const NO_TARGETS: ReadonlySet<bigint> = new Set();

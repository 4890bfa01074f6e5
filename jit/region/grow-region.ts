import type { Block, BlockCache } from '../vcpu/block-cache.ts';
import * as L from '../state/vcpu-layout.ts';
import { indirectSlot, indirectSlots, type RegionBlock, type RegionRequest } from './region.ts';

/** Limits of a region. */
const MOST_BLOCKS = 40;
const MOST_INSTRUCTIONS = 320;

/** What growing needs to know of the vCPU. */
export interface RegionSource {
  readonly blocks: BlockCache;
  readonly view: DataView;
  /** Physical address behind a linear one, or -1; no fault, no side effect. */
  resolve(linear: bigint): number;
  ram(physical: number, length: number): Uint8Array;
}

/** A region to be: the request for the translator and the blocks it was made from, in the order of the block table. */
export interface GrownRegion {
  readonly request: RegionRequest;
  readonly blocks: readonly Block[];
  readonly external: readonly Block[];
}

const heatOf = (view: DataView, block: Block): number => view.getUint32(block.record + (block.count - 1) * L.REC_SIZE + L.REC_HEAT, true);

/** True when a block is worth translating. */
export function translatable(block: Block): boolean {
  const code = block.mode & L.MODE_CODE_MASK;
  if (block.second >= 0 || !block.valid || code === 0 || block.mode & L.MODE_SINGLE || !(block.mode & L.MODE_FLAT)) return false;
  return block.instructions > (block.ending === 'system' ? 1 : 0);
}

/** Grows a region from a hot block along the edges that have been taken. */
export function growRegion(id: number, seed: Block, linear: bigint, source: RegionSource): GrownRegion {
  const { view } = source;
  const enough = Math.max(1, view.getUint32(L.HOT_LIMIT, true) >> 4);
  const entryInPage = Number(linear & 4095n);
  const chosen = new Map<number, Block>();
  const candidates: { offset: number; block: Block; heat: number }[] = [{ offset: 0, block: seed, heat: Number.POSITIVE_INFINITY }];
  const seen = new Set<number>([0]);
  const external = new Map<number, Block>();
  let instructions = 0;
  const predictions = new Map<number, number>();
  const predict = (offset: number, block: Block): void => {
    const target = source.blocks.lastTarget(block);
    if (target === undefined || target.mode !== seed.mode) return;
    const distance = Number(BigInt.asIntN(64, target.linear - linear));
    if (Math.abs(distance) > 0x3fffffff) return;
    predictions.set(offset, distance);
    look(distance);
  };
  const look = (offset: number): void => {
    if (seen.has(offset)) return;
    seen.add(offset);
    // the entry's own page is where it is, whatever address space is in force now
    const inEntryPage = Math.floor((entryInPage + offset) / 4096) === 0;
    const at = inEntryPage ? seed.physical + offset : source.resolve(BigInt.asIntN(64, linear + BigInt(offset)));
    const block = at < 0 ? undefined : source.blocks.known(at, seed.mode);
    if (block === undefined) return;
    const heat = heatOf(view, block);
    // what has a region of its own is linked to, not translated again
    if (translatable(block) && heat >= enough && !block.entered) candidates.push({ offset, block, heat });
    else if (block.second < 0 && block.valid) external.set(offset, block);
  };
  while (candidates.length > 0 && chosen.size < MOST_BLOCKS) {
    // the hottest first
    let best = 0;
    for (let i = 1; i < candidates.length; i++) if ((candidates[i] as { heat: number }).heat > (candidates[best] as { heat: number }).heat) best = i;
    const { offset, block } = candidates.splice(best, 1)[0] as { offset: number; block: Block };
    if (chosen.size > 0 && instructions + block.instructions > MOST_INSTRUCTIONS) {
      external.set(offset, block);
      continue;
    }
    chosen.set(offset, block);
    instructions += block.instructions;
    if (block.target !== null) look(offset + block.target);
    if (block.ending === 'branch' || block.ending === 'end' || block.ending === 'call' || block.ending === 'indirect-call') look(offset + block.size);
    if (block.ending === 'indirect' || block.ending === 'indirect-call' || block.ending === 'return') predict(offset, block);
  }
  for (const { offset, block } of candidates) external.set(offset, block);
  const offsets = [...chosen.keys()];
  const blocks: RegionBlock[] = offsets.map((offset) => {
    const block = chosen.get(offset) as Block;
    return {
      offset,
      bytes: source.ram(block.physical, block.size).slice(),
      instructions: block.instructions,
      ending: block.ending,
      target: block.target === null ? null : offset + block.target,
      end: offset + block.size,
      predicted: predictions.get(offset) ?? null,
      page: Math.floor((entryInPage + offset) / 4096),
    };
  });
  const outside = [...external.keys()];
  const { indirect, indirectShift } = indirectTargets(offsets, blocks);
  return {
    request: { id, mode: seed.mode, entryInPage, blocks, external: outside, indirect, indirectShift },
    blocks: offsets.map((o) => chosen.get(o) as Block),
    external: outside.map((o) => external.get(o) as Block),
  };
}

/** Fewer targets of indirect jumps than this are compared one by one. */
const FEW_TARGETS = 3;

/** The blocks that indirect jumps go to, when there are many, and the hash shift that separates them best. */
function indirectTargets(offsets: readonly number[], blocks: readonly RegionBlock[]): { indirect: number[]; indirectShift: number } {
  const targets = new Set<number>();
  for (const b of blocks) {
    const i = b.ending === 'indirect' && b.predicted !== null ? offsets.indexOf(b.predicted) : -1;
    if (i >= 0) targets.add(i);
  }
  if (targets.size < FEW_TARGETS) return { indirect: [], indirectShift: 0 };
  const indirect = [...targets];
  const slots = indirectSlots({ indirect });
  let indirectShift = 0;
  let most = 0;
  for (let shift = 0; shift < 8; shift++) {
    const used = new Set(indirect.map((i) => indirectSlot(offsets[i] as number, shift, slots))).size;
    if (used > most) [most, indirectShift] = [used, shift];
  }
  return { indirect, indirectShift };
}

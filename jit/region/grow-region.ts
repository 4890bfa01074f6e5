import type { Block, BlockCache } from '../vcpu/block-cache.ts';
import * as L from '../state/vcpu-layout.ts';
import { indirectTargets } from './indirect-targets.ts';
import type { RegionBlock, RegionRequest } from './region.ts';

/** Limits of a region. */
const MOST_BLOCKS = 128;
const MOST_INSTRUCTIONS = 800;
/** Instructions up to which other functions are taken in: larger regions save calls, and cost more to compile than that. */
const WITH_OTHERS = 150;
/** Farthest distance between blocks of a region, in bytes. */
const FARTHEST = 0x3fffffff;

/** What growing needs to know of the vCPU. */
export interface RegionSource {
  readonly blocks: BlockCache;
  readonly view: DataView;
  /** Physical address behind a linear one, or -1; no fault, no side effect. */
  resolve(linear: bigint): number;
  ram(physical: number, length: number): Uint8Array;
  /** True when there is RAM at a physical address. */
  isRam(physical: number): boolean;
  /** Linear addresses where the indirect branch at a block's end has gone, beside where the interpreter saw it go. */
  targets(block: Block): Iterable<bigint>;
}

/** A region to be: the request for the translator and the blocks it was made from, in the order of the block table. */
export interface GrownRegion {
  readonly request: RegionRequest;
  /** Linear address of its first instruction. */
  readonly linear: bigint;
  readonly blocks: readonly Block[];
  /** Blocks that it leads to; null for one that has not been decoded. */
  readonly external: readonly (Block | null)[];
}

/** Where a region grows from. */
export interface Seed {
  readonly block: Block;
  readonly linear: bigint;
  /** Blocks that count as hot, whatever their figures, and where control has been seen to come in: of a region that is made anew. */
  readonly members: ReadonlySet<Block>;
  readonly doors: ReadonlySet<Block>;
}

/** Address of the number of a block's executions in the interpreter. */
export const heatAt = (block: Block): number => block.record + (block.count - 1) * L.REC_SIZE + L.REC_HEAT;

/** Lets a block become hot once more. */
export function cool(view: DataView, block: Block): void {
  view.setUint32(heatAt(block), 0, true);
}

/** True when a block is worth translating. */
export function translatable(block: Block): boolean {
  if (block.second >= 0 || !block.valid || block.mode & (L.MODE_SINGLE | L.MODE_EDGE)) return false;
  return block.instructions > (block.ending === 'system' || block.ending === 'left' ? 1 : 0);
}

interface Candidate {
  readonly offset: number;
  readonly block: Block;
  readonly heat: number;
  /** In another function, as far as one can tell. */
  readonly away: boolean;
}

/** Grows a region from a hot block along the edges that have been taken. A block belongs to one region only. */
export function growRegion(id: number, seed: Seed, source: RegionSource): GrownRegion {
  const { view } = source;
  const { linear, members } = seed;
  const { mode, physical } = seed.block;
  const enough = Math.max(1, view.getUint32(L.HOT_LIMIT, true) >> 4);
  const entryInPage = Number(linear & 4095n);
  const chosen = new Map<number, Block>();
  const candidates: Candidate[] = [{ offset: 0, block: seed.block, heat: Number.POSITIVE_INFINITY, away: false }];
  const seen = new Set<number>([0]);
  const external = new Map<number, Block>();
  const doors = new Set<number>([0]);
  const predictions = new Map<number, number[]>();
  let instructions = 0;
  const look = (offset: number, away: boolean): void => {
    if (seen.has(offset)) return;
    seen.add(offset);
    // the entry's own page is where it is, whatever address space is in force now
    const inEntryPage = Math.floor((entryInPage + offset) / 4096) === 0;
    const at = inEntryPage ? physical + offset : source.resolve(BigInt.asIntN(64, linear + BigInt(offset)));
    const block = at < 0 ? undefined : source.blocks.known(at, mode);
    if (block === undefined) return;
    const member = members.has(block);
    const heat = view.getUint32(heatAt(block), true);
    if (translatable(block) && (member || (block.owner === null && heat >= enough)))
      candidates.push({ offset, block, heat: member ? heat + enough : heat, away });
    else if (block.second < 0 && block.valid) external.set(offset, block);
  };
  const predict = (offset: number, block: Block): void => {
    const last = source.blocks.lastTarget(block);
    // elsewhere what translated code has seen are distances from the code segment's base, whatever that was
    const all = new Set(mode & L.MODE_FLAT ? source.targets(block) : []);
    if (last !== undefined && last.mode === mode) all.add(last.linear);
    const distances = [...all].map((target) => Number(BigInt.asIntN(64, target - linear))).filter((distance) => Math.abs(distance) <= FARTHEST);
    predictions.set(offset, distances);
    for (const distance of distances) {
      if (block.ending !== 'return') doors.add(distance);
      look(distance, block.ending !== 'indirect');
    }
  };
  while (candidates.length > 0 && chosen.size < MOST_BLOCKS) {
    const { offset, block, away } = takeHottest(candidates);
    if (chosen.size > 0 && instructions + block.instructions > (away ? WITH_OTHERS : MOST_INSTRUCTIONS)) {
      external.set(offset, block);
      continue;
    }
    chosen.set(offset, block);
    instructions += block.instructions;
    const { ending } = block;
    const next = offset + block.size;
    if (block.linked || seed.doors.has(block)) doors.add(offset);
    if (block.target !== null) look(offset + block.target, ending === 'call');
    if (ending === 'call') doors.add(offset + (block.target as number));
    // what follows a system routine or a call is come back to from outside
    if (ending === 'system' || ending === 'left' || ending === 'call' || ending === 'indirect-call') doors.add(next);
    if (ending !== 'jump' && ending !== 'indirect' && ending !== 'return') look(next, false);
    if (ending === 'indirect' || ending === 'indirect-call' || ending === 'return') predict(offset, block);
  }
  for (const { offset, block } of candidates) external.set(offset, block);
  const offsets = [...chosen.keys()];
  const blocks: RegionBlock[] = offsets.map((offset) => {
    const block = chosen.get(offset) as Block;
    return {
      offset,
      bytes: block.bytes?.slice() ?? source.ram(block.physical, block.size).slice(),
      instructions: block.instructions,
      ending: block.ending,
      target: block.target === null ? null : offset + block.target,
      end: offset + block.size,
      targets: predictions.get(offset) ?? [],
      page: Math.floor((entryInPage + offset) / 4096),
    };
  });
  const outside = [...external.keys()];
  const entries = offsets.flatMap((offset, i) => (doors.has(offset) ? [i] : []));
  return {
    request: { id, mode, entryInPage, blocks, entries, external: outside, ...indirectTargets(offsets, blocks) },
    linear,
    blocks: offsets.map((o) => chosen.get(o) as Block),
    external: outside.map((o) => external.get(o) as Block),
  };
}

/** A function is taken whole before another is begun: a border through its middle would be crossed again and again. */
const comesFirst = (a: Candidate, b: Candidate): boolean => (a.away === b.away ? a.heat > b.heat : b.away);

/** Takes the best candidate off the list. */
function takeHottest(candidates: Candidate[]): Candidate {
  let best = 0;
  for (let i = 1; i < candidates.length; i++) if (comesFirst(candidates[i] as Candidate, candidates[best] as Candidate)) best = i;
  return candidates.splice(best, 1)[0] as Candidate;
}

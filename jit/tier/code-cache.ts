import type { RegionRequest } from '../region/region.ts';
import type { Block } from '../vcpu/block-cache.ts';
import type { CompiledBatch } from './translator.ts';

/** A block where a region of an earlier run can be entered. */
export interface Place {
  readonly request: RegionRequest;
  /** Which block of the region. */
  readonly block: number;
}

/** A region's function in a module. */
export interface CompiledRegion {
  readonly batch: CompiledBatch;
  /** Its place in the batch. */
  readonly index: number;
}

/** A region is kept for so many runs, the last that used it counted: one that ended early must not cost everything. */
const MOST_RUNS = 2;
/** Most instructions that are kept: all of them are translated and compiled when a run begins. */
const MOST_INSTRUCTIONS = 60_000;

/**
 * The regions that earlier runs of a guest found, to be translated before this one asks, and what this run finds, for
 * the next. It knows what was chosen to be translated together, not the code that came of it: whatever is read from
 * elsewhere can only be a bad choice. In what it holds the number of a region tells how many runs have not used it.
 */
export class CodeCache {
  private readonly places = new Map<number, Place[]>();
  private readonly compiled = new Map<RegionRequest, CompiledRegion>();
  private readonly failed = new Set<RegionRequest>();
  private readonly earlier: readonly RegionRequest[];
  private readonly found: RegionRequest[] = [];
  private readonly slots = new Map<RegionRequest, number>();

  /** @param kept - what {@link contents} gave at the end of the last run */
  constructor(kept: readonly RegionRequest[]) {
    this.earlier = kept;
    for (const request of kept) {
      for (const block of new Set([0, ...request.entries, ...request.indirect])) {
        const { offset, bytes } = request.blocks[block] as RegionRequest['blocks'][number];
        const key = keyOf((request.entryInPage + offset) & 4095, bytes.length, request.mode);
        const places = this.places.get(key);
        if (places === undefined) this.places.set(key, [{ request, block }]);
        else places.push({ request, block });
      }
    }
  }

  /** Takes regions that were translated; their numbers are their places among what the cache was made from. */
  add(batch: CompiledBatch): void {
    for (const [index, id] of batch.ids.entries()) {
      const request = this.earlier[id];
      if (request !== undefined) this.compiled.set(request, { batch, index });
    }
    for (const { id } of batch.failed) {
      const request = this.earlier[id];
      if (request !== undefined) this.failed.add(request);
    }
  }

  /** Whether a region of an earlier run is still being compiled. */
  awaits(request: RegionRequest): boolean {
    return !this.compiled.has(request) && !this.failed.has(request);
  }

  /** Regions that may begin at a block, going by its place in its page and its size. */
  at(block: Block): readonly Place[] {
    return this.places.get(keyOf(block.physical & 4095, block.size, block.mode)) ?? NOTHING;
  }

  /** The regions of a batch that came from here. */
  requestsOf(batch: CompiledBatch): RegionRequest[] {
    return batch.ids.map((id) => this.earlier[id] as RegionRequest);
  }

  /** The code of a region of an earlier run, once there is some. */
  codeOf(request: RegionRequest): CompiledRegion | undefined {
    return this.compiled.get(request);
  }

  /** Notes that a region is in use now, perhaps in the place of one that was smaller. */
  note(request: RegionRequest, predecessor: RegionRequest | null): void {
    const slot = (predecessor === null ? undefined : this.slots.get(predecessor)) ?? this.found.length;
    this.found[slot] = request;
    this.slots.set(request, slot);
  }

  /** What the next run should know: what this run used, in the order that it turned up in, then what earlier ones did. */
  contents(): RegionRequest[] {
    const all = [...this.found.map((r) => ({ ...r, id: 0 })), ...this.unused()];
    const seen = new Set<string>();
    let instructions = 0;
    return all.filter((request) => {
      const key = contentKey(request);
      if (seen.has(key)) return false;
      seen.add(key);
      instructions += request.blocks.reduce((sum, block) => sum + block.instructions, 0);
      return instructions <= MOST_INSTRUCTIONS;
    });
  }

  private unused(): RegionRequest[] {
    const idle = this.earlier.filter((request) => !this.slots.has(request));
    return idle.map((r) => ({ ...r, id: r.id + 1 })).filter((r) => r.id < MOST_RUNS);
  }
}

const NOTHING: readonly Place[] = [];

const keyOf = (inPage: number, size: number, mode: number): number => (inPage * 1024 + size) * 64 + mode;

function contentKey({ mode, entryInPage, blocks }: RegionRequest): string {
  const code = blocks.map((b) => `${b.offset} ${b.bytes.join(' ')}`);
  return `${mode} ${entryInPage} ${code.join('/')}`;
}

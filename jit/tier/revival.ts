import { heatAt, type RegionSource, translatable } from '../region/grow-region.ts';
import { locateRegion } from '../region/locate-region.ts';
import * as L from '../state/vcpu-layout.ts';
import { type Block, keyOf } from '../vcpu/block-cache.ts';
import type { VcpuCore } from '../vcpu/vcpu-core.ts';
import type { CodeCache, CompiledRegion } from './code-cache.ts';
import { LiveRegion, MOST_GENERATIONS } from './live-region.ts';
import type { LoadedBatch, RegionInstaller } from './region-installer.ts';
import type { CompiledBatch } from './translator.ts';

/** After so many executions of a block that was no part of a region yet, what is around it is looked at again. */
const PATIENCE = [100, 1000, 4000];

/** A place in a block table for a block that has not been decoded. */
interface Gap {
  readonly region: LiveRegion;
  /** Address of its entry. */
  readonly entry: number;
}

/** Puts regions of earlier runs to use as soon as their code turns up in the guest. */
export class Revival {
  private readonly core: VcpuCore;
  private readonly cache: CodeCache;
  private readonly installer: RegionInstaller;
  private readonly source: RegionSource;
  private readonly loaded = new Map<CompiledBatch, LoadedBatch>();
  private readonly gaps = new Map<number, Gap[]>();
  private readonly tries = new WeakMap<Block, number>();
  /** Blocks to look at between slices. */
  private fresh: Block[] = [];
  /** Blocks whose regions may be among those that are still being compiled. */
  private readonly early = new Set<Block>();

  constructor(core: VcpuCore, cache: CodeCache, installer: RegionInstaller, source: RegionSource) {
    this.core = core;
    this.cache = cache;
    this.installer = installer;
    this.source = source;
    core.blocks.onDecoded = (block) => this.decoded(block);
  }

  /** Forgets everything that names records. */
  reset(): void {
    this.loaded.clear();
    this.gaps.clear();
    this.fresh = [];
    this.early.clear();
  }

  /** Takes regions that have been compiled. */
  add(batch: CompiledBatch): void {
    this.cache.add(batch);
    this.fresh.push(...this.early);
    this.early.clear();
  }

  private decoded(block: Block): void {
    const key = keyOf(block.physical, block.mode);
    const gaps = this.gaps.get(key);
    if (gaps !== undefined && block.second < 0) {
      this.gaps.delete(key);
      for (const gap of gaps) if (gap.region.live) this.fill(gap, block);
    }
    if (this.cache.at(block).length > 0) this.fresh.push(block);
  }

  private fill({ region, entry }: Gap, block: Block): void {
    this.installer.writeEntry(entry, block);
    region.leadTo(block);
  }

  /** Whether a block that was reported as hot is looked at once more, or waited for, instead of being translated. */
  wants(block: Block): boolean {
    if (block.owner !== null || this.cache.at(block).length === 0) return false;
    if (this.isComing(block)) this.early.add(block);
    else if (this.tries.has(block)) this.fresh.push(block);
    else return false;
    return true;
  }

  /** Whether a region around a block is being compiled already, going by all of its code. */
  private isComing(block: Block): boolean {
    return this.cache.at(block).some(({ request, block: place }) => this.cache.awaits(request) && locateRegion(request, block, place, this.source) !== null);
  }

  /** Between slices: looks at the blocks that have turned up. @returns how many regions were put to use */
  collect(): number {
    const blocks = this.fresh.filter((block) => block.valid && block.owner === null && translatable(block));
    this.fresh = [];
    let revived = 0;
    for (const block of blocks) {
      if (block.owner !== null) continue;
      const done = this.revive(block);
      if (done === 'revived') revived++;
      else if (done === 'absent') this.waitWith(block);
    }
    return revived;
  }

  /** Has a block reported before long, or left alone from now on. */
  private waitWith(block: Block): void {
    const tries = this.tries.get(block) ?? 0;
    const limit = this.core.view.getUint32(L.HOT_LIMIT, true);
    const patience = PATIENCE[tries];
    if (patience === undefined) this.tries.delete(block);
    else this.tries.set(block, tries + 1);
    this.core.view.setUint32(heatAt(block), patience === undefined ? 0 : Math.max(0, limit - patience), true);
  }

  /** Puts a region around a block to use. `early` = when that has been compiled. */
  private revive(block: Block): 'revived' | 'early' | 'absent' {
    for (const { request, block: place } of this.cache.at(block)) {
      if (this.cache.awaits(request)) {
        this.early.add(block);
        return 'early';
      }
      const code = this.cache.codeOf(request);
      if (code === undefined) continue;
      if (!this.core.blocks.hasRoomFor(request.blocks.length)) return 'absent';
      const grown = locateRegion(request, block, place, this.source);
      if (grown === null) continue;
      const batch = this.load(code);
      if (batch === null) return 'absent';
      const region = new LiveRegion(this.core.view, grown, null, MOST_GENERATIONS - 1); // grown up: what is missing still can be added once a run
      this.installer.put(region, batch, code.index);
      this.cache.note(request, null);
      this.await(region, batch, code.index);
      return 'revived';
    }
    return 'absent';
  }

  private load({ batch }: CompiledRegion): LoadedBatch | null {
    const loaded = this.loaded.get(batch) ?? this.installer.load(batch, this.cache.requestsOf(batch));
    if (loaded !== null) this.loaded.set(batch, loaded);
    return loaded;
  }

  /** Has the entries of blocks outside filled in when those are decoded. */
  private await(region: LiveRegion, batch: LoadedBatch, index: number): void {
    const { external, request, linear } = region.grown;
    for (const [i, block] of external.entries()) {
      if (block !== null) continue;
      const physical = this.source.resolve(BigInt.asIntN(64, linear + BigInt(request.external[i] as number)));
      if (physical < 0) continue;
      const key = keyOf(physical, request.mode);
      const gap = { region, entry: this.installer.externalEntry(batch, index, request, i) };
      const gaps = this.gaps.get(key);
      if (gaps === undefined) this.gaps.set(key, [gap]);
      else gaps.push(gap);
    }
  }
}

import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import { type GrownRegion, growRegion, type RegionSource, type Seed, translatable } from '../region/grow-region.ts';
import type { RegionRequest } from '../region/region.ts';
import type { TranslatedBatch } from '../region/translate.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Block } from '../vcpu/block-cache.ts';
import type { VcpuCore } from '../vcpu/vcpu-core.ts';
import type { CodeCache } from './code-cache.ts';
import { LiveRegion, MOST_GENERATIONS } from './live-region.ts';
import { MissedJumps } from './missed-jumps.ts';
import { RegionInstaller } from './region-installer.ts';
import { Revival } from './revival.ts';

/** A translated batch as it comes back from a translator thread: compiled there, installed here. */
export interface CompiledBatch extends Omit<TranslatedBatch, 'wasm'> {
  readonly module: WebAssembly.Module;
  /** True for regions of earlier runs, which nobody has asked for. */
  readonly known?: boolean;
}

/** Sends requests to wherever translation happens. */
export type SendRequests = (requests: readonly RegionRequest[]) => void;

/** Figures of the translator. */
export interface TranslatorStats {
  requested: number;
  installed: number;
  modules: number;
  outdated: number;
  failed: number;
  /** Regions of earlier runs that were put to use. */
  revived: number;
  blocks: number;
  instructions: number;
}

/** Finds hot regions of a vCPU, has them translated, installs what comes back. Lives on the vCPU's thread. */
export class Translator {
  readonly stats: TranslatorStats = { requested: 0, installed: 0, modules: 0, outdated: 0, failed: 0, revived: 0, blocks: 0, instructions: 0 };
  private readonly core: VcpuCore;
  private readonly send: SendRequests;
  private readonly installer: RegionInstaller;
  private readonly source: RegionSource;
  private readonly cache: CodeCache | null;
  private readonly revival: Revival | null;
  private readonly waiting = new Map<number, LiveRegion>();
  private queue: Block[] = [];
  private readonly jumps: MissedJumps;
  /** Blocks in regions whose jumps go where their regions don't know. */
  private readonly jumping = new Set<Block>();
  /** Counts over all vCPUs of the thread: an answer to one that was reset must not pass for an answer to its successor. */
  private static nextId = 1;
  /** Messages of failed translations, for reports. */
  readonly failures: string[] = [];

  /** @param cache - regions of earlier runs, and where those of this run are kept for the next */
  constructor(core: VcpuCore, index: InterpreterIndex, hotLimit: number, send: SendRequests, cache: CodeCache | null = null) {
    this.core = core;
    this.send = send;
    this.cache = cache;
    this.installer = new RegionInstaller(core, index);
    core.view.setUint32(L.HOT_LIMIT, hotLimit, true);
    this.jumps = new MissedJumps(core.view, core.blocks);
    this.source = {
      blocks: core.blocks,
      view: core.view,
      resolve: (linear) => Number(core.exports.translateNoFault(linear)),
      ram: (physical, length) => new Uint8Array(core.ram.buffer, physical, length),
      isRam: (physical) => core.isRam(physical),
      targets: (block) => this.jumps.of(block),
    };
    this.revival = cache === null ? null : new Revival(core, cache, this.installer, this.source);
    core.onHot = (record) => {
      const block = core.blocks.endingAt(record);
      if (block === undefined || !translatable(block)) return;
      block.linear = core.linearOf(block);
      if (!this.revival?.wants(block)) this.queue.push(block);
    };
    core.onCodeReset = () => {
      this.waiting.clear();
      this.queue = [];
      this.jumping.clear();
      this.installer.reset();
      this.revival?.reset();
    };
  }

  /** Has a block translated at once, however cold; for a translator that answers inside `send`. */
  translateNow(block: Block): void {
    if (!translatable(block) || block.entered) return;
    this.queue.push(block);
    this.flush();
  }

  /** Looks for what has turned up since the last call. @returns how many hot blocks wait for `flush` */
  collect(): number {
    this.stats.revived += this.revival?.collect() ?? 0;
    for (const block of this.jumps.collect()) if ((block.owner as LiveRegion | null)?.installed) this.jumping.add(block);
    return this.queue.length + this.jumping.size;
  }

  /** Grows regions from the hot blocks found since the last call and sends them off. */
  flush(): void {
    const requests: RegionRequest[] = [];
    for (const [block, jumps] of [...this.queue.map((b) => [b, false] as const), ...[...this.jumping].map((b) => [b, true] as const)]) {
      const seed = jumps ? this.wider(block) : this.seedOf(block);
      if (seed === null) continue;
      const predecessor = block.owner as LiveRegion | null;
      const grown = growRegion(Translator.nextId++, seed, this.source);
      this.waiting.set(grown.request.id, new LiveRegion(this.core.view, grown, predecessor));
      requests.push(grown.request);
    }
    this.queue = [];
    this.jumping.clear();
    if (requests.length === 0) return;
    this.stats.requested += requests.length;
    this.send(requests);
  }

  /** Where to grow from for a hot block: from itself, or, when it lies inside a region, from where that began, with one more entry. */
  private seedOf(block: Block): Seed | null {
    if (!block.valid || block.entered) return null;
    const region = block.owner as LiveRegion | null;
    if (region === null) return { block, linear: block.linear, members: new Set(), doors: new Set() };
    return this.again(region, [], [block]);
  }

  /** A region once more, with the places that its jumps go to: a jump that was seen to leave, and all others while at it. */
  private wider(jump: Block): Seed | null {
    const region = jump.owner as LiveRegion | null;
    if (!jump.valid || region === null) return null;
    const found = new Set<Block>();
    const work = [...region.grown.blocks];
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      for (const target of this.targetsOf(block)) {
        if (found.has(target)) continue;
        found.add(target);
        work.push(target);
      }
    }
    return this.again(region, [...found], []);
  }

  /** Blocks where the jump at a block's end has been seen to go without its region knowing. */
  private targetsOf(jump: Block): Block[] {
    const blocks: Block[] = [];
    for (const target of this.jumps.of(jump)) {
      const physical = Number(this.core.exports.translateNoFault(BigInt.asIntN(64, target)));
      const block = physical < 0 ? undefined : this.core.blocks.known(physical, jump.mode);
      if (block !== undefined && translatable(block)) blocks.push(block);
    }
    return blocks;
  }

  /** A region once more, with more blocks and entries; null when that has been done often enough. */
  private again(region: LiveRegion, blocks: readonly Block[], doors: readonly Block[]): Seed | null {
    if (!region.installed || region.generation >= MOST_GENERATIONS) return null;
    const [block] = region.grown.blocks as [Block];
    const members = new Set([...region.grown.blocks.filter((b) => b.valid && b.owner === region), ...blocks]);
    return { block, linear: region.grown.linear, members, doors: new Set([...region.entered(), ...doors]) };
  }

  /** Installs a translated batch; between slices only. */
  install(batch: CompiledBatch): void {
    if (batch.known) {
      this.revival?.add(batch);
      return;
    }
    for (const { id, reason } of batch.failed) {
      this.waiting.delete(id);
      this.stats.failed++;
      this.failures.push(reason);
    }
    const regions = batch.ids.map((id) => this.waiting.get(id));
    for (const id of batch.ids) this.waiting.delete(id);
    // asked for before a reset: the records it names are gone
    if (regions.includes(undefined)) return;
    const loaded = this.installer.load(
      batch,
      (regions as LiveRegion[]).map((region) => region.grown.request),
    );
    if (loaded === null) {
      this.core.blocks.reset();
      return;
    }
    for (const [i, region] of (regions as LiveRegion[]).entries()) {
      const { grown, predecessor } = region;
      if (grown.blocks.some((b) => !b.valid) || grown.external.some((b) => !b?.valid)) {
        this.stats.outdated++;
        region.retire();
        continue;
      }
      this.cache?.note(grown.request, predecessor?.grown.request ?? null);
      this.installer.put(region, loaded, i);
      this.count(grown);
    }
  }

  private count({ blocks }: GrownRegion): void {
    this.stats.installed++;
    this.stats.modules = this.installer.modules;
    this.stats.blocks += blocks.length;
    this.stats.instructions += blocks.reduce((sum, b) => sum + b.instructions, 0);
  }
}

import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import { cool, type GrownRegion, growRegion, type Seed, translatable } from '../region/grow-region.ts';
import { BLOCK_ENTRY_SIZE, indirectSlot, indirectSlots, type RegionRequest, tableEntries } from '../region/region.ts';
import type { TranslatedBatch } from '../region/translate.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Block, Region } from '../vcpu/block-cache.ts';
import type { VcpuCore } from '../vcpu/vcpu-core.ts';
import { MissedJumps } from './missed-jumps.ts';

/** A translated batch as it comes back from a translator thread: compiled there, installed here. */
export interface CompiledBatch extends Omit<TranslatedBatch, 'wasm'> {
  readonly module: WebAssembly.Module;
}

/** Sends requests to wherever translation happens. */
export type SendRequests = (requests: readonly RegionRequest[]) => void;

/** A region from the moment its blocks are chosen: waiting for its translation, in use, or out of use for good. */
class LiveRegion implements Region {
  readonly grown: GrownRegion;
  readonly linear: bigint;
  /** Times that its code was made anew with more entries. */
  readonly generation: number;
  /** The region whose blocks it takes over once it is there. */
  predecessor: LiveRegion | null;
  private readonly view: DataView;
  private readonly doors: { readonly block: Block; readonly index: number }[] = [];
  installed = false;

  constructor(view: DataView, grown: GrownRegion, linear: bigint, predecessor: LiveRegion | null) {
    this.view = view;
    this.grown = grown;
    this.linear = linear;
    this.predecessor = predecessor;
    this.generation = predecessor === null ? 0 : predecessor.generation + 1;
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
      block.regions.add(this);
      // what is still interpreted so often that it is reported once more wants an entry
      if (!block.entered) cool(this.view, block);
    }
    for (const block of this.grown.external) {
      block.regions.add(this);
      block.linked = true;
    }
  }

  /** Blocks where control comes in. */
  entered(): Block[] {
    return this.doors.map((d) => d.block);
  }

  retire(): void {
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

/** A region is made anew this often at most to give it another entry. */
const MOST_GENERATIONS = 6;

/** Figures of the translator. */
export interface TranslatorStats {
  requested: number;
  installed: number;
  modules: number;
  outdated: number;
  failed: number;
  blocks: number;
  instructions: number;
}

/** Finds hot regions of a vCPU, has them translated, installs what comes back. Lives on the vCPU's thread. */
export class Translator {
  readonly stats: TranslatorStats = { requested: 0, installed: 0, modules: 0, outdated: 0, failed: 0, blocks: 0, instructions: 0 };
  private readonly core: VcpuCore;
  private readonly send: SendRequests;
  private readonly functions: Record<string, unknown>;
  private readonly waiting = new Map<number, LiveRegion>();
  private queue: Block[] = [];
  private readonly jumps: MissedJumps;
  /** Blocks in regions whose jumps go where their regions don't know. */
  private readonly jumping = new Set<Block>();
  /** Counts over all vCPUs of the thread: an answer to one that was reset must not pass for an answer to its successor. */
  private static nextId = 1;
  private nextTable = L.REGION_TABLES;
  /** Messages of failed translations, for reports. */
  readonly failures: string[] = [];

  constructor(core: VcpuCore, index: InterpreterIndex, hotLimit: number, send: SendRequests) {
    this.core = core;
    this.send = send;
    this.functions = Object.fromEntries(Object.keys(index.functions).map((name) => [name, (core.exports as unknown as Record<string, unknown>)[name]]));
    core.view.setUint32(L.HOT_LIMIT, hotLimit, true);
    this.jumps = new MissedJumps(core.view, core.blocks);
    core.onHot = (record) => {
      const block = core.blocks.endingAt(record);
      if (block === undefined || !translatable(block)) return;
      block.linear = core.linearOf(block);
      this.queue.push(block);
    };
    core.onCodeReset = () => {
      this.waiting.clear();
      this.queue = [];
      this.jumping.clear();
      this.nextTable = L.REGION_TABLES;
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
    for (const block of this.jumps.collect()) if ((block.owner as LiveRegion | null)?.installed) this.jumping.add(block);
    return this.queue.length + this.jumping.size;
  }

  /** Grows regions from the hot blocks found since the last call and sends them off. */
  flush(): void {
    const requests: RegionRequest[] = [];
    const source = {
      blocks: this.core.blocks,
      view: this.core.view,
      resolve: (linear: bigint) => Number(this.core.exports.translateNoFault(linear)),
      ram: (physical: number, length: number) => new Uint8Array(this.core.ram.buffer, physical, length),
      targets: (block: Block) => this.jumps.of(block),
    };
    for (const [block, jumps] of [...this.queue.map((b) => [b, false] as const), ...[...this.jumping].map((b) => [b, true] as const)]) {
      const seed = jumps ? this.wider(block) : this.seedOf(block);
      if (seed === null) continue;
      const predecessor = block.owner as LiveRegion | null;
      const grown = growRegion(Translator.nextId++, seed, source);
      this.waiting.set(grown.request.id, new LiveRegion(this.core.view, grown, seed.linear, predecessor));
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
    return { block, linear: region.linear, members, doors: new Set([...region.entered(), ...doors]) };
  }

  /** Installs a translated batch; between slices only. */
  install(batch: CompiledBatch): void {
    const { table } = this.core;
    for (const { id, reason } of batch.failed) {
      this.waiting.delete(id);
      this.stats.failed++;
      this.failures.push(reason);
    }
    const regions = batch.ids.map((id) => this.waiting.get(id));
    for (const id of batch.ids) this.waiting.delete(id);
    // asked for before a reset: the records it names are gone
    if (regions.includes(undefined)) return;
    const base = this.nextTable;
    const entries = (regions as LiveRegion[]).reduce((sum, region) => sum + tableEntries(region.grown.request), 0);
    if (base + entries * BLOCK_ENTRY_SIZE > L.REGION_TABLES_END) {
      this.core.blocks.reset();
      return;
    }
    this.nextTable = base + entries * BLOCK_ENTRY_SIZE;
    const instance = new WebAssembly.Instance(batch.module, {
      host: { state: this.core.state, ram: this.core.ram, table, base },
      core: this.functions as WebAssembly.ModuleImports,
    });
    this.stats.modules++;
    const first = table.grow(batch.ids.length);
    for (const [i, region] of (regions as LiveRegion[]).entries()) {
      const { grown } = region;
      if (grown.blocks.some((b) => !b.valid) || grown.external.some((b) => !b.valid)) {
        this.stats.outdated++;
        region.retire();
        continue;
      }
      table.set(first + i, instance.exports[`r${i}`]);
      this.writeTable(grown, base + (batch.tableIndexes[i] as number) * BLOCK_ENTRY_SIZE, batch.roots[i] as readonly number[]);
      region.predecessor?.retire();
      region.predecessor = null;
      region.open(batch.entries[i] as readonly number[], first + i);
      this.count(grown);
    }
  }

  private count({ blocks }: GrownRegion): void {
    this.stats.installed++;
    this.stats.blocks += blocks.length;
    this.stats.instructions += blocks.reduce((sum, b) => sum + b.instructions, 0);
  }

  /** Fills a region's block table. */
  private writeTable(grown: GrownRegion, base: number, places: readonly number[]): void {
    const { view } = this.core;
    const all = [...grown.blocks, ...grown.external];
    for (const [k, block] of all.entries()) {
      const at = base + k * BLOCK_ENTRY_SIZE;
      view.setUint32(at, block.record, true);
      view.setUint32(at + 4, block.handler, true);
      view.setUint32(at + 8, block.physical, true);
      view.setInt32(at + 12, grown.request.blocks[k]?.offset ?? 0, true);
    }
    this.writeIndirect(grown, places, base + all.length * BLOCK_ENTRY_SIZE);
  }

  /** Fills the table of indirect targets: distance from the region's start, place among the root's targets. */
  private writeIndirect({ request }: GrownRegion, places: readonly number[], at: number): void {
    const { view } = this.core;
    const slots = indirectSlots(request);
    for (let i = 0; i < slots; i++) view.setInt32(at + i * 8, -0x80000000, true);
    for (const i of request.indirect) {
      const { offset } = request.blocks[i] as { offset: number };
      const slot = at + indirectSlot(offset, request.indirectShift, slots) * 8;
      view.setInt32(slot, offset, true);
      view.setInt32(slot + 4, places.lastIndexOf(i), true);
    }
  }
}

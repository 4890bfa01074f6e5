import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import { type GrownRegion, growRegion, translatable } from '../region/grow-region.ts';
import { BLOCK_ENTRY_SIZE, indirectSlot, indirectSlots, type RegionRequest, tableEntries } from '../region/region.ts';
import type { TranslatedBatch } from '../region/translate.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Block, Region } from '../vcpu/block-cache.ts';
import type { VcpuCore } from '../vcpu/vcpu-core.ts';

/** A translated batch as it comes back from a translator thread: compiled there, installed here. */
export interface CompiledBatch extends Omit<TranslatedBatch, 'wasm'> {
  readonly module: WebAssembly.Module;
}

/** Sends requests to wherever translation happens. */
export type SendRequests = (requests: readonly RegionRequest[]) => void;

/** A region in use. */
class InstalledRegion implements Region {
  private readonly view: DataView;
  private readonly entry: Block;
  private readonly original: number;
  private readonly index: number;
  constructor(view: DataView, entry: Block, original: number, index: number) {
    this.view = view;
    this.entry = entry;
    this.original = original;
    this.index = index;
  }
  retire(): void {
    this.entry.entered = false;
    const at = this.entry.record + L.REC_HANDLER;
    if (this.view.getUint32(at, true) === this.index) this.view.setUint32(at, this.original, true);
  }
}

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
  private readonly waiting = new Map<number, GrownRegion>();
  private readonly requested = new WeakSet<Block>();
  private queue: Block[] = [];
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
    core.onHot = (record) => {
      const block = core.blocks.endingAt(record);
      if (block === undefined || !translatable(block)) return;
      block.linear = core.linearOf(block);
      this.queue.push(block);
    };
    core.onCodeReset = () => {
      this.waiting.clear();
      this.queue = [];
      this.nextTable = L.REGION_TABLES;
    };
  }

  /** Has a block translated at once, however cold; for a translator that answers inside `send`. */
  translateNow(block: Block): void {
    if (!translatable(block) || this.requested.has(block)) return;
    this.queue.push(block);
    this.flush();
  }

  /** True when hot blocks wait for `flush`. */
  get pending(): number {
    return this.queue.length;
  }

  /** Grows regions from the hot blocks found since the last call and sends them off. */
  flush(): void {
    const requests: RegionRequest[] = [];
    for (const block of this.queue) {
      if (!block.valid || this.requested.has(block)) continue;
      this.requested.add(block);
      const grown = growRegion(Translator.nextId++, block, block.linear, {
        blocks: this.core.blocks,
        view: this.core.view,
        resolve: (linear) => Number(this.core.exports.translateNoFault(linear)),
        ram: (physical, length) => new Uint8Array(this.core.ram.buffer, physical, length),
      });
      this.waiting.set(grown.request.id, grown);
      requests.push(grown.request);
    }
    this.queue = [];
    if (requests.length === 0) return;
    this.stats.requested += requests.length;
    this.send(requests);
  }

  /** Installs a translated batch; between slices only. */
  install(batch: CompiledBatch): void {
    const { view, table } = this.core;
    for (const { id, reason } of batch.failed) {
      this.waiting.delete(id);
      this.stats.failed++;
      this.failures.push(reason);
    }
    const entries = batch.ids.reduce((sum, id) => {
      const grown = this.waiting.get(id);
      return sum + (grown ? tableEntries(grown.request) : 0);
    }, 0);
    const base = this.nextTable;
    if (base + entries * BLOCK_ENTRY_SIZE > L.REGION_TABLES_END) {
      this.core.blocks.reset();
      return;
    }
    if (batch.ids.some((id) => !this.waiting.has(id))) {
      // asked for before a reset: the records it names are gone
      for (const id of batch.ids) this.waiting.delete(id);
      return;
    }
    this.nextTable = base + entries * BLOCK_ENTRY_SIZE;
    const instance = new WebAssembly.Instance(batch.module, {
      host: { state: this.core.state, ram: this.core.ram, table, base },
      core: this.functions as WebAssembly.ModuleImports,
    });
    this.stats.modules++;
    const first = table.grow(batch.ids.length);
    for (const [i, id] of batch.ids.entries()) {
      const grown = this.waiting.get(id) as GrownRegion;
      this.waiting.delete(id);
      if (grown.blocks.some((b) => !b.valid)) {
        this.stats.outdated++;
        continue;
      }
      table.set(first + i, instance.exports[`r${i}`]);
      for (const [k, block] of [...grown.blocks, ...grown.external].entries()) {
        const at = base + ((batch.tableIndexes[i] as number) + k) * BLOCK_ENTRY_SIZE;
        view.setUint32(at, block.record, true);
        view.setUint32(at + 4, block.handler, true);
        view.setUint32(at + 8, block.physical, true);
        view.setInt32(at + 12, grown.request.blocks[k]?.offset ?? 0, true);
      }
      this.writeIndirect(grown, base + ((batch.tableIndexes[i] as number) + grown.blocks.length + grown.external.length) * BLOCK_ENTRY_SIZE);
      const entry = grown.blocks[0] as Block;
      view.setUint32(entry.record + L.REC_HANDLER, first + i, true);
      const region = new InstalledRegion(view, entry, entry.handler, first + i);
      entry.entered = true;
      for (const block of grown.blocks) block.regions.add(region);
      for (const block of grown.external) block.regions.add(region);
      this.stats.installed++;
      this.stats.blocks += grown.blocks.length;
      this.stats.instructions += grown.blocks.reduce((sum, b) => sum + b.instructions, 0);
    }
  }

  /** Fills the table of indirect targets: distance from the region's start, place among the root's targets. */
  private writeIndirect({ request }: GrownRegion, at: number): void {
    const { view } = this.core;
    const slots = indirectSlots(request);
    for (let i = 0; i < slots; i++) view.setInt32(at + i * 8, -0x80000000, true);
    const roots = [0, ...request.indirect.filter((i) => i !== 0)];
    for (const i of request.indirect) {
      const { offset } = request.blocks[i] as { offset: number };
      const slot = at + indirectSlot(offset, request.indirectShift, slots) * 8;
      view.setInt32(slot, offset, true);
      view.setInt32(slot + 4, roots.indexOf(i), true);
    }
  }
}

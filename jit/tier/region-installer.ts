import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import type { GrownRegion } from '../region/grow-region.ts';
import { BLOCK_ENTRY_SIZE, indirectSlot, indirectSlots, type RegionRequest, tableEntries } from '../region/region.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Block } from '../vcpu/block-cache.ts';
import type { VcpuCore } from '../vcpu/vcpu-core.ts';
import type { LiveRegion } from './live-region.ts';
import type { CompiledBatch } from './translator.ts';

/** A batch with its functions and block tables in a vCPU. */
export interface LoadedBatch {
  readonly batch: CompiledBatch;
  readonly instance: WebAssembly.Instance;
  /** Address of its block tables. */
  readonly base: number;
  /** Index of its first function in the function table. */
  readonly first: number;
}

/** Puts translated code into a vCPU. */
export class RegionInstaller {
  private readonly core: VcpuCore;
  private readonly functions: Record<string, unknown>;
  private nextTable = L.REGION_TABLES;
  /** Modules in use. */
  modules = 0;

  constructor(core: VcpuCore, index: InterpreterIndex) {
    this.core = core;
    this.functions = Object.fromEntries(Object.keys(index.functions).map((name) => [name, (core.exports as unknown as Record<string, unknown>)[name]]));
  }

  /** Makes a batch ready for this vCPU; null when there is no room for its tables. */
  load(batch: CompiledBatch, requests: readonly RegionRequest[]): LoadedBatch | null {
    const { table, state, ram } = this.core;
    const base = this.nextTable;
    const entries = requests.reduce((sum, request) => sum + tableEntries(request), 0);
    if (base + entries * BLOCK_ENTRY_SIZE > L.REGION_TABLES_END) return null;
    this.nextTable = base + entries * BLOCK_ENTRY_SIZE;
    const instance = new WebAssembly.Instance(batch.module, { host: { state, ram, table, base }, core: this.functions as WebAssembly.ModuleImports });
    this.modules++;
    return { batch, instance, base, first: table.grow(batch.ids.length) };
  }

  /** Puts a region of a batch to use, in the place of its predecessor. */
  put(region: LiveRegion, { batch, instance, base, first }: LoadedBatch, index: number): void {
    this.core.table.set(first + index, instance.exports[`r${index}`]);
    const table = base + (batch.tableIndexes[index] as number) * BLOCK_ENTRY_SIZE;
    this.writeTable(region.grown, table, batch.roots[index] as readonly number[]);
    region.predecessor?.retire();
    region.predecessor = null;
    region.open(batch.entries[index] as readonly number[], first + index);
  }

  /** Forgets all tables: the records that they name are gone. */
  reset(): void {
    this.nextTable = L.REGION_TABLES;
  }

  /** Address of the entry of a block outside in the table of a region. */
  externalEntry({ batch, base }: LoadedBatch, index: number, request: RegionRequest, external: number): number {
    return base + ((batch.tableIndexes[index] as number) + request.blocks.length + external) * BLOCK_ENTRY_SIZE;
  }

  /** Writes the entry of a block; where there is none, control leaves to be looked up. */
  writeEntry(at: number, block: Block | null): void {
    const { view } = this.core;
    view.setUint32(at, block?.record ?? NO_RECORD, true);
    view.setUint32(at + 4, block?.handler ?? 0, true);
    view.setUint32(at + 8, block?.physical ?? 0xffffffff, true);
  }

  /** Fills a region's block table. */
  private writeTable(grown: GrownRegion, base: number, places: readonly number[]): void {
    const { view } = this.core;
    const all = [...grown.blocks, ...grown.external];
    for (const [k, block] of all.entries()) {
      const at = base + k * BLOCK_ENTRY_SIZE;
      this.writeEntry(at, block);
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

/** Stands for the record of a block that is not there: its handler is 0. */
const NO_RECORD = L.ZERO - L.REC_HANDLER;

import { ByteModule } from '../emit/byte-module.ts';
import type { Environment } from '../emit/module-sections.ts';
import { TYPES, typeList } from '../emit/wasm-types.ts';
import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import * as L from '../state/vcpu-layout.ts';
import { addSharedFunctions, CALLED_BY_SHARED } from './shared-functions.ts';
import { RegionEmitter } from './region-emitter.ts';
import { type RegionRequest, tableEntries } from './region.ts';

/** Regions translated together into one module. */
export interface TranslatedBatch {
  /** The module's bytes; exports `r0`, `r1`, ... in the order of `ids`. */
  readonly wasm: Uint8Array;
  /** Requests that were translated. */
  readonly ids: readonly number[];
  /** Entries of the block table before each region's own. */
  readonly tableIndexes: readonly number[];
  /** Blocks of each region where control may come in, in the order of the numbers that their records get. */
  readonly entries: readonly (readonly number[])[];
  /** Blocks of each region that its table of indirect targets names by their place here. */
  readonly roots: readonly (readonly number[])[];
  /** Requests that could not be translated, with the reason. */
  readonly failed: readonly { readonly id: number; readonly reason: string }[];
}

/** What every module of regions imports beside functions. */
const ENVIRONMENT: Environment = {
  memories: [
    { name: 'state', module: 'host', base: 'state', initial: L.STATE_PAGES, maximum: L.STATE_PAGES },
    { name: 'ram', module: 'host', base: 'ram', initial: 1, maximum: 65536 },
  ],
  tables: [{ name: 'table', module: 'host', base: 'table', initial: 1 }],
  globals: [{ name: 'base', module: 'host', base: 'base', type: TYPES.i32 }],
};

/** One for all batches of the thread: its buffers stay. */
const module = new ByteModule(ENVIRONMENT);

/**
 * Translates regions into one WebAssembly module. Runs on a translator thread.
 *
 * @param isHot - the regions were hot in an earlier run: they are worth being optimised before they run
 */
export function translateBatch(requests: readonly RegionRequest[], functions: InterpreterIndex['functions'], isHot = false): TranslatedBatch {
  addSharedFunctions(module);
  const called = new Set(CALLED_BY_SHARED);
  const ids: number[] = [];
  const tableIndexes: number[] = [];
  const entries: (readonly number[])[] = [];
  const roots: (readonly number[])[] = [];
  const failed: { id: number; reason: string }[] = [];
  let tableIndex = 0;
  for (const request of requests) {
    try {
      const emitter = new RegionEmitter(module, request, tableIndex);
      emitter.emit(`r${ids.length}`);
      for (const name of emitter.called) called.add(name);
      module.addFunctionExport(`r${ids.length}`, `r${ids.length}`);
      ids.push(request.id);
      tableIndexes.push(tableIndex);
      entries.push(emitter.entries);
      roots.push(emitter.roots);
      tableIndex += tableEntries(request);
    } catch (error) {
      failed.push({ id: request.id, reason: (error as Error).stack ?? String(error) });
    }
  }
  for (const name of called) {
    const type = functions[name];
    if (type === undefined) throw new Error(`generated code calls ${name}, which does not exist`);
    module.addFunctionImport(name, 'core', name, typeList(type.params), type.results.length > 0 ? typeList(type.results) : TYPES.none);
  }
  const wasm = module.emitBinary(isHot ? ids.map((_, i) => `r${i}`) : []);
  module.dispose();
  return { wasm, ids, tableIndexes, entries, roots, failed };
}

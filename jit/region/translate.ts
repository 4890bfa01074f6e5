import { parseModule, TYPES, typeList } from '../emit/binaryen.ts';
import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import * as L from '../state/vcpu-layout.ts';
import { flushFlagsText, overrideFlagsText } from './pending-flags.ts';
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
  /** Requests that could not be translated, with the reason. */
  readonly failed: readonly { readonly id: number; readonly reason: string }[];
}

/** Text of the function that asks the TLB for an access in one page: the RAM addend, or -1 when it misses. */
const missText = (name: string, tag: number): string => `
  (func $${name} (param $address i64) (param $page i64) (result i64)
    (local $entry i32)
    (local.set $entry (i32.add (i32.load $state offset=${L.TLB_BASE} (i32.const 0))
      (i32.and (i32.wrap_i64 (i64.shr_u (local.get $address) (i64.const 7))) (i32.const ${(L.TLB_ENTRIES - 1) * L.TLB_ENTRY_SIZE}))))
    (if (i64.ne (local.get $page) (i64.load $state offset=${tag} (local.get $entry))) (then (return (i64.const -1))))
    (i64.load32_u $state offset=${L.TLB_ADDEND} (local.get $entry)))`;

/** What every module of regions begins with: imports, and the functions that all its regions share. */
export const SKELETON = `(module
  (import "host" "state" (memory $state ${L.STATE_PAGES} ${L.STATE_PAGES} shared))
  (import "host" "ram" (memory $ram 1 65536 shared))
  (import "host" "table" (table $table 1 funcref))
  (import "host" "base" (global $base i32))
  ${missText('missRead', L.TLB_READ)}
  ${missText('missWrite', L.TLB_WRITE)}
  ${flushFlagsText(L.FLAG_RES, L.FLAG_COUT, L.FLAG_AUX)}
  ${overrideFlagsText(L.FLAG_RES, L.FLAG_COUT, L.FLAG_AUX)})`;

/** Translates regions into one WebAssembly module. Runs on a translator thread: importing Binaryen is slow. */
export function translateBatch(requests: readonly RegionRequest[], functions: InterpreterIndex['functions']): TranslatedBatch {
  const module = parseModule(SKELETON);
  const called = new Set<string>();
  const ids: number[] = [];
  const tableIndexes: number[] = [];
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
  if (process.env['XYLEM_VALIDATE'] && !module.validate()) throw new Error('a translated module does not validate');
  const wasm = module.emitBinary();
  module.dispose();
  return { wasm, ids, tableIndexes, failed };
}

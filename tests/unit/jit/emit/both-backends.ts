import { parseModule } from '../../../../jit/emit/binaryen.ts';
import { ByteModule } from '../../../../jit/emit/byte-module.ts';
import type { Environment } from '../../../../jit/emit/module-sections.ts';
import type { WasmModule } from '../../../../jit/emit/wasm-module.ts';
import { TYPES, typeList } from '../../../../jit/emit/wasm-types.ts';

const from = 'host';
const memory = (name: string) => ({ name, module: from, base: name, initial: 1, maximum: 1 });

/** Two memories of a page, a table and a global, as in modules of regions. */
export const ENVIRONMENT: Environment = {
  memories: [memory('state'), memory('ram')],
  tables: [{ name: 'table', module: from, base: 'table', initial: 1 }],
  globals: [{ name: 'base', module: from, base: 'base', type: TYPES.i32 }],
};

const TEXT = `(module
  (import "host" "state" (memory $state 1 1 shared))
  (import "host" "ram" (memory $ram 1 1 shared))
  (import "host" "table" (table $table 1 funcref))
  (import "host" "base" (global $base i32)))`;

/** What running a module did: how it ended, its result, and what memory holds afterwards. */
export interface Outcome {
  readonly ended: string;
  readonly state: Buffer;
  readonly ram: Buffer;
}

type Build = (module: WasmModule) => void;

/** The module as Binaryen makes it. */
export function binaryenBytes(build: Build): Uint8Array<ArrayBuffer> {
  const module = parseModule(TEXT);
  build(module);
  const bytes = module.emitBinary();
  module.dispose();
  return new Uint8Array(bytes);
}

const shared = new ByteModule(ENVIRONMENT);

/** The module as `ByteModule` makes it. One instance makes them all: nothing may be left over from the one before. */
export function ownBytes(build: Build): Uint8Array<ArrayBuffer> {
  shared.dispose();
  build(shared);
  return new Uint8Array(shared.emitBinary());
}

const filled = (): WebAssembly.Memory => {
  const made = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const bytes = new Uint8Array(made.buffer);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 167 + (i >> 8) * 31) & 255;
  return made;
};

/** Adds what the table holds: a function of an i32 and an i64 that gives an i64. */
function tableFunction(): WebAssembly.ExportValue {
  const module = new ByteModule({ memories: [], tables: [], globals: [] });
  const sum = module.i64.add(module.i64.extend_u(module.local.get(0, TYPES.i32)), module.local.get(1, TYPES.i64));
  module.addFunction('sum', typeList(['i32', 'i64']), TYPES.i64, [], sum);
  module.addFunctionExport('sum', 'sum');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(module.emitBinary())));
  return exports['sum'] as WebAssembly.ExportValue;
}

let inTable: WebAssembly.ExportValue | undefined;

/** Runs the export `run` of a module on memories with a pattern. */
export function outcomeOf(bytes: Uint8Array<ArrayBuffer>): Outcome {
  const state = filled();
  const ram = filled();
  inTable ??= tableFunction();
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: 1 });
  table.set(0, inTable);
  const host = { state, ram, table, base: new WebAssembly.Global({ value: 'i32' }, 64), twice: (a: number, b: bigint) => BigInt(a) + 2n * b };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host });
  let ended: string;
  try {
    ended = String((exports['run'] as () => unknown)());
  } catch (error) {
    ended = (error as Error).message;
  }
  return { ended, state: Buffer.from(new Uint8Array(state.buffer)), ram: Buffer.from(new Uint8Array(ram.buffer)) };
}

/** The outcomes of one module made by both backends. */
export function bothOutcomes(build: Build): { binaryen: Outcome; own: Outcome } {
  return { binaryen: outcomeOf(binaryenBytes(build)), own: outcomeOf(ownBytes(build)) };
}

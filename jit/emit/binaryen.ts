import binaryen from 'binaryen';
import { OPERATIONS } from './opcodes.ts';
import type { WasmModule as AnyModule } from './wasm-module.ts';
import { type Expr, type Type, unpackTypes } from './wasm-types.ts';

export { type Expr, TYPES, typeList } from './wasm-types.ts';

/** A Binaryen module under construction, with builders as `WasmModule` describes them. */
export type WasmModule = Omit<binaryen.Module, keyof AnyModule> & AnyModule;

/** Features generated code uses. Named one by one: `Features.All` makes modules that V8 refuses. */
export const FEATURES: number =
  binaryen.Features.Atomics |
  binaryen.Features.MutableGlobals |
  binaryen.Features.NontrappingFPToInt |
  binaryen.Features.SIMD128 |
  binaryen.Features.BulkMemory |
  binaryen.Features.BulkMemoryOpt |
  binaryen.Features.SignExt |
  binaryen.Features.TailCall |
  binaryen.Features.ReferenceTypes |
  binaryen.Features.Multivalue |
  binaryen.Features.MultiMemory;

/** Parses module text and sets the features. */
export function parseModule(text: string): WasmModule {
  const module = binaryen.parseText(text);
  module.setFeatures(FEATURES);
  accelerate(module);
  completeNames(module as unknown as Record<string, Record<string, unknown>>);
  Object.assign(module, takingLists(module));
  return module as unknown as WasmModule;
}

/** The C functions below the builders, as far as they are called directly. */
interface LowLevel {
  _malloc(bytes: number): number;
  stringToUTF8OnStack(text: string): number;
  _BinaryenSizeofLiteral(): number;
  _BinaryenLiteralInt32(at: number, value: number): void;
  _BinaryenLiteralInt64(at: number, value: bigint): void;
  _BinaryenConst(module: number, literal: number): Expr;
  _BinaryenLoad(module: number, bytes: number, signed: boolean, offset: number, align: number, type: number, pointer: Expr, memory: number): Expr;
  _BinaryenStore(module: number, bytes: number, offset: number, align: number, pointer: Expr, value: Expr, type: number, memory: number): Expr;
}

const low = binaryen as unknown as LowLevel;
let literal = 0;
const names = new Map<string, number>();

/** A memory's name as a C string that is never freed. */
function nameOf(memory: string): number {
  let at = names.get(memory);
  if (at === undefined) {
    at = low.stringToUTF8OnStack(memory);
    names.set(memory, at);
  }
  return at;
}

type Loader = (offset: number, align: number, pointer: Expr, memory: string) => Expr;
type Storer = (offset: number, align: number, pointer: Expr, value: Expr, memory: string) => Expr;

/**
 * Replaces the builders of loads, stores and constants, of which there are most, by direct calls: the library's own
 * copy the memory's name to its heap at every use.
 */
function accelerate(module: binaryen.Module): void {
  if (literal === 0) literal = low._malloc(low._BinaryenSizeofLiteral());
  const ptr = (module as unknown as { ptr: number }).ptr;
  const load =
    (bytes: number, signed: boolean, type: number): Loader =>
    (offset, align, pointer, memory) =>
      low._BinaryenLoad(ptr, bytes, signed, offset, align, type, pointer, nameOf(memory));
  const store =
    (bytes: number, type: number): Storer =>
    (offset, align, pointer, value, memory) =>
      low._BinaryenStore(ptr, bytes, offset, align, pointer, value, type, nameOf(memory));
  const { i32, i64, v128 } = binaryen;
  Object.assign(module.i32, {
    load: load(4, true, i32),
    load8_s: load(1, true, i32),
    load8_u: load(1, false, i32),
    load16_s: load(2, true, i32),
    load16_u: load(2, false, i32),
    store: store(4, i32),
    store8: store(1, i32),
    store16: store(2, i32),
    const: (value: number) => {
      low._BinaryenLiteralInt32(literal, value);
      return low._BinaryenConst(ptr, literal);
    },
  });
  Object.assign(module.i64, {
    load: load(8, true, i64),
    load8_u: load(1, false, i64),
    load16_u: load(2, false, i64),
    load32_s: load(4, true, i64),
    load32_u: load(4, false, i64),
    store: store(8, i64),
    store8: store(1, i64),
    store16: store(2, i64),
    store32: store(4, i64),
    const: (value: bigint | number) => {
      low._BinaryenLiteralInt64(literal, BigInt(value));
      return low._BinaryenConst(ptr, literal);
    },
  });
  const exchange = (builders: { readonly [bytes: number]: { cmpxchg(offset: number, pointer: Expr, expected: Expr, value: Expr, memory: string): Expr } }) => ({
    cmpxchg: (bytes: number, pointer: Expr, expected: Expr, value: Expr, memory: string) => {
      const builder = builders[bytes];
      if (builder === undefined) throw new Error(`there is no exchange of ${bytes} bytes`);
      return builder.cmpxchg(0, pointer, expected, value, memory);
    },
  });
  const { rmw: narrow, rmw8_u: narrow8, rmw16_u: narrow16 } = module.i32.atomic;
  const { rmw, rmw8_u, rmw16_u, rmw32_u } = module.i64.atomic;
  Object.assign(module.i32, exchange({ 1: narrow8, 2: narrow16, 4: narrow }));
  Object.assign(module.i64, exchange({ 1: rmw8_u, 2: rmw16_u, 4: rmw32_u, 8: rmw }));
  Object.assign(module, { fence: () => module.atomic.fence() });
  Object.assign(module.v128, { load: load(16, false, v128), store: store(16, v128) });
}

const lists = new Map<Type, binaryen.Type>();

/** Binaryen's type for a list as `typeList` packs it. */
function listType(packed: Type): binaryen.Type {
  if (packed < 8) return packed;
  let type = lists.get(packed);
  if (type === undefined) {
    type = binaryen.createType(unpackTypes(packed));
    lists.set(packed, type);
  }
  return type;
}

/** The methods of a module that take lists of types, taking packed ones. */
function takingLists(module: binaryen.Module): Partial<AnyModule> {
  const own = {
    add: module.addFunction.bind(module),
    import: module.addFunctionImport.bind(module),
    call: module.call_indirect.bind(module),
    returnCall: module.return_call_indirect.bind(module),
  };
  return {
    addFunction: (name, params, results, locals, body) => own.add(name, listType(params), listType(results), [...locals], body),
    addFunctionImport: (name, from, base, params, results) => own.import(name, from, base, listType(params), listType(results)),
    call_indirect: (table, target, args, params, results) => own.call(table, target, [...args], listType(params), listType(results)),
    return_call_indirect: (table, target, args, params, results) => own.returnCall(table, target, [...args], listType(params), listType(results)),
  };
}

/** Where Binaryen has an operation under another name than WebAssembly text: conversions sit in objects by operand type. */
function binaryenName(name: string): string[] {
  const conversion = /^(trunc|trunc_sat|convert)_([if](?:32|64))_([su])$/.exec(name);
  if (conversion === null) return [name.replace('_sat_', '_saturate_')];
  const [, kind, operand = '', sign] = conversion;
  return [kind === 'trunc_sat' ? `trunc_${sign}_sat` : `${kind}_${sign}`, operand];
}

/** Adds the names of the table of opcodes that Binaryen lacks. */
function completeNames(module: Record<string, Record<string, unknown>>): void {
  for (const [group, shapes] of Object.entries(OPERATIONS)) {
    const owner = module[group] as Record<string, unknown>;
    for (const name of Object.values(shapes).flatMap((operations) => Object.keys(operations))) {
      if (owner[name] !== undefined) continue;
      const [first = '', second] = binaryenName(name);
      owner[name] = second === undefined ? owner[first] : (owner[first] as Record<string, unknown>)[second];
    }
  }
}

import binaryen from 'binaryen';
import type { WasmType } from '../ir/node.ts';

/** A Binaryen module under construction. */
export type WasmModule = binaryen.Module;
/** A Binaryen expression; each may be used once. */
export type Expr = binaryen.ExpressionRef;

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

/** Binaryen's type for ours. */
export const TYPES: Readonly<Record<WasmType, binaryen.Type>> = {
  i32: binaryen.i32,
  i64: binaryen.i64,
  f32: binaryen.f32,
  f64: binaryen.f64,
  v128: binaryen.v128,
  none: binaryen.none,
};

/** Parses module text and sets the features. */
export function parseModule(text: string): WasmModule {
  const module = binaryen.parseText(text);
  module.setFeatures(FEATURES);
  accelerate(module);
  return module;
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
function accelerate(module: WasmModule): void {
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
    const: (value: bigint) => {
      low._BinaryenLiteralInt64(literal, value);
      return low._BinaryenConst(ptr, literal);
    },
  });
  Object.assign(module.v128, { load: load(16, false, v128), store: store(16, v128) });
}

type Builder = (...args: (Expr | number | bigint | readonly number[])[]) => Expr;

/** Builds operations of a module by their WebAssembly names: `op('i32.add')(a, b)`. */
export class Builders {
  private readonly cache = new Map<string, Builder>();
  readonly module: WasmModule;

  constructor(module: WasmModule) {
    this.module = module;
  }

  /** The builder of an operation. */
  op(name: string): Builder {
    let builder = this.cache.get(name);
    if (builder === undefined) {
      const dot = name.indexOf('.');
      const group = name.slice(0, dot);
      const method = name.slice(dot + 1);
      const owner = (this.module as unknown as Record<string, Record<string, Builder>>)[group];
      const found = owner?.[BINARYEN_NAMES[method] ?? method];
      if (owner === undefined || found === undefined) throw new Error(`Binaryen has no ${name}`);
      builder = found.bind(owner) as Builder;
      this.cache.set(name, builder);
    }
    return builder;
  }
}

/** Operations whose Binaryen method is not called as in WebAssembly text. */
const BINARYEN_NAMES: Readonly<Record<string, string>> = {
  wrap_i64: 'wrap',
  extend_i32_u: 'extend_u',
  extend_i32_s: 'extend_s',
  add_sat_s: 'add_saturate_s',
  add_sat_u: 'add_saturate_u',
  sub_sat_s: 'sub_saturate_s',
  sub_sat_u: 'sub_saturate_u',
};

/** The type of a parameter or result list, by type names. */
export function typeList(names: readonly string[]): binaryen.Type {
  return names.length === 1 ? TYPES[names[0] as WasmType] : binaryen.createType(names.map((n) => TYPES[n as WasmType]));
}

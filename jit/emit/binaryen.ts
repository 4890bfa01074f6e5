import binaryen from 'binaryen';
import type { WasmType } from '../ir/node.ts';

/** A Binaryen module under construction. */
export type WasmModule = binaryen.Module;
/** A Binaryen expression; each may be used once. */
export type Expr = binaryen.ExpressionRef;

/** Features generated code uses. Named one by one: `Features.All` makes modules that V8 refuses. */
export const FEATURES: number =
  binaryen.Features.Atomics | binaryen.Features.MutableGlobals | binaryen.Features.NontrappingFPToInt | binaryen.Features.SIMD128 |
  binaryen.Features.BulkMemory | binaryen.Features.BulkMemoryOpt | binaryen.Features.SignExt | binaryen.Features.TailCall |
  binaryen.Features.ReferenceTypes | binaryen.Features.Multivalue | binaryen.Features.MultiMemory;

/** Binaryen's type for ours. */
export const TYPES: Readonly<Record<WasmType, binaryen.Type>> = {
  i32: binaryen.i32, i64: binaryen.i64, f32: binaryen.f32, f64: binaryen.f64, v128: binaryen.v128, none: binaryen.none,
};

/** Parses module text and sets the features. */
export function parseModule(text: string): WasmModule {
  const module = binaryen.parseText(text);
  module.setFeatures(FEATURES);
  return module;
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
  wrap_i64: 'wrap', extend_i32_u: 'extend_u', extend_i32_s: 'extend_s', add_sat_s: 'add_saturate_s', add_sat_u: 'add_saturate_u',
  sub_sat_s: 'sub_saturate_s', sub_sat_u: 'sub_saturate_u',
};

/** The type of a parameter or result list, by type names. */
export function typeList(names: readonly string[]): binaryen.Type {
  return names.length === 1 ? TYPES[names[0] as WasmType] : binaryen.createType(names.map((n) => TYPES[n as WasmType]));
}

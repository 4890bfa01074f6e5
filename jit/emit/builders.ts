import type { WasmModule } from './wasm-module.ts';
import type { Expr } from './wasm-types.ts';

type Builder = (...args: (Expr | number | bigint | readonly number[])[]) => Expr;

/** Names of WebAssembly text for operations that modules call by shorter ones. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  wrap_i64: 'wrap',
  extend_i32_u: 'extend_u',
  extend_i32_s: 'extend_s',
  demote_f64: 'demote',
  promote_f32: 'promote',
  reinterpret_i32: 'reinterpret',
  reinterpret_i64: 'reinterpret',
  reinterpret_f32: 'reinterpret',
  reinterpret_f64: 'reinterpret',
};

/** Builders that were found, by module: many emitters build into one. */
const found = new WeakMap<WasmModule, Map<string, Builder>>();

/** Builds operations of a module by their WebAssembly names: `op('i32.add')(a, b)`. */
export class Builders {
  private readonly cache: Map<string, Builder>;
  readonly module: WasmModule;

  constructor(module: WasmModule) {
    this.module = module;
    let cache = found.get(module);
    if (cache === undefined) {
      cache = new Map();
      found.set(module, cache);
    }
    this.cache = cache;
  }

  /** The builder of an operation. */
  op(name: string): Builder {
    return this.cache.get(name) ?? this.find(name);
  }

  private find(name: string): Builder {
    const dot = name.indexOf('.');
    const method = name.slice(dot + 1);
    const owner = (this.module as unknown as Record<string, Record<string, Builder>>)[name.slice(0, dot)];
    const builder = owner?.[SHORT_NAMES[method] ?? method];
    if (owner === undefined || builder === undefined) throw new Error(`there is no operation ${name}`);
    const bound = builder.bind(owner) as Builder;
    this.cache.set(name, bound);
    return bound;
  }
}

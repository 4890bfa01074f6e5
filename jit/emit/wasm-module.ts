import type { GroupName, OPERATIONS } from './opcodes.ts';
import type { Expr, Type } from './wasm-types.ts';

/** How the operations of each shape are built. Loads and stores are of the memory with that name. */
export interface Shapes {
  unary: (a: Expr) => Expr;
  test: (a: Expr) => Expr;
  binary: (a: Expr, b: Expr) => Expr;
  compare: (a: Expr, b: Expr) => Expr;
  ternary: (a: Expr, b: Expr, c: Expr) => Expr;
  extract: (vector: Expr, lane: number) => Expr;
  replace: (vector: Expr, lane: number, value: Expr) => Expr;
  load: (offset: number, align: number, pointer: Expr, memory: string) => Expr;
  store: (offset: number, align: number, pointer: Expr, value: Expr, memory: string) => Expr;
  loadLane: (offset: number, align: number, lane: number, pointer: Expr, vector: Expr, memory: string) => Expr;
  storeLane: (offset: number, align: number, lane: number, pointer: Expr, vector: Expr, memory: string) => Expr;
}

type Methods<T, S extends keyof Shapes> = S extends keyof T ? { readonly [K in keyof T[S]]: Shapes[S] } : unknown;

/** The builders of a group, from the table of opcodes. */
export type Group<G extends GroupName, T = (typeof OPERATIONS)[G]> = Methods<T, 'unary'> &
  Methods<T, 'test'> &
  Methods<T, 'binary'> &
  Methods<T, 'compare'> &
  Methods<T, 'ternary'> &
  Methods<T, 'extract'> &
  Methods<T, 'replace'> &
  Methods<T, 'load'> &
  Methods<T, 'store'> &
  Methods<T, 'loadLane'> &
  Methods<T, 'storeLane'>;

/** What a branch will do. */
export type Hint = 'likely' | 'unlikely';

/** Builders of constants. */
export interface Constants<V> {
  const(value: V): Expr;
}

/** Builders of atomic operations. */
export interface Exchanges {
  /** Atomic compare and exchange of aligned bytes, zero-extended; gives what was there. */
  cmpxchg(bytes: number, pointer: Expr, expected: Expr, value: Expr, memory: string): Expr;
}

/** A module under construction: what generated code needs of Binaryen's module, and what `ByteModule` offers as well. */
export interface WasmModule {
  readonly i32: Group<'i32'> & Constants<number> & Exchanges;
  /** Numbers must be whole and exact. */
  readonly i64: Group<'i64'> & Constants<bigint | number> & Exchanges;
  readonly f32: Group<'f32'> & Constants<number>;
  readonly f64: Group<'f64'> & Constants<number>;
  readonly v128: Group<'v128'> & Constants<readonly number[]>;
  readonly i8x16: Group<'i8x16'> & { shuffle(a: Expr, b: Expr, lanes: readonly number[]): Expr };
  readonly i16x8: Group<'i16x8'>;
  readonly i32x4: Group<'i32x4'>;
  readonly i64x2: Group<'i64x2'>;
  readonly f32x4: Group<'f32x4'>;
  readonly f64x2: Group<'f64x2'>;
  readonly local: {
    get(index: number, type: Type): Expr;
    set(index: number, value: Expr): Expr;
    tee(index: number, value: Expr, type: Type): Expr;
  };
  readonly global: {
    get(name: string, type: Type): Expr;
    set(name: string, value: Expr): Expr;
  };
  /** Statements one after the other; the last one may give the value. Branches to the label leave the block. */
  block(label: string | null, children: readonly Expr[], type?: Type): Expr;
  /** Branches to the label start the body again. */
  loop(label: string, body: Expr): Expr;
  /** `hint`: whether the condition will hold; the engine keeps what is unlikely out of the way. */
  if(condition: Expr, then: Expr, otherwise?: Expr, hint?: Hint): Expr;
  br(label: string, condition?: Expr, value?: Expr): Expr;
  br_if(label: string, condition: Expr, value?: Expr): Expr;
  switch(labels: readonly string[], otherwise: string, index: Expr, value?: Expr): Expr;
  call(name: string, args: readonly Expr[], result: Type): Expr;
  return_call(name: string, args: readonly Expr[], result: Type): Expr;
  call_indirect(table: string, target: Expr, args: readonly Expr[], params: Type, results: Type): Expr;
  return_call_indirect(table: string, target: Expr, args: readonly Expr[], params: Type, results: Type): Expr;
  return(value?: Expr): Expr;
  drop(value: Expr): Expr;
  select(condition: Expr, a: Expr, b: Expr): Expr;
  unreachable(): Expr;
  nop(): Expr;
  /** Nothing before it is seen by others after what follows it. */
  fence(): Expr;
  /** Adds a function; several parameters are packed by `typeList`. */
  addFunction(name: string, params: Type, results: Type, locals: readonly Type[], body: Expr): unknown;
  addFunctionImport(name: string, module: string, base: string, params: Type, results: Type): void;
  addFunctionExport(name: string, external: string): unknown;
  emitBinary(): Uint8Array;
  dispose(): void;
}

import { ByteSink } from './byte-sink.ts';
import * as X from './expressions.ts';
import { FUNCTION_BYTES, FunctionWriter, typeCode } from './function-writer.ts';
import {
  assemble,
  type Environment,
  exportSection,
  type FunctionEntry,
  functionSection,
  hintSection,
  importSection,
  prioritySection,
  Signatures,
} from './module-sections.ts';
import { PREFIX_FE } from './opcodes.ts';
import { GROUPS, type Maker } from './operation-groups.ts';
import type { Hint, WasmModule } from './wasm-module.ts';
import { type Expr, type Type, TYPES, UNREACHABLE } from './wasm-types.ts';

/** Bytes kept for the size of a function's body. */
const SIZE_BYTES = 4;
/** Names of labels that are remembered over `dispose`. */
const MOST_LABELS = 1 << 14;

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const GLOBAL_GET = 0x23;
const GLOBAL_SET = 0x24;
const NOP = X.headOf(X.PLAIN, TYPES.none, 0x01);
const FENCE = X.headOf(X.FENCE, TYPES.none, PREFIX_FE + 3);
const TRAP = X.headOf(X.PLAIN, UNREACHABLE, 0x00);
const DROP = X.headOf(X.UNARY, TYPES.none, 0x1a);
/** Its type is that of its operands. */
const SELECT = X.headOf(X.TERNARY, TYPES.none, 0x1b);

/** Hints of the branch hinting proposal, and one: 0 is no hint. */
const HINT_CODES = { unlikely: 1, likely: 2 } as const;

/** The heads of local.get by type. */
const GETS = [0, 1, 2, 3, 4, 5, 6].map((type) => X.headOf(X.INDEXED, type, LOCAL_GET));

/**
 * A module under construction that writes WebAssembly itself, without Binaryen: each function becomes bytes when it is
 * added. After `dispose` it may be used for another module.
 */
export class ByteModule implements WasmModule, Maker {
  readonly expressions = new X.Expressions();
  readonly i32 = new GROUPS.i32(this);
  readonly i64 = new GROUPS.i64(this);
  readonly f32 = new GROUPS.f32(this);
  readonly f64 = new GROUPS.f64(this);
  readonly v128 = new GROUPS.v128(this);
  readonly i8x16 = new GROUPS.i8x16(this);
  readonly i16x8 = new GROUPS.i16x8(this);
  readonly i32x4 = new GROUPS.i32x4(this);
  readonly i64x2 = new GROUPS.i64x2(this);
  readonly f32x4 = new GROUPS.f32x4(this);
  readonly f64x2 = new GROUPS.f64x2(this);
  readonly local: WasmModule['local'];
  readonly global: WasmModule['global'];

  private readonly environment: Environment;
  private readonly memories: readonly string[];
  private readonly code = new ByteSink(1 << 16);
  private readonly writer = new FunctionWriter(this.code, this.expressions);
  private readonly signatures = new Signatures();
  private readonly labels = new Map<string, number>();
  /** Identities of functions, called or added, by name. */
  private readonly identities = new Map<string, number>();
  private readonly functions = new Map<string, FunctionEntry>();
  private readonly exported: [string, string][] = [];
  /** By function: places of branches in its body, each with its hint. */
  private readonly hints: [string, number[]][] = [];

  constructor(environment: Environment) {
    this.environment = environment;
    this.memories = environment.memories.map((m) => m.name);
    const { expressions } = this;
    this.local = {
      get: (index, type) => expressions.add1(GETS[type] as number, index),
      set: (index, value) => expressions.add2(X.headOf(X.ASSIGN, TYPES.none, LOCAL_SET), value, index),
      tee: (index, value, type) => expressions.add2(X.headOf(X.ASSIGN, type, LOCAL_TEE), value, index),
    };
    this.global = {
      get: (name, type) => expressions.add1(X.headOf(X.INDEXED, type, GLOBAL_GET), this.placeOf('globals', name)),
      set: (name, value) => expressions.add2(X.headOf(X.ASSIGN, TYPES.none, GLOBAL_SET), value, this.placeOf('globals', name)),
    };
  }

  private placeOf(kind: keyof Environment, name: string): number {
    const place = this.environment[kind].findIndex((x) => x.name === name);
    if (place < 0) throw new Error(`the module has no ${name} among its ${kind}`);
    return place;
  }

  /** The number of a memory. */
  memory(name: string): number {
    const { memories } = this;
    if (name === memories[0]) return 0;
    if (name === memories[1]) return 1;
    return this.placeOf('memories', name);
  }

  private label(name: string): number {
    let label = this.labels.get(name);
    if (label === undefined) {
      label = this.labels.size;
      this.labels.set(name, label);
    }
    return label;
  }

  private identity(name: string): number {
    let identity = this.identities.get(name);
    if (identity === undefined) {
      identity = this.identities.size;
      this.identities.set(name, identity);
    }
    return identity;
  }

  // --- control ---------------------------------------------------------------------------------
  block(label: string | null, children: readonly Expr[], type: Type = TYPES.none): Expr {
    const { expressions } = this;
    const at = label === null ? expressions.add0(X.headOf(X.SEQUENCE, type, 0)) : expressions.add1(X.headOf(X.BLOCK, type, 0), this.label(label));
    expressions.list(children);
    return at;
  }
  loop(label: string, body: Expr): Expr {
    return this.expressions.add2(X.headOf(X.LOOP, 0, 0), this.label(label), body);
  }
  if(condition: Expr, then: Expr, otherwise: Expr = 0, hint?: Hint): Expr {
    return this.expressions.add3(X.headOf(X.IF, 0, hint === undefined ? 0 : HINT_CODES[hint]), condition, then, otherwise);
  }
  br(label: string, condition: Expr = 0, value: Expr = 0): Expr {
    return this.expressions.add3(X.headOf(X.BRANCH, 0, 0), this.label(label), condition, value);
  }
  br_if(label: string, condition: Expr, value: Expr = 0): Expr {
    return this.br(label, condition, value);
  }
  switch(labels: readonly string[], otherwise: string, index: Expr, value: Expr = 0): Expr {
    const at = this.expressions.add3(X.headOf(X.SWITCH, 0, 0), this.label(otherwise), index, value);
    this.expressions.list(labels.map((name) => this.label(name)));
    return at;
  }
  call(name: string, args: readonly Expr[], result: Type): Expr {
    const at = this.expressions.add1(X.headOf(X.CALL, result, 0x10), this.identity(name));
    this.expressions.list(args);
    return at;
  }
  return_call(name: string, args: readonly Expr[], _result: Type): Expr {
    const at = this.expressions.add1(X.headOf(X.CALL, UNREACHABLE, 0x12), this.identity(name));
    this.expressions.list(args);
    return at;
  }
  private indirect(head: number, table: string, target: Expr, args: readonly Expr[], signature: number): Expr {
    const at = this.expressions.add3(head, signature, this.placeOf('tables', table), target);
    this.expressions.list(args);
    return at;
  }
  call_indirect(table: string, target: Expr, args: readonly Expr[], params: Type, results: Type): Expr {
    return this.indirect(X.headOf(X.CALL_INDIRECT, results, 0x11), table, target, args, this.signatures.of(params, results));
  }
  return_call_indirect(table: string, target: Expr, args: readonly Expr[], params: Type, results: Type): Expr {
    return this.indirect(X.headOf(X.CALL_INDIRECT, UNREACHABLE, 0x13), table, target, args, this.signatures.of(params, results));
  }
  return(value: Expr = 0): Expr {
    return this.expressions.add1(X.headOf(X.RETURN, UNREACHABLE, 0), value);
  }
  drop(value: Expr): Expr {
    return this.expressions.add1(DROP, value);
  }
  select(condition: Expr, a: Expr, b: Expr): Expr {
    return this.expressions.add3(SELECT, a, b, condition);
  }
  unreachable(): Expr {
    return this.expressions.add0(TRAP);
  }
  nop(): Expr {
    return this.expressions.add0(NOP);
  }
  fence(): Expr {
    return this.expressions.add0(FENCE);
  }

  // --- functions -------------------------------------------------------------------------------
  private enter(name: string, entry: FunctionEntry): void {
    if (this.functions.has(name)) throw new Error(`the module has two functions ${name}`);
    this.functions.set(name, entry);
  }

  /** Adds a function; its body is written at once. */
  addFunction(name: string, params: Type, results: Type, locals: readonly Type[], body: Expr): void {
    this.enter(name, { signature: this.signatures.of(params, results) });
    const { code, writer } = this;
    const start = code.length;
    const calls = writer.calls.length;
    code.reserve(SIZE_BYTES);
    code.length += SIZE_BYTES;
    writeLocals(code, locals);
    try {
      const type = writer.body(body);
      if (results !== TYPES.none && type === TYPES.none) throw new Error('its body gives no value');
    } catch (error) {
      code.length = start;
      writer.reset(calls);
      this.functions.delete(name);
      throw new Error(`function ${name} cannot be written: ${(error as Error).message}`, { cause: error });
    }
    code.patch(start, code.length - start - SIZE_BYTES, SIZE_BYTES);
    if (writer.hints.length > 0) this.hints.push([name, writer.hints.splice(0).map((h, i) => (i % 2 === 0 ? h - start - SIZE_BYTES : h))]);
  }

  addFunctionImport(name: string, module: string, base: string, params: Type, results: Type): void {
    this.enter(name, { signature: this.signatures.of(params, results), module, base });
  }

  addFunctionExport(name: string, external: string): void {
    this.exported.push([name, external]);
  }

  /**
   * The module's bytes. Every function that is called must have been added or imported by now.
   *
   * @param hot - names of functions that will be called often
   */
  emitBinary(hot: readonly string[] = []): Uint8Array {
    const { code, writer } = this;
    const entries = [...this.functions];
    const imported = entries.filter(([, f]) => f.module !== undefined);
    const own = entries.filter(([, f]) => f.module === undefined);
    const numbers = new Map([...imported, ...own].map(([name], i) => [name, i]));
    const numberOf = (name: string): number => {
      const number = numbers.get(name);
      if (number === undefined) throw new Error(`the module has no function ${name}`);
      return number;
    };
    const names = [...this.identities.keys()];
    const byIdentity = names.map((name) => numbers.get(name) ?? -1);
    for (let i = 0; i < writer.calls.length; i += 2) {
      const identity = writer.calls[i + 1] as number;
      code.patch(
        writer.calls[i] as number,
        byIdentity[identity] === -1 ? numberOf(names[identity] as string) : (byIdentity[identity] as number),
        FUNCTION_BYTES,
      );
    }
    const functionsOf = (list: typeof entries): FunctionEntry[] => list.map(([, entry]) => entry);
    const sections = [
      [1, this.signatures.section()],
      [2, importSection(this.environment, functionsOf(imported))],
      [3, functionSection(functionsOf(own))],
      [7, exportSection(this.exported.map(([name, external]) => [external, numberOf(name)]))],
      [0, prioritySection(hot.map(numberOf))],
      [0, hintSection(this.hints.map(([name, hints]) => [numberOf(name), hints]))],
    ] as const;
    return assemble(sections, own.length, code);
  }

  /** Forgets everything but the environment: the module can be built anew. */
  dispose(): void {
    this.expressions.clear();
    this.code.length = 0;
    this.writer.reset(0);
    this.signatures.clear();
    this.identities.clear();
    this.functions.clear();
    this.exported.length = 0;
    this.hints.length = 0;
    if (this.labels.size > MOST_LABELS) this.labels.clear();
  }
}

/** Locals as runs of one type. */
function writeLocals(code: ByteSink, locals: readonly Type[]): void {
  const runs: [number, Type][] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.[1] === type) last[0]++;
    else runs.push([1, type]);
  }
  code.u32(runs.length);
  for (const [count, type] of runs) {
    code.u32(count);
    code.byte(typeCode(type));
  }
}

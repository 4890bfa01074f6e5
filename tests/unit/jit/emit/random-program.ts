import type { WasmModule } from '../../../../jit/emit/wasm-module.ts';
import { type Expr, TYPES, typeList } from '../../../../jit/emit/wasm-types.ts';
import type { WasmType } from '../../../../jit/ir/node.ts';
import { ALL_OPERATIONS, type Operation } from './operation-signatures.ts';

/** Types of values, and of the locals of a random function in turn. */
const VALUE_TYPES: readonly WasmType[] = ['i32', 'i64', 'f32', 'f64', 'v128'];
const LOCALS: readonly WasmType[] = [...VALUE_TYPES, 'i32', 'i32', ...VALUE_TYPES];
const INTERESTING = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 0x7fffffff, -0x80000000, 0x12345678];
const PAGE_MASK = 0xfff;
const DEEPEST = 6;

/** A label that a branch may go to; for loops, the local that counts down. */
interface Target {
  readonly label: string;
  readonly counter: number | null;
}

/** Builds a program from a list of choices: the same list makes the same program in any module, an empty one the smallest. */
export class RandomProgram {
  private readonly m: WasmModule;
  private readonly choices: readonly number[];
  private at = 0;
  private labels = 0;
  private readonly counters: number[] = [];

  constructor(module: WasmModule, choices: readonly number[]) {
    this.m = module;
    this.choices = choices;
  }

  /** Adds `run`, what it calls, and imports that are declared last. */
  build(): void {
    const { m } = this;
    const body = this.body();
    const locals = [...LOCALS, ...this.counters.map((): WasmType => 'i32')].map((t) => TYPES[t]);
    m.addFunction('run', TYPES.none, TYPES.i64, locals, m.block(null, [...body, m.i64.const(7)], TYPES.i64));
    const [a, b] = [m.local.get(0, TYPES.v128), m.local.get(2, TYPES.v128)];
    m.addFunction('mixed', typeList(['v128', 'f64', 'v128']), TYPES.v128, [], m.f64x2.replace_lane(m.v128.xor(a, b), 1, m.local.get(1, TYPES.f64)));
    m.addFunctionImport('twice', 'host', 'twice', typeList(['i32', 'i64']), TYPES.i64);
    m.addFunctionExport('run', 'run');
  }

  private body(): Expr[] {
    const out = this.statements([], 0);
    for (const [i, type] of LOCALS.entries()) out.push(this.keep(i * 16, type, this.m.local.get(i, TYPES[type])));
    return out;
  }

  /** Stores a value where the test looks for it. */
  private keep(offset: number, type: WasmType, value: Expr): Expr {
    return this.m[type as 'i32'].store(offset, 1, this.m.i32.const(0), value, 'state');
  }

  private choose(limit: number): number {
    const choice = this.choices[this.at++] ?? 0;
    return choice % limit;
  }
  private pick<T>(list: readonly T[]): T {
    return list[this.choose(list.length)] as T;
  }
  private get done(): boolean {
    return this.at >= this.choices.length;
  }

  private statements(targets: readonly Target[], depth: number): Expr[] {
    const out: Expr[] = [];
    for (let n = depth === 0 ? 40 : this.choose(4); n > 0 && !this.done; n--) out.push(this.statement(targets, depth));
    return out;
  }

  private sequence(targets: readonly Target[], depth: number): Expr {
    return this.m.block(null, this.statements(targets, depth));
  }

  private statement(targets: readonly Target[], depth: number): Expr {
    const { m } = this;
    if (depth > DEEPEST) return m.nop();
    const next = depth + 1;
    switch (this.choose(12)) {
      case 1:
        return this.store(next);
      case 2:
        return m.if(this.value('i32', next), this.sequence(targets, next), this.choose(2) ? this.sequence(targets, next) : undefined);
      case 3: {
        const label = `b${this.labels++}`;
        return m.block(label, this.statements([...targets, { label, counter: null }], next));
      }
      case 4:
        return this.countedLoop(targets, next);
      case 5:
        return this.branch(targets, next);
      case 6:
        return this.choose(3) === 1 ? m.return(this.value('i64', next)) : m.if(this.value('i32', next), m.return(this.value('i64', next)));
      case 7:
        return m.drop(this.value(this.pick(VALUE_TYPES), next));
      case 8:
        return this.switch(targets, next);
      case 9:
        return this.choose(8) === 1 ? m.unreachable() : m.nop();
      default: {
        const local = this.choose(LOCALS.length);
        return m.local.set(local, this.value(LOCALS[local] as WasmType, next));
      }
    }
  }

  private countedLoop(targets: readonly Target[], depth: number): Expr {
    const { m } = this;
    const label = `l${this.labels++}`;
    const counter = LOCALS.length + this.counters.push(0) - 1;
    const target = { label, counter };
    const body = m.block(null, [...this.statements([...targets, target], depth), this.again(target)]);
    return m.block(null, [m.local.set(counter, m.i32.const(this.choose(3) + 1)), m.loop(label, body)]);
  }

  /** Goes to a label; to a loop's only while its counter lasts. */
  private again(target: Target): Expr {
    const { m } = this;
    if (target.counter === null) return m.br(target.label);
    const less = m.local.tee(target.counter, m.i32.sub(m.local.get(target.counter, TYPES.i32), m.i32.const(1)), TYPES.i32);
    return m.br_if(target.label, m.i32.gt_s(less, m.i32.const(0)));
  }

  private branch(targets: readonly Target[], depth: number): Expr {
    const { m } = this;
    if (targets.length === 0) return m.nop();
    const target = this.pick(targets);
    if (target.counter !== null || this.choose(2)) return this.again(target);
    return m.br_if(target.label, this.value('i32', depth));
  }

  private switch(targets: readonly Target[], depth: number): Expr {
    const { m } = this;
    const labels = targets.filter((t) => t.counter === null).map((t) => t.label);
    if (labels.length === 0) return m.nop();
    const way = m.switch([this.pick(labels), this.pick(labels)], this.pick(labels), this.value('i32', depth));
    return this.choose(2) ? way : m.if(this.value('i32', depth), way, this.statement(targets, depth));
  }

  private address(depth: number): Expr {
    return this.m.i32.and(this.value('i32', depth), this.m.i32.const(PAGE_MASK));
  }

  private store(depth: number): Expr {
    return this.apply(this.pick(ALL_OPERATIONS.filter((o) => o.result === 'none')), depth);
  }

  private value(type: WasmType, depth: number): Expr {
    const { m } = this;
    if (this.done || depth > DEEPEST) return this.leaf(type);
    const next = depth + 1;
    switch (this.choose(16)) {
      case 0:
      case 1:
        return this.leaf(type);
      case 2:
        return m.select(this.value('i32', next), this.value(type, next), this.value(type, next));
      case 3:
        return m.if(this.value('i32', next), this.value(type, next), this.choose(4) === 1 ? m.return(m.i64.const(5)) : this.value(type, next));
      case 4: {
        const label = `v${this.labels++}`;
        const early = m.drop(m.br_if(label, this.value('i32', next), this.value(type, next)));
        const last = this.choose(4) === 1 ? m.br(label, undefined, this.value(type, next)) : this.value(type, next);
        return m.block(label, [early, last], TYPES[type]);
      }
      case 5:
        return m.block(null, [...this.statements([], next), this.value(type, next)], TYPES[type]);
      case 6:
        return m.local.tee(this.localOf(type), this.value(type, next), TYPES[type]);
      case 7:
        return this.call(type, next);
      default:
        return this.apply(this.pick(ALL_OPERATIONS.filter((o) => o.result === type)), next);
    }
  }

  private call(type: WasmType, depth: number): Expr {
    const { m } = this;
    if (type === 'v128') return m.call('mixed', [this.value('v128', depth), this.value('f64', depth), this.value('v128', depth)], TYPES.v128);
    if (type === 'i32') return m.global.get('base', TYPES.i32);
    if (type !== 'i64') return this.leaf(type);
    const args = [this.value('i32', depth), this.value('i64', depth)];
    if (this.choose(2)) return m.call('twice', args, TYPES.i64);
    return m.call_indirect('table', m.i32.and(this.value('i32', depth), m.i32.const(1)), args, typeList(['i32', 'i64']), TYPES.i64);
  }

  private localOf(type: WasmType): number {
    return this.choose(2) ? LOCALS.indexOf(type) : LOCALS.lastIndexOf(type);
  }

  private leaf(type: WasmType): Expr {
    const { m } = this;
    if (this.choose(2) === 1) return m.local.get(this.localOf(type), TYPES[type]);
    const number = this.choose(4) ? this.pick(INTERESTING) : this.choose(1 << 16) - (1 << 15);
    if (type === 'i64') return m.i64.const(this.choose(2) ? number : BigInt(number) * 0x1_0000_0101n);
    if (type === 'v128') return m.v128.const(Array.from({ length: 16 }, (_, i) => (number >> (i & 7)) & 255));
    return m[type as 'f64'].const(type === 'i32' ? number : number / 8);
  }

  private apply(operation: Operation, depth: number): Expr {
    const { shape, lanes } = operation;
    const builder = (this.m[operation.group] as unknown as Record<string, (...args: unknown[]) => Expr>)[operation.name];
    const build = (...args: unknown[]): Expr => (builder as (...args: unknown[]) => Expr).apply(this.m[operation.group], args);
    if (shape === 'load' || shape === 'store' || shape === 'loadLane' || shape === 'storeLane') {
      const memory = this.pick(['state', 'ram']);
      const offset = this.pick([0, 1, 127, 128, 0x4000]);
      const lane = shape.endsWith('Lane') ? [this.choose(lanes)] : [];
      const values = operation.operands.slice(1).map((type) => this.value(type, depth));
      return build(offset, 1, ...lane, this.address(depth), ...values, memory);
    }
    const [first, ...rest] = operation.operands.map((type) => this.value(type, depth));
    return shape === 'extract' || shape === 'replace' ? build(first, this.choose(lanes), ...rest) : build(first, ...rest);
  }
}

import type { Node, RegisterRef, WasmType, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { Builders } from './builders.ts';
import type { WasmModule } from './wasm-module.ts';
import { type Expr, TYPES } from './wasm-types.ts';

/** Nodes that read registers or flags when they are computed, so they must be computed before those change. */
const READS_REGISTERS = new Set(['readRegister', 'address', 'effectiveAddress']);
const READS_FLAGS = new Set(['flag', 'condition']);
const READS_CELLS = new Set(['cellValue']);
const WRITES_REGISTERS = new Set(['writeRegister', 'system', 'call']);
const WRITES_FLAGS = new Set(['setFlags', 'assignFlags', 'setResultFlags', 'system', 'call']);
/** Nodes so cheap that they are built again at each use. */
const REBUILT = new Set(['i32.const', 'i64.const', 'immediate']);

/**
 * Turns the program of one instruction into WebAssembly expressions. What differs between interpreter
 * handlers and translated regions (where registers, flags, operands and RIP live) is left to subclasses.
 */
export abstract class Emitter {
  protected readonly build: Builders;
  /** Types of the locals after the parameters. */
  readonly locals: WasmType[] = [];
  private readonly assigned = new Map<Node, number>();
  /** True when the value already sits in a local. */
  protected hasLocal(node: Node): boolean {
    return this.assigned.has(node);
  }
  private materialised = new Set<Node>();

  readonly module: WasmModule;
  protected readonly parameters: number;

  constructor(module: WasmModule, parameters: number) {
    this.module = module;
    this.parameters = parameters;
    this.build = new Builders(module);
  }

  // --- what subclasses know --------------------------------------------------------------------
  protected abstract readRegister(register: RegisterRef, width: Width): Expr;
  protected abstract writeRegister(register: RegisterRef, width: Width, value: Expr): Expr;
  protected abstract immediate(width: Width): Expr;
  protected abstract effectiveAddress(node: Node, delta: Expr | null): Expr;
  protected abstract linearAddress(node: Node, delta: Expr | null): Expr;
  protected abstract readFlag(name: string): Expr;
  protected abstract readCondition(code: number): Expr;
  /** An effect that subclasses emit whole: flags, control, memory, faults. */
  protected abstract effect(node: Node): Expr[];
  /** Pure nodes that only subclasses know (`nextRip`, `segmentNumber`...). */
  protected abstract special(node: Node): Expr;

  // --- small builders --------------------------------------------------------------------------
  /** Builds the operation `name`. */
  op(name: string, ...args: Expr[]): Expr {
    return this.build.op(name)(...args);
  }
  i32(value: number): Expr {
    return this.module.i32.const(value);
  }
  i64(value: bigint | number): Expr {
    return this.module.i64.const(value);
  }
  get(local: number, type: WasmType): Expr {
    return this.module.local.get(local, TYPES[type]);
  }
  set(local: number, value: Expr): Expr {
    return this.module.local.set(local, value);
  }
  tee(local: number, value: Expr, type: WasmType): Expr {
    return this.module.local.tee(local, value, TYPES[type]);
  }
  /** A local for the instruction at hand: it may serve another one afterwards. */
  local(type: WasmType): number {
    const local = this.free.get(type)?.pop() ?? this.permanent(type);
    this.taken.push(local);
    return local;
  }
  /** A local that keeps its value for the whole function, until `release`. */
  permanent(type: WasmType): number {
    this.locals.push(type);
    return this.parameters + this.locals.length - 1;
  }
  /** Gives locals back for other uses of their type. */
  release(locals: Iterable<number>): void {
    for (const local of locals) {
      const type = this.locals[local - this.parameters] as WasmType;
      const list = this.free.get(type);
      if (list === undefined) this.free.set(type, [local]);
      else list.push(local);
    }
  }
  /** Takes a local of the instruction at hand out of reuse. */
  protected retain(type: WasmType): number {
    const local = this.free.get(type)?.pop();
    return local ?? this.permanent(type);
  }
  private readonly free = new Map<WasmType, number[]>();
  private taken: number[] = [];
  block(body: Expr[]): Expr {
    return body.length === 1 ? (body[0] as Expr) : this.module.block(null, body);
  }
  when(condition: Expr, then: Expr[], otherwise?: Expr[]): Expr {
    return this.module.if(condition, this.block(then), otherwise && otherwise.length > 0 ? this.block(otherwise) : undefined);
  }
  /** What is seldom done: kept out of the way. */
  seldom(condition: Expr, then: Expr[]): Expr {
    return this.module.if(condition, this.block(then), undefined, 'unlikely');
  }
  load32(pointer: Expr, offset: number): Expr {
    return this.module.i32.load(offset, 1, pointer, 'state');
  }
  load16(pointer: Expr, offset: number): Expr {
    return this.module.i32.load16_u(offset, 1, pointer, 'state');
  }
  load8(pointer: Expr, offset: number): Expr {
    return this.module.i32.load8_u(offset, 1, pointer, 'state');
  }
  load64(pointer: Expr, offset: number): Expr {
    return this.module.i64.load(offset, 1, pointer, 'state');
  }
  store32(pointer: Expr, offset: number, value: Expr): Expr {
    return this.module.i32.store(offset, 1, pointer, value, 'state');
  }
  store64(pointer: Expr, offset: number, value: Expr): Expr {
    return this.module.i64.store(offset, 1, pointer, value, 'state');
  }
  /** A 32-bit word of machine state. */
  state32(address: number): Expr {
    return this.load32(this.i32(0), address);
  }
  state64(address: number): Expr {
    return this.load64(this.i32(0), address);
  }
  setState32(address: number, value: Expr): Expr {
    return this.store32(this.i32(0), address, value);
  }
  setState64(address: number, value: Expr): Expr {
    return this.store64(this.i32(0), address, value);
  }
  call(name: string, args: Expr[], type: WasmType): Expr {
    return this.module.call(name, args, TYPES[type]);
  }

  // --- lowering --------------------------------------------------------------------------------
  /** Lowers a program to statements. */
  lower(program: readonly Node[]): Expr[] {
    this.assigned.clear();
    this.materialised = planLocals(program);
    const out = this.list(program);
    this.release(this.taken);
    this.taken = [];
    return out;
  }

  /** Lowers a nested list of nodes. */
  protected list(nodes: readonly Node[]): Expr[] {
    const out: Expr[] = [];
    for (const node of nodes) {
      if (!node.pure) out.push(...this.statement(node));
      else if (this.materialised.has(node)) out.push(this.keep(node, this.compute(node)));
    }
    return out;
  }

  /** Stores a value in the node's own local. */
  protected keep(node: Node, value: Expr): Expr {
    const local = this.local(node.type);
    this.assigned.set(node, local);
    return this.set(local, value);
  }

  /** The local that holds the node's value; makes it for effects that produce one. */
  protected resultLocal(node: Node): number {
    let local = this.assigned.get(node);
    if (local === undefined) {
      local = this.local(node.type);
      this.assigned.set(node, local);
    }
    return local;
  }

  /** The value of a node: its local, or its expression built in place. */
  value(node: Node): Expr {
    const local = this.assigned.get(node);
    return local !== undefined ? this.get(local, node.type) : this.compute(node);
  }

  private compute(node: Node): Expr {
    const m = this.module;
    const arg = (i: number): Expr => this.value(node.args[i] as Node);
    switch (node.op) {
      case 'i32.const':
        return this.i32(node.constant as number);
      case 'i64.const':
        return this.i64(node.constant as bigint);
      case 'v128.const':
        return m.v128.const(node.lanes as number[]);
      case 'copy':
        return arg(0);
      case 'select':
        return m.select(arg(0), arg(1), arg(2));
      case 'readRegister':
        return this.readRegister(node.register as RegisterRef, node.width as Width);
      case 'immediate':
        return this.immediate(node.width as Width);
      case 'address':
        return this.linearAddress(node, node.args.length > 0 ? arg(0) : null);
      case 'effectiveAddress':
        return this.effectiveAddress(node, null);
      case 'flag':
        return this.readFlag(node.name as string);
      case 'condition':
        return this.readCondition(node.lane as number);
      case 'cellValue':
        return this.get(this.resultLocal(node.args[0] as Node), node.type);
      case 'v128.shuffle':
        return m.i8x16.shuffle(arg(0), arg(1), node.lanes as number[]);
      default:
        if (!node.op.includes('.')) return this.special(node);
        if (node.lane !== undefined && node.op.includes('_lane')) {
          const builder = this.build.op(node.op);
          return node.args.length === 1 ? builder(arg(0), node.lane) : builder(arg(0), node.lane, arg(1));
        }
        return this.op(node.op, ...node.args.map((_, i) => arg(i)));
    }
  }

  private statement(node: Node): Expr[] {
    const arg = (i: number): Expr => this.value(node.args[i] as Node);
    switch (node.op) {
      case 'variable':
        return [this.keep(node, arg(0))];
      case 'assign':
        return [this.set(this.resultLocal(node.args[0] as Node), this.value(node.args[1] as Node))];
      case 'writeRegister':
        return [this.writeRegister(node.register as RegisterRef, (node.args[0] as Node).width as Width, arg(0))];
      case 'readState':
        return [
          this.keep(
            node,
            node.width === 128
              ? this.module.v128.load(node.constant as number, 1, this.i32(0), 'state')
              : node.width === 64
                ? this.state64(node.constant as number)
                : this.state32(node.constant as number),
          ),
        ];
      case 'writeState': {
        const v = node.args[0] as Node;
        if (v.width === 128) return [this.module.v128.store(node.constant as number, 1, this.i32(0), arg(0), 'state')];
        return [v.width === 64 ? this.setState64(node.constant as number, arg(0)) : this.setState32(node.constant as number, arg(0))];
      }
      case 'i32.div_u':
      case 'i32.rem_u':
      case 'i64.div_u':
      case 'i64.rem_u':
      case 'i32.div_s':
      case 'i32.rem_s':
      case 'i64.div_s':
      case 'i64.rem_s':
        return [this.keep(node, this.op(node.op, arg(0), arg(1)))];
      default:
        return this.effect(node);
    }
  }

  // --- guest memory ----------------------------------------------------------------------------
  /** Address of the TLB entry for the linear address in `address` (an i64 local). */
  protected tlbEntry(address: number): Expr {
    const m = this.module;
    const index = m.i32.and(m.i32.wrap(m.i64.shr_u(this.get(address, 'i64'), this.i64(7n))), this.i32((L.TLB_ENTRIES - 1) * L.TLB_ENTRY_SIZE));
    return m.i32.add(index, this.tlbBase());
  }
  /** Address of the TLB set in force. */
  protected tlbBase(): Expr {
    return this.state32(L.TLB_BASE);
  }
  /** True when the access of `bytes` at `address` lies in the page whose tag `entry` holds. */
  protected tlbHit(address: number, entry: Expr, tag: number, bytes: number): Expr {
    const m = this.module;
    const last = bytes === 1 ? this.get(address, 'i64') : m.i64.add(this.get(address, 'i64'), this.i64(BigInt(bytes - 1)));
    return m.i64.eq(m.i64.and(last, this.i64(-4096n)), this.load64(entry, tag));
  }
  /** Loads `width` bits from RAM. */
  protected ramLoad(width: number, pointer: Expr): Expr {
    const m = this.module;
    if (width === 8) return m.i32.load8_u(0, 1, pointer, 'ram');
    if (width === 16) return m.i32.load16_u(0, 1, pointer, 'ram');
    if (width === 32) return m.i32.load(0, 1, pointer, 'ram');
    if (width === 64) return m.i64.load(0, 1, pointer, 'ram');
    return m.v128.load(0, 1, pointer, 'ram');
  }
  protected ramStore(width: number, pointer: Expr, value: Expr): Expr {
    const m = this.module;
    if (width === 8) return m.i32.store8(0, 1, pointer, value, 'ram');
    if (width === 16) return m.i32.store16(0, 1, pointer, value, 'ram');
    if (width === 32) return m.i32.store(0, 1, pointer, value, 'ram');
    if (width === 64) return m.i64.store(0, 1, pointer, value, 'ram');
    return m.v128.store(0, 1, pointer, value, 'ram');
  }
  /** Widens a value of `width` bits to i64 for a slow-path call. */
  protected widen(value: Expr, width: number): Expr {
    return width === 64 ? value : this.module.i64.extend_u(value);
  }
  protected narrow(value: Expr, width: number): Expr {
    return width === 64 ? value : this.module.i32.wrap(value);
  }
}

/** Decides which pure nodes get a local: those used twice, and reads whose source changes before they are used. */
function planLocals(program: readonly Node[]): Set<Node> {
  const all: Node[] = [];
  const collect = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      all.push(node);
      if (node.then) collect(node.then);
      if (node.otherwise) collect(node.otherwise);
    }
  };
  collect(program);
  all.sort((a, b) => a.position - b.position);
  const registerWrites = all.filter((n) => WRITES_REGISTERS.has(n.op)).map((n) => n.position);
  const flagWrites = all.filter((n) => WRITES_FLAGS.has(n.op)).map((n) => n.position);
  const cellWrites = all.filter((n) => n.op === 'assign').map((n) => n.position);
  const between = (positions: readonly number[], low: number, high: number): boolean => positions.some((p) => p > low && p < high);
  const result = new Set<Node>();
  for (let i = all.length - 1; i >= 0; i--) {
    const node = all[i] as Node;
    if (node.pure) {
      if (node.uses === 0) {
        for (const arg of node.args) arg.uses--;
        continue;
      }
      const clobbered =
        (READS_REGISTERS.has(node.op) && between(registerWrites, node.position, node.sink)) ||
        (READS_FLAGS.has(node.op) && between(flagWrites, node.position, node.sink)) ||
        (READS_CELLS.has(node.op) && between(cellWrites, node.position, node.sink));
      if (clobbered || (node.uses > 1 && !REBUILT.has(node.op))) result.add(node);
    }
    const at = node.pure && !result.has(node) ? node.sink : node.position;
    for (const arg of node.args) arg.sink = Math.max(arg.sink, at);
  }
  return result;
}

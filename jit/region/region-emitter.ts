import { type Expr, TYPES, type WasmModule } from '../emit/binaryen.ts';
import { Emitter } from '../emit/emitter.ts';
import { LazyFlags } from '../emit/lazy-flags.ts';
import type { Instruction } from '../decode/instruction.ts';
import { decodeInstruction } from '../decode/decode-instruction.ts';
import { Machine } from '../ir/machine.ts';
import { markWrites } from '../ir/mark-writes.ts';
import { type Flag, FLAG_BIT, type MemoryRef, type Node, type RegisterRef, type WasmType, type Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { KIND_CODE, type PendingFlags, PendingReader } from './pending-flags.ts';
import { BLOCK_ENTRY_SIZE, indirectSlots, type RegionBlock, type RegionRequest } from './region.ts';
import { type Structure, structure } from './structure.ts';

/** An instruction of the region with its meaning. */
interface Step {
  readonly instruction: Instruction;
  readonly program: readonly Node[];
  /** Bytes from the block's start. */
  readonly offset: number;
}

/** How a block leaves, after its instructions were lowered. */
type Terminator =
  | { readonly kind: 'fall' }
  | { readonly kind: 'branch'; readonly condition: number | null }
  | { readonly kind: 'indirect'; readonly target: number }
  | { readonly kind: 'left' };

/**
 * Flags at a place: a base (a known operation, the words in memory, or whatever the dynamic locals say), and single
 * flags that were set since, each in a local of its own.
 */
interface FlagState {
  readonly base: PendingFlags | 'memory' | 'dynamic';
  readonly over: ReadonlyMap<Flag, number>;
}
const NONE: ReadonlyMap<Flag, number> = new Map();
const MEMORY: FlagState = { base: 'memory', over: NONE };
const DYNAMIC: FlagState = { base: 'dynamic', over: NONE };

/** The last page that an address register reached, with its RAM addend. */
interface PageCache {
  readonly tag: number;
  readonly addend: number;
}

/** Emits one region as a function: registers in locals, flags only where they are read, one check per page reached. */
export class RegionEmitter extends Emitter {
  private readonly request: RegionRequest;
  private readonly tableIndex: number;
  private readonly mode: 32 | 64;
  private readonly steps: Step[][];
  private readonly structure: Structure;
  private readonly successors: number[][];
  private readonly byOffset = new Map<number, number>();
  private readonly externals = new Map<number, number>();
  private readonly gprs = new Map<number, number>();
  private readonly xmms = new Map<number, number>();
  private readonly dirtyGprs = new Set<number>();
  private readonly dirtyXmms = new Set<number>();
  private readonly lazy: LazyFlags;
  private readonly caches = new Map<string, PageCache>();
  private readonly flagsOut: FlagState[] = [];
  /** Imported functions that the code calls. */
  readonly called = new Set<string>();

  // fixed locals
  private readonly rip0: number;
  private readonly ticks: number;
  /** Ticks at the entry. */
  private readonly granted: number;
  /** Condition and target of the branch that ends the block at hand. */
  private readonly condition: number;
  private readonly target: number;
  private readonly next: number;
  /** Where to go on leaving: RIP, record, and the handler of that record, or one of the EXIT_ values below. */
  private readonly exitRip: number;
  private readonly exitRecord: number;
  private readonly exitHandler: number;
  /** Leaving in the middle of a block: block number << 6 | instruction number. */
  private readonly exitPlace: number;
  private readonly fk: number;
  private readonly fa: number;
  private readonly fb: number;
  private readonly fr: number;
  /** Dynamic single flags: bits 5-0 which (FLAG_BIT), bits 13-8 their values. */
  private readonly fo: number;
  /** CF whenever flags are dynamic. */
  private readonly fc: number;

  // where lowering stands
  private blockIndex = 0;
  private step!: Step;
  private stepIndex = 0;
  private flags: FlagState = DYNAMIC;
  private terminator: Terminator = { kind: 'fall' };
  private readonly checkedUnits = new Set<string>();

  /** @param tableIndex index of the region's first entry in the module's block table */
  constructor(module: WasmModule, request: RegionRequest, tableIndex: number) {
    super(module, 1);
    this.request = request;
    this.tableIndex = tableIndex;
    this.mode = (request.mode & L.MODE_CODE_MASK) === 2 ? 64 : 32;
    this.lazy = new LazyFlags(this);
    this.rip0 = this.permanent('i64');
    this.ticks = this.permanent('i32');
    this.granted = this.permanent('i32');
    this.next = this.permanent('i32');
    this.exitRecord = this.permanent('i32');
    this.exitRip = this.permanent('i64');
    this.exitHandler = this.permanent('i32');
    this.exitPlace = this.permanent('i32');
    this.fk = this.permanent('i32');
    this.fa = this.permanent('i64');
    this.fb = this.permanent('i64');
    this.fr = this.permanent('i64');
    this.fo = this.permanent('i32');
    this.fc = this.permanent('i32');
    this.condition = this.permanent('i32');
    this.target = this.permanent('i64');
    for (const [i, block] of request.blocks.entries()) this.byOffset.set(block.offset, i);
    for (const [i, offset] of request.external.entries()) this.externals.set(offset, request.blocks.length + i);
    this.steps = request.blocks.map((block) => this.decodeBlock(block));
    this.successors = request.blocks.map((block) => this.successorsOf(block));
    this.structure = structure(this.successors, request.indirect);
    this.scanRegisters();
  }

  // --- decoding and analysis -------------------------------------------------------------------
  private decodeBlock(block: RegionBlock): Step[] {
    const steps: Step[] = [];
    let offset = 0;
    for (let i = 0; i < block.instructions; i++) {
      const instruction = decodeInstruction(block.bytes, offset, { code: this.mode, stack: this.mode === 64 ? 64 : this.request.mode & L.MODE_STACK32 ? 32 : 16 });
      if (typeof instruction === 'string') throw new Error(`a block of the region does not decode: ${instruction}`);
      const machine = new Machine(instruction.facts);
      instruction.row.sem(machine);
      steps.push({ instruction, program: machine.program, offset });
      offset += instruction.length;
    }
    return steps;
  }

  private successorsOf(block: RegionBlock): number[] {
    const out = new Set<number>();
    const add = (offset: number | null): void => {
      const i = offset === null ? undefined : this.byOffset.get(offset);
      if (i !== undefined) out.add(i);
    };
    if (block.ending === 'branch' || block.ending === 'jump' || block.ending === 'call') add(block.target);
    if (block.ending === 'branch' || block.ending === 'end') add(block.end);
    for (const offset of this.guesses(block)) add(offset);
    return [...out];
  }

  /** Offsets behind calls whose callee is in the region: where a return may go. */
  private continuations(): number[] {
    const inside = (offset: number | null): boolean => offset !== null && this.byOffset.has(offset);
    return this.request.blocks.filter((b) => inside(b.end) && ((b.ending === 'call' && inside(b.target)) || (b.ending === 'indirect-call' && inside(b.predicted)))).map((b) => b.end);
  }

  /** Offsets in the region that an indirect branch is compared with, likeliest first. */
  private guesses(block: RegionBlock): number[] {
    const { ending, predicted } = block;
    if (ending === 'indirect' && this.request.indirect.length > 0) return [];
    if (ending !== 'return' && ending !== 'indirect' && ending !== 'indirect-call') return [];
    const list = predicted !== null && this.byOffset.has(predicted) ? [predicted] : [];
    if (ending === 'return') for (const offset of this.continuations()) if (!list.includes(offset)) list.push(offset);
    return list.slice(0, 4);
  }

  private scanRegisters(): void {
    const written = this.request.blocks.map(() => ({ gpr: new Set<number>(), xmm: new Set<number>() }));
    const use = (register: RegisterRef, i: number, write: boolean): void => {
      const n = register.index as number;
      if (register.file === 'gpr') {
        if (!this.gprs.has(n)) this.gprs.set(n, this.permanent('i64'));
        if (write) (written[i] as { gpr: Set<number> }).gpr.add(n);
      } else if (register.file === 'xmm') {
        if (!this.xmms.has(n)) this.xmms.set(n, this.permanent('v128'));
        if (write) (written[i] as { xmm: Set<number> }).xmm.add(n);
      }
    };
    const visit = (nodes: readonly Node[], i: number): void => {
      for (const node of nodes) {
        if (node.register) use(node.register, i, node.op === 'writeRegister');
        if (node.memory && node.memory !== 'record') {
          if (node.memory.base >= 0 && node.memory.base < 16) use({ file: 'gpr', index: node.memory.base }, i, false);
          if (node.memory.index >= 0) use({ file: 'gpr', index: node.memory.index }, i, false);
        }
        if (node.then) visit(node.then, i);
        if (node.otherwise) visit(node.otherwise, i);
      }
    };
    for (const [i, steps] of this.steps.entries()) for (const step of steps) visit(step.program, i);
    for (const w of written) {
      for (const n of w.gpr) this.dirtyGprs.add(n);
      for (const n of w.xmm) this.dirtyXmms.add(n);
    }
  }

  // --- the function ----------------------------------------------------------------------------
  /** Emits the function under a name. */
  emit(name: string): void {
    const m = this.module;
    const prologue: Expr[] = [
      this.set(this.ticks, this.tee(this.granted, this.state32(L.BUDGET), 'i32')),
      this.when(m.i32.le_s(this.get(this.ticks, 'i32'), this.i32(0)), [m.return()]),
      this.set(this.rip0, this.state64(L.RIP)),
      this.set(this.fc, this.lazy.read('cf')),
    ];
    for (const [n, local] of this.gprs) prologue.push(this.set(local, this.state64(L.GPR + n * 8)));
    for (const [n, local] of this.xmms) prologue.push(this.set(local, m.v128.load(L.XMM + n * 16, 1, this.i32(0), 'state')));
    const body = this.emitRoot();
    // $side: in the middle of a block, at exitPlace; $out: to exitRip
    const inner = m.block('out', [m.block('side', [...body, m.unreachable()]), ...this.placeExit()]);
    const leave: Expr[] = [
      ...this.spill(this.dirtyGprs, this.dirtyXmms),
      ...this.flushDynamic(),
      this.setState64(L.RIP, this.get(this.exitRip, 'i64')),
      // a device may have ended the slice meanwhile: take off what ran here, whatever is left there
      this.setState32(L.BUDGET, m.i32.add(this.state32(L.BUDGET), m.i32.sub(this.get(this.ticks, 'i32'), this.get(this.granted, 'i32')))),
      this.when(m.i32.eqz(this.get(this.exitHandler, 'i32')), [m.return_call('dispatch', [this.i32(0)], TYPES.none)]),
      this.when(m.i32.lt_s(this.get(this.exitHandler, 'i32'), this.i32(0)), [m.return()]),
      m.return_call_indirect('table', this.get(this.exitHandler, 'i32'), [this.get(this.exitRecord, 'i32')], TYPES.i32, TYPES.none),
    ];
    this.called.add('dispatch');
    // the caches were made while the body was emitted: their tags start out empty
    for (const cache of this.caches.values()) prologue.push(this.set(cache.tag, this.i64(0x800n)));
    m.addFunction(name, TYPES.i32, TYPES.none, this.locals.map((t) => TYPES[t]), m.block(null, [...prologue, inner, ...leave]));
  }

  /** From exitPlace to exitRip, exitRecord and exitHandler: to the interpreter, or to the host loop with a fault. */
  private placeExit(): Expr[] {
    const m = this.module;
    const entry = this.local('i32');
    const step = (): Expr => m.i32.and(this.get(this.exitPlace, 'i32'), this.i32(63));
    const word = (offset: number): Expr => this.load32(this.get(entry, 'i32'), this.tableIndex * BLOCK_ENTRY_SIZE + offset);
    const rip = m.i64.add(this.get(this.rip0, 'i64'), m.i64.extend_s(word(12)));
    return [
      this.set(entry, m.i32.add(m.global.get('base', TYPES.i32), m.i32.mul(m.i32.shr_u(this.get(this.exitPlace, 'i32'), this.i32(6)), this.i32(BLOCK_ENTRY_SIZE)))),
      this.set(this.exitRip, this.mode === 64 ? rip : m.i64.and(rip, this.i64(0xffffffffn))),
      this.set(this.exitRecord, m.i32.add(word(0), m.i32.mul(step(), this.i32(L.REC_SIZE)))),
      // the first record may lead right back here: the interpreter's own handler is beside it
      this.set(this.exitHandler, m.if(step(), this.load32(this.get(this.exitRecord, 'i32'), L.REC_HANDLER), word(4))),
      this.when(this.state32(L.FAULT), [this.setState32(L.CUR_REC, this.get(this.exitRecord, 'i32')), this.set(this.exitHandler, this.i32(-1))]),
    ];
  }

  private emitRoot(): Expr[] {
    const m = this.module;
    const { roots } = this.structure;
    const n = this.request.blocks.length;
    if (roots.length === 1) {
      this.startFlags(0, MEMORY);
      return this.tree(0);
    }
    // a loop around a switch: edges that no structured loop can express come here
    const ys = [...(this.structure.children[n] as number[])].sort((a, b) => (this.structure.order[b] as number) - (this.structure.order[a] as number));
    let inside: Expr[] = [m.switch(roots.map((r) => `b${r}`), `b${roots[0]}`, this.get(this.next, 'i32'))];
    for (const y of [...ys].reverse()) {
      inside = [m.block(`b${y}`, inside), ...this.tree(y)];
    }
    return [m.loop('root', m.block(null, inside))];
  }

  /** Code of a block and everything it dominates. */
  private tree(x: number): Expr[] {
    const m = this.module;
    const merges = (this.structure.children[x] as number[]).filter((y) => this.structure.merges.has(y)).sort((a, b) => (this.structure.order[a] as number) - (this.structure.order[b] as number));
    if (!this.startedFlags.has(x)) this.startFlags(x, DYNAMIC);
    let inside = this.blockCode(x);
    for (const y of merges) inside = [m.block(`b${y}`, inside), ...this.tree(y)];
    return this.structure.loops.has(x) ? [m.loop(`l${x}`, m.block(null, inside))] : inside;
  }

  private readonly startedFlags = new Map<number, FlagState>();
  private startFlags(block: number, state: FlagState): void {
    this.startedFlags.set(block, this.structure.loops.has(block) || this.structure.merges.has(block) ? DYNAMIC : state);
  }

  // --- one block -------------------------------------------------------------------------------
  private blockCode(x: number): Expr[] {
    const block = this.request.blocks[x] as RegionBlock;
    this.flags = this.startedFlags.get(x) as FlagState;
    this.checkedUnits.clear();
    this.flagLocals = [];
    const out: Expr[] = [];
    this.terminator = { kind: 'fall' };
    const steps = this.steps[x] as Step[];
    for (const [i, step] of steps.entries()) {
      this.blockIndex = x;
      this.step = step;
      this.stepIndex = i;
      out.push(...this.lower(step.program));
    }
    this.blockIndex = x;
    this.flagsOut[x] = this.flags;
    const terminator = this.terminator as Terminator;
    if (terminator.kind === 'left') return out;
    // bytes that are no instruction end the block: the interpreter raises their fault
    if (terminator.kind === 'fall' && block.ending === 'system') return [...out, ...this.sideExit(steps.length)];
    out.push(this.set(this.ticks, this.op('i32.sub', this.get(this.ticks, 'i32'), this.i32(block.instructions))));
    const state = this.flags;
    if (terminator.kind === 'indirect') {
      for (const offset of this.guesses(block)) {
        const to = this.byOffset.get(offset) as number;
        out.push(this.when(this.op('i64.eq', this.get(terminator.target, 'i64'), this.ripAt(offset)), this.edge(x, to, state)));
      }
      if (block.ending === 'indirect' && this.request.indirect.length > 0) out.push(...this.switchTo(x, terminator.target, state));
      out.push(...this.leaveTo(x, this.get(terminator.target, 'i64'), null, state));
      return out;
    }
    if (terminator.kind === 'branch' && terminator.condition !== null && block.target !== block.end) {
      out.push(this.when(this.get(terminator.condition, 'i32'), this.go(x, block.target as number, state)));
      out.push(...this.go(x, block.end, state));
      return out;
    }
    const next = terminator.kind === 'branch' ? (block.target as number) : block.end;
    if (this.storedLast) out.push(this.leaveIfChanged(x, next, state));
    out.push(...this.go(x, next, state));
    return out;
  }

  /** Looks an indirect target up in the region's table and goes there through the root, if it is in the same page. */
  private switchTo(from: number, target: number, state: FlagState): Expr[] {
    const m = this.module;
    const { indirect, indirectShift, blocks, external } = this.request;
    const slots = indirectSlots(this.request);
    const distance = this.local('i64');
    const slot = this.local('i32');
    const page = (blocks[from] as RegionBlock).page;
    if (indirect.some((i) => (blocks[i] as RegionBlock).page !== page)) return []; // would need a page check each
    const hash = m.i32.and(m.i32.shr_s(m.i32.wrap(this.get(distance, 'i64')), this.i32(indirectShift)), this.i32(slots - 1));
    const at = (this.tableIndex + blocks.length + external.length) * BLOCK_ENTRY_SIZE;
    return [
      this.set(distance, m.i64.sub(this.get(target, 'i64'), this.get(this.rip0, 'i64'))),
      this.set(slot, m.i32.add(m.global.get('base', TYPES.i32), m.i32.shl(hash, this.i32(3)))),
      this.when(m.i64.eq(m.i64.load32_s(at, 1, this.get(slot, 'i32'), 'state'), this.get(distance, 'i64')), [
        ...this.keepFlags(state),
        this.when(m.i32.gt_s(this.get(this.ticks, 'i32'), this.i32(0)), [this.set(this.next, this.load32(this.get(slot, 'i32'), at + 4)), m.br('root')]),
      ]),
    ];
  }

  /** Leaves by way of RIP when the block's last instruction has overwritten decoded code. */
  private leaveIfChanged(from: number, offset: number, state: FlagState): Expr {
    const stored = this.storedSlow as number;
    return this.when(this.get(stored, 'i32'), [
      this.set(stored, this.i32(0)),
      this.when(this.state32(L.CODE_CHANGED), [this.setState32(L.CODE_CHANGED, this.i32(0)), ...this.leaveTo(from, this.ripAt(offset), null, state)]),
    ]);
  }

  /** Control to an offset: inside the region, or out of it. */
  private go(from: number, offset: number, state: FlagState): Expr[] {
    const to = this.byOffset.get(offset);
    if (to !== undefined && this.successors[from]?.includes(to)) return this.edge(from, to, state);
    return this.leaveTo(from, this.ripAt(offset), this.externals.get(offset) ?? null, state);
  }

  private edge(from: number, to: number, state: FlagState): Expr[] {
    const m = this.module;
    const s = this.structure;
    const out: Expr[] = [];
    const source = this.request.blocks[from] as RegionBlock;
    const target = this.request.blocks[to] as RegionBlock;
    if (source.page !== target.page) out.push(...this.checkPage(from, to, state));
    if (s.isDispatched(from, to)) {
      return [...out, ...this.keepFlags(state), ...this.tick(to), this.set(this.next, this.i32(s.roots.indexOf(to))), m.br('root')];
    }
    if (s.isBackEdge(from, to)) return [...out, ...this.keepFlags(state), ...this.tick(to), m.br(`l${to}`)];
    if (s.merges.has(to)) return [...out, ...this.keepFlags(state), m.br(`b${to}`)];
    // the only way in: the block follows right here and knows its flags
    if (s.loops.has(to)) out.push(...this.keepFlags(state));
    this.startFlags(to, state);
    return [...out, ...this.tree(to)];
  }

  /** Leaves when the budget is used up; at back edges. */
  private tick(to: number): Expr[] {
    const target = this.request.blocks[to] as RegionBlock;
    return [this.when(this.op('i32.le_s', this.get(this.ticks, 'i32'), this.i32(0)), [
      this.set(this.exitRip, this.ripAt(target.offset)), this.set(this.exitHandler, this.i32(-1)), this.module.br('out')])];
  }

  /** Leaves unless the target's page is still where it was when the region was made. */
  private checkPage(from: number, to: number, state: FlagState): Expr[] {
    const m = this.module;
    const target = this.request.blocks[to] as RegionBlock;
    const rip = this.local('i64');
    const entry = this.local('i32');
    const page = (): Expr => m.i64.and(this.get(rip, 'i64'), this.i64(-4096n));
    const mapped = m.i32.and(
      m.i64.eq(this.load64(this.get(entry, 'i32'), L.TLB_EXECUTE), page()),
      m.i32.eq(m.i32.add(m.i32.wrap(this.get(rip, 'i64')), this.load32(this.get(entry, 'i32'), L.TLB_ADDEND)), this.blockWord(to, 8)),
    );
    return [this.set(rip, this.ripAt(target.offset)), this.set(entry, this.tlbEntry(rip)), this.when(m.i32.eqz(mapped), this.leaveTo(from, this.ripAt(target.offset), null, state))];
  }

  /** Ends the region's run: everything to memory, then on at a RIP. `entry` = index of a known record in the same page. */
  private leaveTo(from: number, rip: Expr, entry: number | null, state: FlagState): Expr[] {
    const out = [...this.keepFlags(state, false), this.set(this.exitRip, rip)];
    if (entry === null || !this.samePage(from, entry)) out.push(this.set(this.exitHandler, this.i32(0)));
    else {
      out.push(this.set(this.exitRecord, this.blockWord(entry, 0)));
      out.push(this.set(this.exitHandler, this.load32(this.get(this.exitRecord, 'i32'), L.REC_HANDLER)));
    }
    return [...out, this.module.br('out')];
  }

  private samePage(from: number, entry: number): boolean {
    const offset = this.request.external[entry - this.request.blocks.length] as number;
    return Math.floor((this.request.entryInPage + offset) / 4096) === (this.request.blocks[from] as RegionBlock).page;
  }

  /** A word of the region's block table. */
  private blockWord(index: number, word: number): Expr {
    return this.load32(this.module.global.get('base', TYPES.i32), (this.tableIndex + index) * BLOCK_ENTRY_SIZE + word);
  }

  private spill(gprs: ReadonlySet<number>, xmms: ReadonlySet<number>): Expr[] {
    const m = this.module;
    return [
      ...[...gprs].map((n) => this.setState64(L.GPR + n * 8, this.get(this.gprs.get(n) as number, 'i64'))),
      ...[...xmms].map((n) => m.v128.store(L.XMM + n * 16, 1, this.i32(0), this.get(this.xmms.get(n) as number, 'v128'), 'state')),
    ];
  }

  /** RIP at an offset from the region's entry. */
  private ripAt(offset: number): Expr {
    const m = this.module;
    if (offset === 0) return this.get(this.rip0, 'i64');
    const rip = m.i64.add(this.get(this.rip0, 'i64'), this.i64(BigInt(offset)));
    return this.mode === 64 ? rip : m.i64.and(rip, this.i64(0xffffffffn));
  }

  // --- flags -----------------------------------------------------------------------------------
  /** Brings the dynamic flags into the lazy words of machine state. */
  private flushDynamic(): Expr[] {
    const m = this.module;
    const base = m.call('flushFlags', [this.get(this.fk, 'i32'), this.get(this.fa, 'i64'), this.get(this.fb, 'i64'), this.get(this.fr, 'i64')], TYPES.none);
    return [
      this.when(this.get(this.fk, 'i32'), [base]),
      this.when(this.get(this.fo, 'i32'), [m.call('overrideFlags', [this.get(this.fo, 'i32')], TYPES.none)]),
    ];
  }
  private wide(local: number, width: Width): Expr {
    return width === 64 ? this.get(local, 'i64') : this.module.i64.extend_u(this.get(local, 'i32'));
  }
  private flagArguments(p: PendingFlags): [Expr, Expr, Expr, Expr] {
    const b = p.kind === 'result' || p.kind === 'inc' || p.kind === 'dec' ? this.module.i64.extend_u(this.get(p.b, 'i32')) : p.kind === 'logic' ? this.i64(0n) : this.wide(p.b, p.width);
    const a = p.kind === 'result' || p.kind === 'logic' ? this.i64(0n) : this.wide(p.a, p.width);
    return [this.i32(KIND_CODE[p.kind] | (p.width << 8)), a, b, this.wide(p.r, p.width)];
  }
  /** Single flags as a word for `overrideFlags`. */
  private overrideWord(over: ReadonlyMap<Flag, number>): Expr {
    const m = this.module;
    let mask = 0;
    let word: Expr | null = null;
    for (const [flag, local] of over) {
      mask |= FLAG_BIT[flag];
      const bit = m.i32.shl(this.get(local, 'i32'), this.i32(8 + Math.log2(FLAG_BIT[flag])));
      word = word === null ? bit : m.i32.or(word, bit);
    }
    return word === null ? this.i32(0) : m.i32.or(word, this.i32(mask));
  }
  private maskOf(over: ReadonlyMap<Flag, number>): number {
    return [...over.keys()].reduce((mask, flag) => mask | FLAG_BIT[flag], 0);
  }
  /** Puts known flags into the dynamic locals, for code that can be reached from several places; on leaving `fc` is not needed. */
  private keepFlags(state: FlagState, carry = true): Expr[] {
    const { base, over } = state;
    const m = this.module;
    if (base === 'dynamic' && over.size === 0) return [];
    const out: Expr[] = [];
    if (carry && (base !== 'dynamic' || over.has('cf'))) out.push(this.set(this.fc, this.carryOf(state)));
    if (base === 'dynamic') {
      const mask = this.maskOf(over);
      out.push(this.set(this.fo, m.i32.or(m.i32.and(this.get(this.fo, 'i32'), this.i32(~(mask | (mask << 8)))), this.overrideWord(over))));
      return out;
    }
    out.push(this.set(this.fo, this.overrideWord(over)));
    if (base === 'memory') return [...out, this.set(this.fk, this.i32(0))];
    const [k, a, b, r] = this.flagArguments(base);
    return [...out, this.set(this.fa, a), this.set(this.fb, b), this.set(this.fr, r), this.set(this.fk, k)];
  }
  private carryOf(state: FlagState): Expr {
    const over = state.over.get('cf');
    if (over !== undefined) return this.get(over, 'i32');
    if (state.base === 'dynamic') return this.get(this.fc, 'i32');
    return state.base === 'memory' ? this.lazy.read('cf') : new PendingReader(this, state.base).flag('cf');
  }
  /** Makes the lazy words of machine state right. */
  private flushFlags(state: FlagState): Expr[] {
    const { base, over } = state;
    const m = this.module;
    const out: Expr[] = [];
    if (base === 'dynamic') out.push(...this.keepFlags(state), ...this.flushDynamic());
    else {
      if (base !== 'memory') out.push(m.call('flushFlags', this.flagArguments(base), TYPES.none));
      if (over.size > 0) out.push(m.call('overrideFlags', [this.overrideWord(over)], TYPES.none));
    }
    return out;
  }
  /** Before something reads flags from memory. */
  private toMemory(): Expr[] {
    const out = this.flushFlags(this.flags);
    this.flags = MEMORY;
    return out;
  }

  protected readFlag(name: string): Expr {
    const flag = name as Flag;
    const { base, over } = this.flags;
    const local = over.get(flag);
    if (local !== undefined) return this.get(local, 'i32');
    if (flag === 'cf') return this.carryOf(this.flags);
    if (typeof base === 'object') return new PendingReader(this, base).flag(flag);
    return this.fromMemory(() => this.lazy.read(flag));
  }
  protected readCondition(code: number): Expr {
    const { base, over } = this.flags;
    if (over.size === 0 && typeof base === 'object') return new PendingReader(this, base).condition(code);
    if (code >> 1 === 1) {
      const cf = this.carryOf(this.flags);
      return code & 1 ? this.op('i32.eqz', cf) : cf;
    }
    if (typeof base === 'object' || conditionFlags(code).every((f) => over.has(f))) {
      const value = combine(this, code, (f) => this.readFlag(f));
      return code & 1 ? this.op('i32.eqz', value) : value;
    }
    return this.fromMemory(() => this.lazy.condition(code));
  }
  private fromMemory(read: () => Expr): Expr {
    const before = this.toMemory();
    return before.length === 0 ? read() : this.module.block(null, [...before, read()], TYPES.i32);
  }

  /** A local for flags, which outlive their instruction. */
  private flagLocal(type: WasmType): number {
    const local = this.retain(type);
    this.flagLocals.push(local);
    return local;
  }
  /** Locals of flags that were made in this block. */
  private flagLocals: number[] = [];

  /** New flags for old; the locals of old ones made in this block are free when their instruction is done. */
  private replaceFlags(state: FlagState): void {
    this.flags = state;
    if (this.nested > 0) return;
    const now = new Set<number>(typeof state.base === 'object' ? [state.base.a, state.base.b, state.base.r] : []);
    this.outdated.push(...this.flagLocals.filter((l) => !now.has(l)));
    this.flagLocals = this.flagLocals.filter((l) => now.has(l));
  }
  private outdated: number[] = [];
  /** How deep in branches of the instruction's meaning emission stands. */
  private nested = 0;

  private setPending(node: Node): Expr[] {
    const kind = node.flag as PendingFlags['kind'];
    const width = ((node.bytes as number) * 8) as Width;
    const type = width === 64 ? 'i64' : 'i32';
    const out: Expr[] = [];
    const keep = (n: Node): number => {
      const local = this.flagLocal(type);
      out.push(this.set(local, this.value(n)));
      return local;
    };
    let base: PendingFlags;
    if (kind === 'logic') {
      const r = keep(node.args[0] as Node);
      base = { kind, width, a: r, b: r, r };
    } else if (kind === 'inc' || kind === 'dec') {
      const cf = this.flagLocal('i32');
      out.push(this.set(cf, this.carryOf(this.flags)));
      const a = keep(node.args[0] as Node);
      const r = keep(node.args[1] as Node);
      base = { kind, width, a, b: cf, r };
    } else {
      const a = keep(node.args[0] as Node);
      const b = keep(node.args[1] as Node);
      const r = keep(node.args[2] as Node);
      base = { kind, width, a, b, r };
    }
    this.replaceFlags({ base, over: NONE });
    return out;
  }

  private setPendingResult(node: Node): Expr[] {
    const m = this.module;
    const [value, cf, of, af] = node.args as [Node, Node, Node, Node];
    const width = ((node.bytes as number) * 8) as Width;
    const r = this.flagLocal(value.type);
    const b = this.flagLocal('i32');
    const bits = m.i32.or(this.value(cf), m.i32.shl(this.value(of), this.i32(1)));
    const isZero = af.op === 'i32.const' && af.constant === 0;
    const out = [this.set(r, this.value(value)), this.set(b, isZero ? bits : m.i32.or(bits, m.i32.shl(this.value(af), this.i32(2))))];
    this.replaceFlags({ base: { kind: 'result', width, a: r, b, r }, over: NONE });
    return out;
  }

  /** Single flags: the rest stays what it was. */
  private assignPending(node: Node): Expr[] {
    const flags = node.flags as Partial<Record<Flag, Node>>;
    const out: Expr[] = [];
    const over = new Map(this.flags.over);
    for (const flag of Object.keys(flags) as Flag[]) {
      const local = this.flagLocal('i32');
      out.push(this.set(local, this.value(flags[flag] as Node)));
      over.set(flag, local);
    }
    // in the instruction's own nested lists the old flags may still be needed: only a full set replaces them
    this.flags = { base: over.size === 6 ? 'memory' : this.flags.base, over };
    return out;
  }

  // --- operands --------------------------------------------------------------------------------
  protected readRegister(register: RegisterRef, width: Width): Expr {
    const m = this.module;
    const n = register.index as number;
    if (register.file === 'mmx') return width === 64 ? this.state64(L.FPU_ST + n * 16) : this.state32(L.FPU_ST + n * 16);
    if (register.file === 'xmm') {
      const v = this.get(this.xmms.get(n) as number, 'v128');
      if (width === 128) return v;
      if (width === 64) return m.i64x2.extract_lane(v, 0);
      return width === 32 ? m.i32x4.extract_lane(v, 0) : width === 16 ? m.i16x8.extract_lane_u(v, 0) : m.i8x16.extract_lane_u(v, 0);
    }
    const v = this.get(this.gprs.get(n) as number, 'i64');
    if (width === 64) return v;
    const low = m.i32.wrap(v);
    if (width === 32) return low;
    if (width === 16) return m.i32.and(low, this.i32(0xffff));
    return m.i32.and(register.high ? m.i32.shr_u(low, this.i32(8)) : low, this.i32(0xff));
  }

  protected writeRegister(register: RegisterRef, width: Width, value: Expr): Expr {
    const m = this.module;
    const n = register.index as number;
    if (register.file === 'mmx') return width === 64 ? this.setState64(L.FPU_ST + n * 16, value) : this.setState32(L.FPU_ST + n * 16, value);
    if (register.file === 'xmm') {
      const local = this.xmms.get(n) as number;
      if (width === 128) return this.set(local, value);
      const old = this.get(local, 'v128');
      return this.set(local, width === 64 ? m.i64x2.replace_lane(old, 0, value) : width === 32 ? m.i32x4.replace_lane(old, 0, value) : m.i16x8.replace_lane(old, 0, value));
    }
    const local = this.gprs.get(n) as number;
    if (width === 64) return this.set(local, value);
    const wide = m.i64.extend_u(value);
    if (width === 32) return this.set(local, wide);
    const shift = register.high ? 8n : 0n;
    const mask = (width === 16 ? 0xffffn : 0xffn) << shift;
    return this.set(local, m.i64.or(m.i64.and(this.get(local, 'i64'), this.i64(~mask)), shift === 0n ? wide : m.i64.shl(wide, this.i64(shift))));
  }

  protected immediate(_width: Width): Expr {
    throw new Error('translated code knows its immediates');
  }

  protected effectiveAddress(node: Node, delta: Expr | null): Expr {
    const m = this.module;
    const ref = node.memory as MemoryRef;
    const block = this.request.blocks[this.blockIndex] as RegionBlock;
    let sum: Expr | null = null;
    const plus = (x: Expr): void => { sum = sum === null ? x : m.i64.add(sum, x); };
    if (ref.base === 16) plus(this.ripAt(block.offset + this.step.offset + this.step.instruction.length));
    else if (ref.base >= 0) plus(this.get(this.gprs.get(ref.base) as number, 'i64'));
    if (ref.index >= 0) {
      const index = this.get(this.gprs.get(ref.index) as number, 'i64');
      plus(ref.scale === 0 ? index : m.i64.shl(index, this.i64(BigInt(ref.scale))));
    }
    const parts = (ref.base >= 0 ? 1 : 0) + (ref.index >= 0 ? 1 : 0);
    if (ref.disp !== 0n || parts === 0) plus(this.i64(BigInt.asIntN(64, ref.disp)));
    if (delta !== null) plus(delta);
    const total = sum as unknown as Expr;
    if (ref.addressWidth === 64) return total;
    const exact = parts === 0 && delta === null && ref.disp >= 0n;
    const plain = parts === 1 && ref.index < 0 && ref.disp === 0n && delta === null && ref.addressWidth === 32 && this.mode === 32;
    return exact || plain ? total : m.i64.and(total, this.i64(ref.addressWidth === 32 ? 0xffffffffn : 0xffffn));
  }

  protected linearAddress(node: Node, delta: Expr | null): Expr {
    const ref = node.memory as MemoryRef;
    const offset = this.effectiveAddress(node, delta);
    if (ref.segment < 4) return offset;
    if (this.mode === 64) return this.module.i64.add(offset, this.state64(L.SEG + ref.segment * L.SEG_SIZE + L.SEG_BASE));
    return this.segmented(offset, ref.segment, node.bytes ?? 1, node.write === true);
  }

  /** FS and GS outside 64-bit mode: the check inline for ordinary data segments, else in microcode. */
  private segmented(offset: Expr, segment: number, bytes: number, write: boolean): Expr {
    const m = this.module;
    const at = L.SEG + segment * L.SEG_SIZE;
    const local = this.local('i64');
    const last = m.i64.add(this.get(local, 'i64'), this.i64(BigInt(bytes - 1)));
    // present, writable, expand-up data segment
    const ordinary = m.i32.eq(m.i32.and(this.state32(at + L.SEG_ATTR), this.i32(0x19e00)), this.i32(0x9200));
    const inside = m.i64.le_u(last, m.i64.load32_u(at + L.SEG_LIMIT, 1, this.i32(0), 'state'));
    this.called.add('segLinear');
    return m.block(null, [
      this.set(local, offset),
      this.when(m.i32.and(ordinary, inside),
        [this.set(local, m.i64.and(m.i64.add(this.get(local, 'i64'), this.state64(at + L.SEG_BASE)), this.i64(0xffffffffn)))],
        [this.set(local, this.call('segLinear', [this.i32(segment), this.get(local, 'i64'), this.i32(bytes), this.i32(write ? 1 : 0)], 'i64')), this.leaveIfFault()]),
      this.get(local, 'i64'),
    ], TYPES.i64);
  }

  protected special(node: Node): Expr {
    const block = this.request.blocks[this.blockIndex] as RegionBlock;
    const { facts, length } = this.step.instruction;
    switch (node.op) {
      case 'nextRip': return this.ripAt(block.offset + this.step.offset + length);
      case 'thisRip': return this.ripAt(block.offset + this.step.offset);
      case 'relativeTarget': return this.ripAt(block.target as number);
      case 'segmentNumber': return this.i32(facts.segment);
      case 'addressWidth': return this.i32(facts.addressWidth);
      case 'repeat': return this.i32(facts.repeat);
      default: throw new Error(`no meaning for node ${node.op}`);
    }
  }

  // --- leaving in the middle -------------------------------------------------------------------
  /** Leaves to the interpreter at an instruction of this block (default: the one at hand). */
  private sideExit(index = this.stepIndex, state: FlagState = this.flags): Expr[] {
    return [...this.keepFlags(state, false), this.set(this.exitPlace, this.i32((this.blockIndex << 6) | index)), this.module.br('side')];
  }
  private leaveIfFault(): Expr {
    return this.when(this.state32(L.FAULT), this.sideExit());
  }

  // --- effects ---------------------------------------------------------------------------------
  protected effect(node: Node): Expr[] {
    const m = this.module;
    const arg = (i: number): Expr => this.value(node.args[i] as Node);
    switch (node.op) {
      case 'load': return this.emitLoad(node);
      case 'store': return this.emitStore(node);
      case 'storeModified': return this.emitStoreModified(node);
      case 'linear': return this.emitLinear(node);
      case 'setFlags': return this.setPending(node);
      case 'setResultFlags': return this.setPendingResult(node);
      case 'assignFlags': return this.assignPending(node);
      case 'if': return this.emitIf(node);
      case 'faultIf': return [this.when(arg(0), this.sideExit())];
      case 'need': return this.emitNeed(node.name as string);
      case 'call': {
        this.called.add(node.name as string);
        const call = this.call(node.name as string, node.args.map((_, i) => arg(i)), node.type);
        return [node.type === 'none' ? call : node.uses > 0 ? this.keep(node, call) : m.drop(call)];
      }
      case 'checkTarget': {
        if (this.mode === 32) return [];
        const target = this.local('i64');
        const extended = m.i64.shr_s(m.i64.shl(this.tee(target, arg(0), 'i64'), this.i64(16n)), this.i64(16n));
        return [this.when(m.i64.ne(extended, this.get(target, 'i64')), this.sideExit())];
      }
      case 'branchRelative': {
        if (node.args.length === 0) {
          this.terminator = { kind: 'branch', condition: null };
          return [];
        }
        const { condition } = this;
        this.terminator = { kind: 'branch', condition };
        return [this.set(condition, arg(0))];
      }
      case 'jump': {
        const { target } = this;
        this.terminator = { kind: 'indirect', target };
        return [this.set(target, arg(0))];
      }
      default: throw new Error(`no effect for node ${node.op}`);
    }
  }

  private emitIf(node: Node): Expr[] {
    if (!touchesFlags(node)) {
      // what happens to flags in memory in one branch must have happened in the other: settle them first
      const settle = this.flags.base === 'dynamic' && readsFlags(node) ? this.toMemory() : [];
      const condition = this.value(node.args[0] as Node);
      return [...settle, this.when(condition, this.list(node.then as Node[]), node.otherwise ? this.list(node.otherwise) : undefined)];
    }
    const kept = this.local('i32');
    const out = [this.set(kept, this.value(node.args[0] as Node))];
    const before = this.flags;
    this.nested++;
    const then = this.list(node.then as Node[]);
    then.push(...this.keepFlags(this.flags));
    this.flags = before;
    const otherwise = node.otherwise ? this.list(node.otherwise) : [];
    otherwise.push(...this.keepFlags(this.flags));
    this.nested--;
    this.flags = DYNAMIC;
    out.push(this.when(this.get(kept, 'i32'), then, otherwise));
    return out;
  }

  private emitNeed(unit: string): Expr[] {
    const out: Expr[] = [];
    const blocked = unit === 'sse' ? 'sse' : 'fpu';
    if (!this.checkedUnits.has(blocked)) {
      this.checkedUnits.add(blocked);
      out.push(this.when(this.state32(unit === 'sse' ? L.SSE_BLOCKED : L.FPU_BLOCKED), this.sideExit()));
    }
    if (unit === 'fpu' || unit === 'mmx') out.push(this.when(this.op('i32.and', this.state32(L.FPU_SW), this.i32(0x80)), this.sideExit()));
    return out;
  }

  private emitLinear(node: Node): Expr[] {
    const offset = this.value(node.args[0] as Node);
    const result = this.resultLocal(node);
    const segment = (node.lane as number) < 0 ? this.step.instruction.facts.segment : (node.lane as number);
    if (segment < 4) return [this.set(result, offset)];
    if (this.mode === 64) return [this.set(result, this.module.i64.add(offset, this.state64(L.SEG + segment * L.SEG_SIZE + L.SEG_BASE)))];
    return [this.set(result, this.segmented(offset, segment, node.bytes as number, node.constant === 1))];
  }

  // --- memory ----------------------------------------------------------------------------------
  /** The page cache for an address: by base register, or one for all others. */
  private cacheFor(address: Node, write: boolean): PageCache {
    const ref = address.memory as MemoryRef | undefined;
    const base = address.op === 'linear' ? 'stack' : ref && ref.base === 4 ? 'stack' : ref && ref.base >= 0 ? `r${ref.base}.${ref.segment >= 4 ? ref.segment : ''}` : 'other';
    const key = `${base}${write ? 'w' : 'r'}`;
    let cache = this.caches.get(key);
    if (cache === undefined) {
      cache = { tag: this.permanent('i64'), addend: this.permanent('i32') };
      this.caches.set(key, cache);
    }
    return cache;
  }

  /**
   * Finds the RAM pointer for an access: page cache, then TLB; `slow` runs when both miss and must leave the block.
   * After the statements the cache holds the page.
   */
  private reach(address: number, cache: PageCache, miss: 'missRead' | 'missWrite', bytes: number, slow: Expr[]): Expr[] {
    const m = this.module;
    const page = this.local('i64');
    const found = this.local('i64');
    const last = bytes === 1 ? this.get(address, 'i64') : m.i64.add(this.get(address, 'i64'), this.i64(BigInt(bytes - 1)));
    return [
      this.when(m.i64.ne(this.tee(page, m.i64.and(last, this.i64(-4096n)), 'i64'), this.get(cache.tag, 'i64')), [
        this.when(m.i64.lt_s(this.tee(found, m.call(miss, [this.get(address, 'i64'), this.get(page, 'i64')], TYPES.i64), 'i64'), this.i64(0n)), slow),
        this.set(cache.tag, this.get(page, 'i64')),
        this.set(cache.addend, m.i32.wrap(this.get(found, 'i64'))),
      ]),
    ];
  }
  private pointer(address: number, cache: PageCache): Expr {
    return this.module.i32.add(this.module.i32.wrap(this.get(address, 'i64')), this.get(cache.addend, 'i32'));
  }

  private labels = 0;

  private emitLoad(node: Node): Expr[] {
    const m = this.module;
    const width = node.width as Width;
    const bytes = node.bytes as number;
    const addressNode = node.args[0] as Node;
    const address = this.local('i64');
    const result = this.resultLocal(node);
    const label = `m${this.labels++}_${this.blockIndex}`;
    const stack = this.isStack(addressNode) ? 0x100 : 0;
    const a = (): Expr => this.get(address, 'i64');
    const slow: Expr[] = [];
    if (width === 128) {
      this.called.add('slowRead128');
      slow.push(this.call('slowRead128', [a(), this.i32(stack)], 'none'), this.leaveIfFault(), this.set(result, m.v128.load(L.MEM_SCRATCH, 1, this.i32(0), 'state')));
    } else {
      const name = node.modify ? 'slowReadForWrite' : 'slowRead';
      this.called.add(name);
      slow.push(this.set(result, this.narrow(this.call(name, [a(), this.i32(bytes | stack)], 'i64'), width)), this.leaveIfFault());
    }
    const cache = this.cacheFor(addressNode, node.modify === true);
    const out = [this.set(address, this.value(addressNode))];
    if (!node.modify) {
      out.push(m.block(label, [...this.reach(address, cache, 'missRead', bytes, [...slow, m.br(label)]), this.set(result, this.ramLoad(width, this.pointer(address, cache)))]));
      return out;
    }
    const place = this.local('i32');
    this.places.set(node, { place, address, stack });
    out.push(m.block(label, [
      ...this.reach(address, cache, 'missWrite', bytes, [...slow, this.set(place, this.i32(-1)), m.br(label)]),
      this.set(place, this.pointer(address, cache)),
      this.set(result, this.ramLoad(width, this.get(place, 'i32'))),
    ]));
    return out;
  }
  private readonly places = new Map<Node, { place: number; address: number; stack: number }>();

  private isStack(address: Node): boolean {
    return address.op === 'linear' ? address.lane === 2 : (address.memory as MemoryRef | undefined)?.segment === 2;
  }

  /** After a slow store: a store into decoded code leaves before the next instruction. */
  private afterSlowStore(undo: Expr[]): Expr[] {
    const faulted = undo.length > 0 ? this.when(this.state32(L.FAULT), [...undo, ...this.sideExit()]) : this.leaveIfFault();
    return [faulted];
  }

  private emitStoreModified(node: Node): Expr[] {
    const m = this.module;
    const { place, address, stack } = this.places.get(node.args[0] as Node) as { place: number; address: number; stack: number };
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const kept = this.local(v.type);
    this.called.add('slowWrite');
    const slow = [
      this.call('slowWrite', [this.get(address, 'i64'), this.i32((width / 8) | stack), this.widen(this.get(kept, v.type), width)], 'none'),
      ...this.afterSlowStore([]), this.markStored(),
    ];
    return [this.set(kept, this.value(v)), this.when(m.i32.ne(this.get(place, 'i32'), this.i32(-1)), [this.ramStore(width, this.get(place, 'i32'), this.get(kept, v.type))], slow)];
  }

  private emitStore(node: Node): Expr[] {
    const m = this.module;
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const bytes = width / 8;
    const addressNode = node.args[0] as Node;
    const address = this.local('i64');
    const kept = this.local(v.type);
    const label = `m${this.labels++}_${this.blockIndex}`;
    const stack = this.isStack(addressNode) ? 0x100 : 0;
    const out = [this.set(kept, this.value(v)), this.set(address, this.value(addressNode))];
    const a = (): Expr => this.get(address, 'i64');
    const undo = node.then ? this.list(node.then) : [];
    const slow: Expr[] = [];
    if (width === 128) {
      this.called.add('slowWrite128');
      slow.push(m.v128.store(L.MEM_SCRATCH, 1, this.i32(0), this.get(kept, 'v128'), 'state'), this.call('slowWrite128', [a(), this.i32(stack)], 'none'));
    } else {
      this.called.add('slowWrite');
      slow.push(this.call('slowWrite', [a(), this.i32(bytes | stack), this.widen(this.get(kept, v.type), width)], 'none'));
    }
    if (this.endsInCall()) {
      // a call whose push is not plain: the interpreter does it, so that a push into code is exact
      slow.length = 0;
      slow.push(...this.sideExit());
    } else slow.push(...this.afterSlowStore(undo), this.markStored(), m.br(label));
    const cache = this.cacheFor(addressNode, true);
    out.push(m.block(label, [...this.reach(address, cache, 'missWrite', bytes, slow), this.ramStore(width, this.pointer(address, cache), this.get(kept, v.type))]));
    return out;
  }

  private endsInCall(): boolean {
    const { ending } = this.request.blocks[this.blockIndex] as RegionBlock;
    return (ending === 'call' || ending === 'indirect-call') && this.stepIndex === (this.steps[this.blockIndex] as Step[]).length - 1;
  }

  /** Remembers that a slow store happened in this instruction: code may have changed. */
  private markStored(): Expr {
    this.storedSlow ??= this.permanent('i32');
    this.pendingStoreCheck = true;
    return this.set(this.storedSlow, this.i32(1));
  }
  private storedSlow: number | null = null;
  private pendingStoreCheck = false;

  /** The last instruction of the block stores: what follows may have changed. */
  private storedLast = false;

  override lower(program: readonly Node[]): Expr[] {
    this.pendingStoreCheck = false;
    this.storedLast = false;
    if (program.some((n) => n.op === 'system')) {
      this.terminator = { kind: 'left' };
      return this.sideExit();
    }
    markWrites(program);
    const out = super.lower(program);
    this.release(this.outdated);
    this.outdated = [];
    if (!this.pendingStoreCheck || this.storedSlow === null) return out;
    // only after a slow store is it worth looking whether code was overwritten, or a device ended the slice
    const stored = this.storedSlow;
    const last = this.stepIndex === (this.steps[this.blockIndex] as Step[]).length - 1;
    if (last) {
      this.storedLast = true;
      return out;
    }
    out.push(this.when(this.get(stored, 'i32'), [
      this.set(stored, this.i32(0)),
      this.when(this.op('i32.or', this.state32(L.CODE_CHANGED), this.op('i32.le_s', this.state32(L.BUDGET), this.i32(0))),
        [this.setState32(L.CODE_CHANGED, this.i32(0)), ...this.sideExit(this.stepIndex + 1)]),
    ]));
    return out;
  }
}

const anyNode = (nodes: readonly Node[], test: (n: Node) => boolean): boolean =>
  nodes.some((n) => test(n) || anyNode(n.then ?? [], test) || anyNode(n.otherwise ?? [], test));

/** True when a branch sets flags. */
function touchesFlags(node: Node): boolean {
  const sets = (n: Node): boolean => n.op === 'setFlags' || n.op === 'assignFlags' || n.op === 'setResultFlags';
  return anyNode([...(node.then ?? []), ...(node.otherwise ?? [])], sets);
}

/** True when a branch may read flags, by itself or through a value made before it. */
function readsFlags(node: Node): boolean {
  const reads = (n: Node): boolean => n.op === 'flag' || n.op === 'condition' || n.args.some(reads);
  return anyNode([...(node.then ?? []), ...(node.otherwise ?? [])], reads);
}

/** The flags a condition looks at. */
function conditionFlags(code: number): readonly Flag[] {
  return ([['of'], ['cf'], ['zf'], ['cf', 'zf'], ['sf'], ['pf'], ['sf', 'of'], ['zf', 'sf', 'of']] as const)[code >> 1] as readonly Flag[];
}

/** A condition (without its low bit) from single flags. */
function combine(e: Emitter, code: number, flag: (f: Flag) => Expr): Expr {
  switch (code >> 1) {
    case 0: return flag('of');
    case 1: return flag('cf');
    case 2: return flag('zf');
    case 3: return e.op('i32.or', flag('cf'), flag('zf'));
    case 4: return flag('sf');
    case 5: return flag('pf');
    case 6: return e.op('i32.xor', flag('sf'), flag('of'));
    default: return e.op('i32.or', flag('zf'), e.op('i32.xor', flag('sf'), flag('of')));
  }
}

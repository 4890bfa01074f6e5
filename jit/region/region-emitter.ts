import { type Expr, TYPES } from '../emit/wasm-types.ts';
import * as L from '../state/vcpu-layout.ts';
import { DYNAMIC, type FlagState, MEMORY } from './flag-state.ts';
import type { Step } from './region-base.ts';
import type { RegisterUse } from './register-flow.ts';
import { RegionEffects, type Terminator } from './region-effects.ts';
import type { Way } from './region-pages.ts';
import { BLOCK_ENTRY_SIZE, indirectSlots, type RegionBlock } from './region.ts';

/** The parameter: the record of the entry's block. */
const RECORD = 0;

/** Emits one region as a function: registers in locals, flags only where they are read, one check per page reached. */
export class RegionEmitter extends RegionEffects {
  private readonly startedFlags = new Map<number, FlagState>();
  /** Page caches at the start of blocks that only one other leads to, and at the end of each. */
  private readonly startedWays = new Map<number, Way>();
  private readonly endedWays = new Map<number, Way>();
  /** Something goes back to the switch at the root. */
  private returnsToRoot = false;

  /** Emits the function under a name. */
  emit(name: string): void {
    const m = this.module;
    const prologue: Expr[] = [this.set(this.ticks, this.tee(this.granted, this.state32(L.BUDGET), 'i32')), this.seldom(this.isSpent(), [m.return()])];
    const body = this.emitRoot();
    // $lost: to the block of exitPlace, wherever it is now; $side: to the instruction of exitPlace; $out: to exitRip
    const lost = this.withSpills([m.block('lost', [...body, m.unreachable()]), ...this.lostExit(), m.br('out')]);
    const inner = m.block('out', [m.block('side', lost), ...this.placeExit()]);
    const leave: Expr[] = [
      this.setState64(L.RIP, this.get(this.exitRip, 'i64')),
      // a device may have ended the slice meanwhile: take off what ran here, whatever is left there
      this.setState32(L.BUDGET, m.i32.add(this.state32(L.BUDGET), m.i32.sub(this.get(this.ticks, 'i32'), this.get(this.granted, 'i32')))),
      this.when(m.i32.eqz(this.get(this.exitHandler, 'i32')), [m.return_call('dispatch', [this.i32(0)], TYPES.none)]),
      this.when(m.i32.lt_s(this.get(this.exitHandler, 'i32'), this.i32(0)), [m.return()]),
      m.return_call_indirect('table', this.get(this.exitHandler, 'i32'), [this.get(this.exitRecord, 'i32')], TYPES.i32, TYPES.none),
    ];
    this.called.add('dispatch');
    // what the body has turned out to need
    prologue.push(...this.loadSegments());
    if (this.usesCarry) prologue.push(this.set(this.fc, this.lazy.read('cf')));
    m.addFunction(
      name,
      TYPES.i32,
      TYPES.none,
      this.locals.map((t) => TYPES[t]),
      m.block(null, [...prologue, inner, ...leave]),
    );
  }

  /** Comes in at an entry: the region's first RIP from the entry's, and the registers that its block wants. */
  private enter(block: number): Expr[] {
    const m = this.module;
    const { offset } = this.request.blocks[block] as RegionBlock;
    const first = offset === 0 ? this.state64(L.RIP) : m.i64.sub(this.state64(L.RIP), this.i64(BigInt(offset)));
    this.blockIndex = block;
    this.dirtyNow = 0;
    return [
      this.set(this.rip0, this.mode === 64 || !this.flat || offset === 0 ? first : m.i64.and(first, this.i64(0xffffffffn))),
      ...(this.flat ? [] : [this.seldom(this.isOutside(), this.sideExit(0, MEMORY))]),
      // units are blocked and unblocked by system routines only, which no region runs
      ...[...this.blocked].map((word) => this.seldom(this.state32(word), this.sideExit(0, MEMORY))),
      ...this.fill(this.flow.here[block] as number),
    ];
  }

  private emitRoot(): Expr[] {
    const m = this.module;
    const { entries } = this;
    const { roots, order, children } = this.structure;
    if (roots.length === 1) {
      this.startFlags(0, MEMORY);
      return [...this.enter(0), ...this.tree(0)];
    }
    const ys = [...(children[this.request.blocks.length] as number[])].sort((a, b) => (order[a] as number) - (order[b] as number));
    const trees = ys.map((y) => this.tree(y));
    // a switch to the entries from outside, and in a loop around it to the targets of edges that no structured loop can express
    const targets = [...entries.map((e) => `e${e}`), ...(this.returnsToRoot ? roots.map((r) => `b${r}`) : [])];
    let inside: Expr[] = [m.switch(targets, `e${entries[0]}`, this.get(this.next, 'i32'))];
    for (const e of entries) inside = [m.block(`e${e}`, inside), ...this.enter(e), m.br(`b${e}`)];
    for (const [i, y] of ys.entries()) inside = [m.block(`b${y}`, inside), ...(trees[i] as Expr[])];
    const next = this.set(this.next, this.load32(this.get(RECORD, 'i32'), L.REC_ENTRY));
    // where it is not needed, the loop would have every register pass through the stack at every visit
    return [next, this.returnsToRoot ? m.loop('root', m.block(null, inside)) : m.block(null, inside)];
  }

  /** Blocks that the switch at the root leads to when nothing comes in, behind the entries. */
  get roots(): readonly number[] {
    return [...this.entries, ...this.structure.roots];
  }

  /** Number of a root in the switch. */
  private rootNumber(block: number): number {
    return this.entries.length + this.structure.roots.indexOf(block);
  }

  /** Code of a block and everything it dominates. */
  private tree(x: number): Expr[] {
    return this.structure.loops.has(x) && !this.inLoops ? this.withLoopCaches(() => this.treeCode(x)) : this.treeCode(x);
  }

  private treeCode(x: number): Expr[] {
    const m = this.module;
    const merges = (this.structure.children[x] as number[])
      .filter((y) => this.structure.merges.has(y))
      .sort((a, b) => (this.structure.order[a] as number) - (this.structure.order[b] as number));
    if (!this.startedFlags.has(x)) this.startFlags(x, DYNAMIC);
    let inside = this.blockCode(x);
    for (const y of merges) inside = [m.block(`b${y}`, inside), ...this.tree(y)];
    return this.structure.loops.has(x) ? [m.loop(`l${x}`, m.block(null, inside))] : inside;
  }

  private startFlags(block: number, state: FlagState): void {
    this.startedFlags.set(block, this.structure.loops.has(block) || this.structure.merges.has(block) ? DYNAMIC : state);
  }

  private blockCode(x: number): Expr[] {
    this.flags = this.startedFlags.get(x) as FlagState;
    this.startWay(this.startedWays.get(x));
    this.flagLocals = [];
    const out: Expr[] = [];
    this.terminator = { kind: 'fall' };
    const steps = this.steps[x] as Step[];
    out.push(...this.fill((this.uses[x] as RegisterUse).reads & ~(this.flow.here[x] as number)));
    this.dirtyNow = this.flow.dirty[x] as number;
    for (const [i, step] of steps.entries()) {
      this.blockIndex = x;
      this.step = step;
      this.stepIndex = i;
      out.push(...this.lower(step.program));
    }
    this.blockIndex = x;
    if ((this.terminator as Terminator).kind === 'left') this.forgetX87();
    out.push(...this.closeX87());
    // blocks that follow here alone may still want them: they are emitted with the ending
    const kept = [...this.flagLocals, ...this.ownWayLocals];
    this.endedWays.set(x, this.way);
    out.push(...this.endingCode(x, steps.length));
    this.release(kept);
    return out;
  }

  /** How a block goes on, with the code of blocks that only it leads to. */
  private endingCode(x: number, steps: number): Expr[] {
    const m = this.module;
    const block = this.request.blocks[x] as RegionBlock;
    const out: Expr[] = [];
    const terminator = this.terminator as Terminator;
    if (terminator.kind === 'left') return out;
    // bytes that are no instruction end the block: the interpreter raises their fault
    if (terminator.kind === 'fall' && block.ending === 'system') return this.sideExit(steps);
    if (terminator.kind === 'routine') return this.go(x, block.end, this.flags);
    const count = (): Expr => this.set(this.ticks, this.op('i32.sub', this.get(this.ticks, 'i32'), this.i32(block.instructions)));
    const state = this.flags;
    const { order } = this.structure;
    if (terminator.kind === 'branch' && terminator.condition !== null && block.target !== block.end) {
      const refused = !this.flat && !this.knowsTarget(x);
      // at a back edge the count is tested at once: one host instruction less
      const late = refused || this.successors[x]?.some((to) => (order[to] as number) <= (order[x] as number));
      if (!late) out.push(count());
      const counted = (way: Expr[]): Expr[] => (late ? [count(), ...way] : way);
      const taken = refused ? this.sideExit(steps - 1, state) : counted(this.go(x, block.target as number, state));
      out.push(this.when(this.get(terminator.condition, 'i32'), taken));
      out.push(...counted(this.go(x, block.end, state)));
      return out;
    }
    out.push(count());
    if (terminator.kind === 'indirect') {
      for (const offset of this.guesses(x)) {
        const to = this.byOffset.get(offset) as number;
        out.push(this.when(this.op('i64.eq', this.get(terminator.target, 'i64'), this.ripAt(offset)), this.edge(x, to, state)));
      }
      if (this.usesTable(x)) out.push(...this.switchTo(x, terminator.target, state));
      if (block.ending === 'indirect' && this.mode === 64) out.push(this.refuseTarget(terminator.target, block, steps, state));
      if (block.ending !== 'return' && this.flat) out.push(m.call('missedJump', [this.blockWord(x, 0), this.get(terminator.target, 'i64')], TYPES.none));
      out.push(...this.leaveTo(x, this.get(terminator.target, 'i64'), null, state));
      return out;
    }
    const next = terminator.kind === 'branch' ? (block.target as number) : block.end;
    out.push(...this.go(x, next, state));
    return out;
  }

  /** Leaves to the interpreter at a jump whose target is not canonical, with its block not counted. */
  private refuseTarget(target: number, { instructions }: RegionBlock, steps: number, state: FlagState): Expr {
    return this.seldom(this.notCanonical(target, this.get(target, 'i64')), [
      this.set(this.ticks, this.op('i32.add', this.get(this.ticks, 'i32'), this.i32(instructions))),
      ...this.sideExit(steps - 1, state),
    ]);
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
    const wanted = indirect.reduce((set, i) => set | (this.flow.here[i] as number), 0);
    const fills = this.fill(wanted & ~(this.flow.after[from] as number));
    const hash = m.i32.and(m.i32.shr_s(m.i32.wrap(this.get(distance, 'i64')), this.i32(indirectShift)), this.i32(slots - 1));
    const at = (this.tableIndex + blocks.length + external.length) * BLOCK_ENTRY_SIZE;
    return [
      this.set(distance, m.i64.sub(this.get(target, 'i64'), this.get(this.rip0, 'i64'))),
      this.set(slot, m.i32.add(m.global.get('base', TYPES.i32), m.i32.shl(hash, this.i32(3)))),
      this.when(m.i64.eq(m.i64.load32_s(at, 1, this.get(slot, 'i32'), 'state'), this.get(distance, 'i64')), [
        ...this.keepFlags(
          state,
          indirect.some((i) => this.readsCarry[i] as boolean),
        ),
        this.when(m.i32.eqz(this.isSpent()), [...fills, this.set(this.next, this.load32(this.get(slot, 'i32'), at + 4)), this.toRoot()]),
      ]),
    ];
  }

  private toRoot(): Expr {
    this.returnsToRoot = true;
    return this.module.br('root');
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
    const fills = this.fill((this.flow.here[to] as number) & ~(this.flow.after[from] as number));
    const inherits = s.merges.has(to) || s.loops.has(to) || s.isDispatched(from, to);
    const keep = inherits && this.readsFlags[to] ? this.keepFlags(state, this.readsCarry[to] as boolean) : [];
    if (s.isDispatched(from, to)) {
      return [...out, ...fills, ...this.tick(to, state), ...keep, this.set(this.next, this.i32(this.rootNumber(to))), this.toRoot()];
    }
    if (s.isBackEdge(from, to)) return [...out, ...fills, ...this.tick(to, state), ...keep, m.br(`l${to}`)];
    if (s.merges.has(to)) return [...out, ...fills, ...keep, m.br(`b${to}`)];
    out.push(...fills);
    // the only way in: the block follows right here and knows its flags
    if (s.loops.has(to)) out.push(...keep);
    this.startFlags(to, state);
    if (!s.loops.has(to)) this.startedWays.set(to, this.endedWays.get(from) as Way);
    return [...out, ...this.tree(to)];
  }
}

import type { Expr } from '../emit/wasm-types.ts';
import { markWrites } from '../ir/mark-writes.ts';
import type { Node } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { DYNAMIC, readsFlags, touchesFlags } from './flag-state.ts';
import type { RegionBlock } from './region.ts';
import { RegionMemory } from './region-memory.ts';

/** How a block leaves, after its instructions were lowered. */
export type Terminator =
  | { readonly kind: 'fall' }
  | { readonly kind: 'branch'; readonly condition: number | null }
  | { readonly kind: 'indirect'; readonly target: number }
  /** Behind a system routine: everything is in machine state, and counted. */
  | { readonly kind: 'routine' }
  | { readonly kind: 'left' };

/** What the engine is told of a condition. */
const HINTS: ReadonlyMap<string, 'likely' | 'unlikely'> = new Map([
  ['often', 'likely'],
  ['seldom', 'unlikely'],
]);

/** Effects of a region's instructions, and how the block at hand will end. */
export abstract class RegionEffects extends RegionMemory {
  protected terminator: Terminator = { kind: 'fall' };

  override lower(program: readonly Node[]): Expr[] {
    const { ending } = this.request.blocks[this.blockIndex] as RegionBlock;
    if (program.some((n) => (n.op === 'system' && ending !== 'routine') || (n.op === 'branchRelative' && this.isLeft(program)))) {
      this.terminator = { kind: 'left' };
      return this.sideExit();
    }
    markWrites(program);
    const out = [...this.beforeX87(program), ...super.lower(program)];
    this.release(this.outdated);
    this.outdated = [];
    return out;
  }

  /**
   * True when the interpreter takes the relative branch of a program. Segments have limits: a target that is not known to be
   * within them is left to it as well, at once, unless the branch does nothing else and may fall through.
   */
  private isLeft(program: readonly Node[]): boolean {
    const { ending } = this.request.blocks[this.blockIndex] as RegionBlock;
    if (ending === 'left') return true;
    if (this.flat || this.knowsTarget(this.blockIndex)) return false;
    return ending !== 'branch' || program.some((n) => n.op === 'writeRegister');
  }

  protected effect(node: Node): Expr[] {
    const m = this.module;
    const arg = (i: number): Expr => this.value(node.args[i] as Node);
    switch (node.op) {
      case 'load':
        return this.emitLoad(node);
      case 'store':
        return this.emitStore(node);
      case 'storeModified':
        return this.emitStoreModified(node);
      case 'linear':
        return this.emitLinear(node);
      case 'setFlags':
        return this.setPending(node);
      case 'setResultFlags':
        return this.setPendingResult(node);
      case 'assignFlags':
        return this.assignPending(node);
      case 'if':
        return this.emitIf(node);
      case 'faultIf':
        return [this.seldom(arg(0), this.sideExit())];
      case 'fence':
        return [m.fence()];
      case 'system':
        return this.emitRoutine(node);
      case 'need':
        return this.emitNeed(node.name as string);
      case 'call': {
        const acted = this.actX87(node);
        if (acted !== null) return acted;
        this.called.add(node.name as string);
        const call = this.call(
          node.name as string,
          node.args.map((_, i) => arg(i)),
          node.type,
        );
        return [node.type === 'none' ? call : node.uses > 0 ? this.keep(node, call) : m.drop(call)];
      }
      case 'checkTarget': {
        const relative = node.args[0]?.op === 'relativeTarget';
        if (node.args.length > 1) return []; // of a branch that is taken here only when its target is known to be good
        if (!this.flat) return relative ? [] : this.checkLimit(arg(0));
        if (this.mode !== 64) return [];
        const target = this.local('i64');
        return [this.seldom(this.notCanonical(target, arg(0)), this.sideExit())];
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
        // in 64-bit code that is checked where it leaves the region
        const check = this.flat || node.name !== 'jump' ? [] : this.checkLimit(this.get(target, 'i64'));
        return [this.set(target, arg(0)), ...check];
      }
      default:
        throw new Error(`no effect for node ${node.op}`);
    }
  }

  protected emitIf(node: Node): Expr[] {
    const m = this.module;
    if (!touchesFlags(node)) {
      // what happens to flags in memory in one branch must have happened in the other: settle them first
      const settle = this.flags.base === 'dynamic' && readsFlags(node) ? this.toMemory() : [];
      const condition = this.value(node.args[0] as Node);
      const then = this.aside(node.then);
      const other = this.aside(node.otherwise);
      return [...settle, m.if(condition, this.block(then), other.length > 0 ? this.block(other) : undefined, HINTS.get(node.name as string))];
    }
    const kept = this.local('i32');
    const out = [this.set(kept, this.value(node.args[0] as Node))];
    const before = this.flags;
    this.nested++;
    const then = this.aside(node.then);
    then.push(...this.keepFlags(this.flags));
    this.flags = before;
    const otherwise = this.aside(node.otherwise);
    otherwise.push(...this.keepFlags(this.flags));
    this.nested--;
    this.flags = DYNAMIC;
    out.push(this.when(this.get(kept, 'i32'), then, otherwise));
    return out;
  }

  /**
   * Calls a system routine, with everything in machine state as when the interpreter does. Goes on behind it unless it broke
   * off, used the slice up or wrote to code: this region's may be among it.
   */
  private emitRoutine(node: Node): Expr[] {
    const m = this.module;
    const name = node.name as string;
    this.called.add(name);
    const block = this.request.blocks[this.blockIndex] as RegionBlock;
    const args = node.args.map((arg) => ({ local: this.local(arg.type), type: arg.type, value: this.value(arg) }));
    const end = this.local('i64');
    const changes = this.local('i32');
    const isAway = m.i64.ne(this.state64(L.RIP), this.get(end, 'i64'));
    const isCodeWritten = m.i32.ne(this.state32(L.CODE_CHANGES), this.get(changes, 'i32'));
    const out = [
      ...args.map(({ local, value }) => this.set(local, value)),
      ...this.closeX87(),
      ...this.toMemory(),
      ...this.spill(this.dirtyNow),
      this.set(end, this.ripAt(block.end)),
      this.setState64(L.RIP, this.ripAt(block.offset + this.step.offset)),
      this.setState64(L.NEXT_RIP, this.get(end, 'i64')),
      this.setState32(L.CUR_REC, m.i32.add(this.blockWord(this.blockIndex, 0), this.i32(this.stepIndex * L.REC_SIZE))),
      this.set(this.ticks, m.i32.sub(this.get(this.ticks, 'i32'), this.i32(block.instructions))),
      this.setState32(L.BUDGET, m.i32.add(this.state32(L.BUDGET), m.i32.sub(this.get(this.ticks, 'i32'), this.get(this.granted, 'i32')))),
      this.set(changes, this.state32(L.CODE_CHANGES)),
      this.call(
        name,
        args.map(({ local, type }) => this.get(local, type)),
        'none',
      ),
      this.set(this.granted, this.tee(this.ticks, this.state32(L.BUDGET), 'i32')),
      this.seldom(m.i32.or(m.i32.or(this.isSpent(), isAway), isCodeWritten), [
        this.set(this.exitRip, this.state64(L.RIP)),
        this.set(this.exitHandler, m.i32.sub(this.i32(0), this.isSpent())),
        m.br('out'),
      ]),
    ];
    this.dirtyNow = 0;
    this.forgetWay();
    this.terminator = { kind: 'routine' };
    return out;
  }

  /** Whether a unit is blocked is looked at where control comes in; a pending x87 exception may come up at any time. */
  private emitNeed(unit: string): Expr[] {
    return unit === 'fpu' || unit === 'mmx' ? this.needX87() : [];
  }

  protected emitLinear(node: Node): Expr[] {
    const offset = this.value(node.args[0] as Node);
    const result = this.resultLocal(node);
    const segment = (node.lane as number) < 0 ? this.step.instruction.facts.segment : (node.lane as number);
    return [this.set(result, this.inSegment(offset, segment, node.bytes as number, node.constant === 1))];
  }
}

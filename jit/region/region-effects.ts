import type { Expr } from '../emit/wasm-types.ts';
import { markWrites } from '../ir/mark-writes.ts';
import type { Node } from '../ir/node.ts';
import { DYNAMIC, readsFlags, touchesFlags } from './flag-state.ts';
import type { RegionBlock } from './region.ts';
import { RegionMemory } from './region-memory.ts';

/** How a block leaves, after its instructions were lowered. */
export type Terminator =
  | { readonly kind: 'fall' }
  | { readonly kind: 'branch'; readonly condition: number | null }
  | { readonly kind: 'indirect'; readonly target: number }
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
    if (program.some((n) => n.op === 'system' || (n.op === 'branchRelative' && this.isLeft(program)))) {
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

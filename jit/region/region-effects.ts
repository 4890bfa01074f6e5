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
  | { readonly kind: 'left' };

/** Effects of a region's instructions, and how the block at hand will end. */
export abstract class RegionEffects extends RegionMemory {
  protected terminator: Terminator = { kind: 'fall' };

  override lower(program: readonly Node[]): Expr[] {
    // a relative branch in a block that ends as a system routine does cuts its target: the interpreter takes it
    const { ending } = this.request.blocks[this.blockIndex] as RegionBlock;
    if (program.some((n) => n.op === 'system' || (n.op === 'branchRelative' && ending === 'system'))) {
      this.terminator = { kind: 'left' };
      return this.sideExit();
    }
    markWrites(program);
    const out = super.lower(program);
    this.release(this.outdated);
    this.outdated = [];
    return out;
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
        this.called.add(node.name as string);
        const call = this.call(
          node.name as string,
          node.args.map((_, i) => arg(i)),
          node.type,
        );
        return [node.type === 'none' ? call : node.uses > 0 ? this.keep(node, call) : m.drop(call)];
      }
      case 'checkTarget': {
        if (this.mode === 32) return [];
        const target = this.local('i64');
        const extended = m.i64.shr_s(m.i64.shl(this.tee(target, arg(0), 'i64'), this.i64(16n)), this.i64(16n));
        return [this.seldom(m.i64.ne(extended, this.get(target, 'i64')), this.sideExit())];
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
      default:
        throw new Error(`no effect for node ${node.op}`);
    }
  }

  protected emitIf(node: Node): Expr[] {
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

  /** Whether a unit is blocked is looked at where control comes in; a pending x87 exception may come up at any time. */
  private emitNeed(unit: string): Expr[] {
    return unit === 'fpu' || unit === 'mmx' ? [this.seldom(this.op('i32.and', this.state32(L.FPU_SW), this.i32(0x80)), this.sideExit())] : [];
  }

  protected emitLinear(node: Node): Expr[] {
    const offset = this.value(node.args[0] as Node);
    const result = this.resultLocal(node);
    const segment = (node.lane as number) < 0 ? this.step.instruction.facts.segment : (node.lane as number);
    if (segment < 4) return [this.set(result, offset)];
    if (this.mode === 64) return [this.set(result, this.module.i64.add(offset, this.state64(L.SEG + segment * L.SEG_SIZE + L.SEG_BASE)))];
    return [this.set(result, this.segmented(offset, segment, node.bytes as number, node.constant === 1))];
  }
}

import { type Expr, TYPES } from '../emit/binaryen.ts';
import type { Node } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { HandlerMemory } from './handler-memory.ts';

/** Emits interpreter handlers: operands come from the predecoded record, registers and flags live in memory. */
export class HandlerEmitter extends HandlerMemory {
  // --- effects ---------------------------------------------------------------------------------
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
        return this.flags.set(node);
      case 'assignFlags':
        return this.flags.assign(node);
      case 'setResultFlags':
        return this.flags.setResult(node);
      case 'if':
        return [this.when(arg(0), this.list(node.then as Node[]), node.otherwise ? this.list(node.otherwise) : undefined)];
      case 'faultIf':
        return [this.when(arg(0), this.raise(this.i32(node.vector as number), node.constant as number))];
      case 'fence':
        return [m.fence()];
      case 'need':
        return this.emitNeed(node.name as string);
      case 'call': {
        const call = this.call(
          node.name as string,
          node.args.map((_, i) => arg(i)),
          node.type,
        );
        return [node.type === 'none' ? call : node.uses > 0 ? this.keep(node, call) : m.drop(call)];
      }
      case 'system':
        return this.emitSystem(node);
      case 'checkTarget':
        return node.args.length > 1 ? [this.when(arg(1), this.checkTarget(arg(0)))] : this.checkTarget(arg(0));
      case 'branchRelative':
        return this.emitBranch(node);
      case 'jump':
        return this.emitJump(arg(0), node.name === 'jump');
      default:
        throw new Error(`no effect for node ${node.op}`);
    }
  }

  /** #GP(0) for a target that code cannot be at. */
  private checkTarget(target: Expr): Expr[] {
    const m = this.module;
    if (this.facts.mode !== 64)
      return [this.when(m.i64.gt_u(target, m.i64.load32_u(L.SEG_CS + L.SEG_LIMIT, 1, this.i32(0), 'state')), this.raise(this.i32(13), 0))];
    const local = this.local('i64');
    const extended = m.i64.shr_s(m.i64.shl(this.tee(local, target, 'i64'), this.i64(16n)), this.i64(16n));
    return [this.when(m.i64.ne(extended, this.get(local, 'i64')), this.raise(this.i32(13), 0))];
  }

  private emitNeed(unit: string): Expr[] {
    const blocked = unit === 'sse' ? L.SSE_BLOCKED : L.FPU_BLOCKED;
    const vector = this.call('blockedVector', [this.i32(unit === 'sse' ? 1 : unit === 'mmx' ? 2 : 0)], 'i32');
    const out = [this.when(this.state32(blocked), this.raise(vector, -1))];
    if (unit === 'fpu' || unit === 'mmx') out.push(this.when(this.call('x87_pending', [], 'i32'), this.raise(this.i32(16), -1)));
    return out;
  }

  // --- control ---------------------------------------------------------------------------------
  /** BUDGET -= instructions of the block up to and including this one; counts the block's heat. */
  private charge(): Expr {
    const m = this.module;
    const n = m.i32.add(this.load8(this.rec(), L.REC_ORDINAL), this.i32(1));
    const heat = this.local('i32');
    return this.block([
      this.setState32(L.BUDGET, m.i32.sub(this.state32(L.BUDGET), n)),
      this.store32(this.rec(), L.REC_HEAT, this.tee(heat, m.i32.add(this.load32(this.rec(), L.REC_HEAT), this.i32(1)), 'i32')),
      this.when(m.i32.eq(this.get(heat, 'i32'), this.state32(L.HOT_LIMIT)), [this.call('hot', [this.rec()], 'none')]),
    ]);
  }
  private leaveIfSpent(): Expr {
    const m = this.module;
    return this.when(m.i32.le_s(m.i32.or(this.state32(L.BUDGET), this.state32(L.KICK)), this.i32(0)), [m.return()]);
  }
  /** Goes on at state RIP through the jump cache; a non-zero slot is the address where the found record is linked. */
  private dispatch(slot: Expr): Expr {
    return this.module.return_call('dispatch', [slot], TYPES.none);
  }

  private emitSystem(node: Node): Expr[] {
    const next = this.local('i64');
    const args = node.args.map((_, i) => {
      const a = node.args[i] as Node;
      const local = this.local(a.type);
      return { local, type: a.type, set: this.set(local, this.value(a)) };
    });
    return [
      ...args.map((a) => a.set),
      this.set(next, this.ripAfter()),
      this.setState64(L.RIP, this.ripHere()),
      this.setState64(L.NEXT_RIP, this.get(next, 'i64')),
      this.setState32(L.CUR_REC, this.rec()),
      this.charge(),
      this.call(
        node.name as string,
        args.map((a) => this.get(a.local, a.type)),
        'none',
      ),
      this.leaveIfSpent(),
      this.dispatch(this.i32(0)),
    ];
  }

  /** Enters the linked record of a chain slot, or dispatches and links. */
  private follow(slotOffset: number): Expr[] {
    const linked = this.local('i32');
    return [this.leaveIfSpent(), this.set(linked, this.load32(this.rec(), slotOffset)), ...this.followLink(linked, slotOffset)];
  }
  private followLink(linked: number, slotOffset: number): Expr[] {
    const m = this.module;
    const slot = m.select(this.get(linked, 'i32'), m.i32.add(this.rec(), this.i32(slotOffset)), this.i32(0));
    return [this.when(this.isLinked(linked), [this.enter(linked)]), this.dispatch(slot)];
  }
  private isLinked(linked: number): Expr {
    return this.module.i32.gt_u(this.get(linked, 'i32'), this.i32(1));
  }
  private enter(local: number): Expr {
    return this.module.return_call_indirect('table', this.load32(this.get(local, 'i32'), L.REC_HANDLER), [this.get(local, 'i32')], TYPES.i32, TYPES.none);
  }

  private emitBranch(node: Node): Expr[] {
    const m = this.module;
    const condition = node.args[0] ? this.value(node.args[0]) : null;
    const target = this.local('i64');
    const linked = this.local('i32');
    const refuse = this.checkTarget(this.get(target, 'i64'));
    const taken: Expr[] = [
      this.set(target, this.cutRip(m.i64.add(this.state64(L.RIP), this.load64(this.rec(), L.REC_IMM)))),
      this.set(linked, this.load32(this.rec(), L.REC_CHAIN)),
      // what is linked lies in the same page, which is canonical as a whole; limits may have changed
      ...(this.facts.mode === 64 ? [this.when(m.i32.eqz(this.isLinked(linked)), refuse)] : refuse),
      this.charge(),
      this.setState64(L.RIP, this.get(target, 'i64')),
      this.leaveIfSpent(),
      ...this.followLink(linked, L.REC_CHAIN),
    ];
    if (condition === null) return taken;
    return [this.when(condition, taken), this.charge(), this.setState64(L.RIP, this.ripAfter()), ...this.follow(L.REC_CHAIN_NOT)];
  }

  private emitJump(target: Expr, unchecked: boolean): Expr[] {
    const local = this.local('i64');
    // the slot remembers the last target, for the translator
    return [
      this.set(local, target),
      ...(unchecked ? this.checkTarget(this.get(local, 'i64')) : []),
      this.charge(),
      this.setState64(L.RIP, this.get(local, 'i64')),
      this.leaveIfSpent(),
      this.dispatch(this.module.i32.add(this.rec(), this.i32(L.REC_CHAIN))),
    ];
  }

  /** Goes to the next record: the end of every handler that falls through. */
  next(): Expr {
    const m = this.module;
    const next = m.i32.add(this.rec(), this.i32(L.REC_SIZE));
    return m.return_call_indirect('table', this.load32(this.rec(), L.REC_SIZE + L.REC_HANDLER), [next], TYPES.i32, TYPES.none);
  }
}

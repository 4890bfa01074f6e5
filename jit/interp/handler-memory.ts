import { type Expr, TYPES } from '../emit/binaryen.ts';
import type { Node, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { HandlerBase, NO_STATEMENTS } from './handler-base.ts';

/** Guest memory as a handler reaches it: the TLB, then microcode. */
export abstract class HandlerMemory extends HandlerBase {
  /** Size for a slow-path call, with STACK_ACCESS when the operand lies in the stack segment: non-canonical is #SS then. */
  protected accessSize(node: Node, bytes: number): Expr {
    const m = this.module;
    const address = node.args[0] as Node;
    if (address.op === 'linear' && address.lane !== -1) return this.i32(bytes | (address.lane === 2 ? 0x100 : 0));
    const inStack = m.i32.eq(m.i32.and(this.load8(this.rec(), L.REC_SEG), this.i32(15)), this.i32(2));
    return m.i32.or(this.i32(bytes), m.i32.shl(inStack, this.i32(8)));
  }

  protected emitLoad(node: Node): Expr[] {
    const m = this.module;
    const width = node.width as Width;
    const bytes = node.bytes as number;
    const address = this.local('i64');
    const entry = this.local('i32');
    const result = this.resultLocal(node);
    const out = [this.set(address, this.value(node.args[0] as Node)), this.set(entry, this.tlbEntry(address))];
    const hit = node.locked
      ? this.alignedHit(address, entry, bytes)
      : this.tlbHit(address, this.get(entry, 'i32'), node.modify ? L.TLB_WRITE : L.TLB_READ, bytes);
    const pointer = m.i32.add(m.i32.wrap(this.get(address, 'i64')), this.load32(this.get(entry, 'i32'), L.TLB_ADDEND));
    const a = this.get(address, 'i64');
    const slow: Expr[] = [this.setState32(L.CUR_REC, this.rec())];
    if (width === 128)
      slow.push(
        this.call('slowRead128', [a, this.accessSize(node, 0)], 'none'),
        this.leaveIfFault(),
        this.set(result, m.v128.load(L.MEM_SCRATCH, 1, this.i32(0), 'state')),
      );
    else
      slow.push(
        this.set(result, this.narrow(this.call(node.modify ? 'slowReadForWrite' : 'slowRead', [a, this.accessSize(node, bytes)], 'i64'), width)),
        this.leaveIfFault(),
      );
    if (!node.modify) {
      out.push(this.when(hit, [this.set(result, this.ramLoad(width, pointer))], slow));
      return out;
    }
    // keeps the RAM pointer (or -1 after a slow access) for storeModified
    const place = this.local('i32');
    this.modifyPlaces.set(node, { place, address });
    out.push(this.when(hit, [this.set(result, this.ramLoad(width, this.tee(place, pointer, 'i32')))], [...slow, this.set(place, this.i32(-1))]));
    return out;
  }
  /** True when the TLB lets an aligned store go to the address. The empty tag is odd: low bits of the address must not reach the comparison. */
  private alignedHit(address: number, entry: number, bytes: number): Expr {
    const m = this.module;
    const hit = this.tlbHit(address, this.get(entry, 'i32'), L.TLB_WRITE, 1);
    return bytes === 1 ? hit : m.i32.and(hit, m.i64.eqz(m.i64.and(this.get(address, 'i64'), this.i64(bytes - 1))));
  }
  private readonly modifyPlaces = new Map<Node, { place: number; address: number }>();

  protected emitStoreModified(node: Node): Expr[] {
    const m = this.module;
    const { place, address } = this.modifyPlaces.get(node.args[0] as Node) as { place: number; address: number };
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const kept = this.local(v.type);
    if (node.args[0]?.locked) return this.emitExchange(node, kept);
    const slow = [
      this.setState32(L.CUR_REC, this.rec()),
      this.call('slowWrite', [this.get(address, 'i64'), this.accessSize(node.args[0] as Node, width / 8), this.widen(this.get(kept, v.type), width)], 'none'),
      this.leaveIfFault(),
    ];
    return [
      this.set(kept, this.value(v)),
      this.when(m.i32.ne(this.get(place, 'i32'), this.i32(-1)), [this.ramStore(width, this.get(place, 'i32'), this.get(kept, v.type))], slow),
    ];
  }

  /** Writes back what `loadModify` read unless somebody has changed it: then the instruction begins anew. */
  private emitExchange(node: Node, kept: number): Expr[] {
    const m = this.module;
    const load = node.args[0] as Node;
    const { place, address } = this.modifyPlaces.get(load) as { place: number; address: number };
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const value = (): Expr => this.get(kept, v.type);
    const group = m[width === 64 ? 'i64' : 'i32'];
    const again = m.return_call_indirect('table', this.load32(this.rec(), L.REC_HANDLER), [this.rec()], TYPES.i32, TYPES.none);
    const size = this.accessSize(load, width / 8);
    const done = this.call('slowExchange', [this.get(address, 'i64'), size, this.widen(this.value(load), width), this.widen(value(), width)], 'i32');
    const failed = this.local('i32');
    return [
      this.set(kept, this.value(v)),
      this.when(
        m.i32.ne(this.get(place, 'i32'), this.i32(-1)),
        [this.set(failed, group.ne(group.cmpxchg(width / 8, this.get(place, 'i32'), this.value(load), value(), 'ram'), this.value(load)))],
        [this.setState32(L.CUR_REC, this.rec()), this.set(failed, m.i32.eqz(done)), this.leaveIfFault()],
      ),
      this.when(this.get(failed, 'i32'), [again]),
    ];
  }

  protected emitStore(node: Node): Expr[] {
    const m = this.module;
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const bytes = width / 8;
    const address = this.local('i64');
    const entry = this.local('i32');
    const kept = this.local(v.type);
    const restore = node.then;
    // the segment may refuse as well
    this.undo = restore === undefined ? NO_STATEMENTS : () => this.list(restore);
    const out = [this.set(kept, this.value(v)), this.set(address, this.value(node.args[0] as Node)), this.set(entry, this.tlbEntry(address))];
    this.undo = NO_STATEMENTS;
    const hit = this.tlbHit(address, this.get(entry, 'i32'), L.TLB_WRITE, bytes);
    const pointer = m.i32.add(m.i32.wrap(this.get(address, 'i64')), this.load32(this.get(entry, 'i32'), L.TLB_ADDEND));
    const a = this.get(address, 'i64');
    const slow: Expr[] = [this.setState32(L.CUR_REC, this.rec())];
    const undo = node.then ? this.list(node.then) : [];
    if (width === 128)
      slow.push(
        m.v128.store(L.MEM_SCRATCH, 1, this.i32(0), this.get(kept, 'v128'), 'state'),
        this.call('slowWrite128', [a, this.accessSize(node, 0)], 'none'),
        this.leaveIfFault(undo),
      );
    else slow.push(this.call('slowWrite', [a, this.accessSize(node, bytes), this.widen(this.get(kept, v.type), width)], 'none'), this.leaveIfFault(undo));
    out.push(this.when(hit, [this.ramStore(width, pointer, this.get(kept, v.type))], slow));
    return out;
  }

  /** Implicit operands (stack, strings, XLAT): flat modes add nothing to SS, ES and DS. */
  protected emitLinear(node: Node): Expr[] {
    const m = this.module;
    const result = this.resultLocal(node);
    const offset = this.value(node.args[0] as Node);
    const segment = node.lane as number;
    const check = (number: Expr): Expr[] => [
      this.setState32(L.CUR_REC, this.rec()),
      this.set(
        result,
        this.call('segmentAddress', [this.get(result, 'i64'), number, this.i32(node.bytes as number), this.i32(node.constant as number)], 'i64'),
      ),
      this.leaveIfFault(),
    ];
    if (segment < 0)
      return [
        this.set(result, offset),
        this.when(m.i32.and(this.load8(this.rec(), L.REC_FLAGS), this.i32(L.REC_FLAG_SLOW)), check(m.i32.and(this.load8(this.rec(), L.REC_SEG), this.i32(7)))),
      ];
    if (this.facts.mode === 64) return [this.set(result, offset)];
    return [this.set(result, offset), this.when(m.i32.eqz(m.i32.and(this.state32(L.CTX), this.i32(L.MODE_FLAT))), check(this.i32(segment)))];
  }
}

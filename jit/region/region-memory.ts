import type { Expr } from '../emit/wasm-types.ts';
import type { MemoryRef, Node, Width } from '../ir/node.ts';
import { RegionPages } from './region-pages.ts';
import { NO_STATEMENTS } from './region-segments.ts';

/** Stands with the number of bytes of an access to the stack. */
const STACK_BIT = 0x100;

/** Loads, stores and read-modify-writes of guest memory. */
export abstract class RegionMemory extends RegionPages {
  /** RAM pointers of read-modify-writes, by their load. */
  protected readonly places = new Map<Node, number>();

  protected linearAddress(node: Node, delta: Expr | null): Expr {
    const ref = node.memory as MemoryRef;
    return this.inSegment(this.effectiveAddress(node, delta), ref.segment, node.bytes ?? 1, node.write === true);
  }

  private pointer(address: number, addend: number): Expr {
    return this.module.i32.add(this.module.i32.wrap(this.get(address, 'i64')), this.get(addend, 'i32'));
  }

  protected emitLoad(node: Node): Expr[] {
    const width = node.width as Width;
    const addressNode = node.args[0] as Node;
    const address = this.local('i64');
    const addend = this.local('i32');
    const result = this.resultLocal(node);
    const size = (node.bytes as number) | this.stackBit(addressNode);
    const access = { address, size, addend };
    const out = [this.set(address, this.value(addressNode))];
    // whatever is not plain RAM, the interpreter loads
    if (!node.modify) return [...out, ...this.reachLoad(addressNode, access), this.set(result, this.ramLoad(width, this.pointer(address, addend)))];
    const place = this.local('i32');
    this.places.set(node, place);
    return [
      ...out,
      ...this.reachStore(addressNode, access, this.sideExit()),
      this.set(place, this.pointer(address, addend)),
      // an atomic access must be aligned
      ...(node.locked && width > 8 ? [this.seldom(this.module.i32.and(this.get(place, 'i32'), this.i32(width / 8 - 1)), this.sideExit())] : []),
      this.set(result, this.ramLoad(width, this.get(place, 'i32'))),
    ];
  }

  /** The bit that tells an access to the stack, whose faults are #SS. */
  private stackBit(address: Node): number {
    return this.isStack(address) ? STACK_BIT : 0;
  }

  protected isStack(address: Node): boolean {
    return address.op === 'linear' ? address.lane === 2 : (address.memory as MemoryRef | undefined)?.segment === 2;
  }

  protected emitStore(node: Node): Expr[] {
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const addressNode = node.args[0] as Node;
    const address = this.local('i64');
    const kept = this.local(v.type);
    const undo = node.then;
    // the segment may refuse as well
    this.undo = undo === undefined ? NO_STATEMENTS : () => this.list(undo);
    const out = [this.set(kept, this.value(v)), this.set(address, this.value(addressNode))];
    this.undo = NO_STATEMENTS;
    // whatever is not plain RAM, or holds code, the interpreter stores: what is written over is exact to the instruction
    const slow = [...(node.then ? this.list(node.then) : []), ...this.sideExit()];
    const addend = this.local('i32');
    return [
      ...out,
      ...this.reachStore(addressNode, { address, size: (width / 8) | this.stackBit(addressNode), addend }, slow),
      this.ramStore(width, this.pointer(address, addend), this.get(kept, v.type)),
    ];
  }

  protected emitStoreModified(node: Node): Expr[] {
    const place = this.places.get(node.args[0] as Node) as number;
    const load = node.args[0] as Node;
    const v = node.args[1] as Node;
    const width = v.width as Width;
    if (!load.locked) return [this.ramStore(width, this.get(place, 'i32'), this.value(v))];
    const group = this.module[width === 64 ? 'i64' : 'i32'];
    const found = group.cmpxchg(width / 8, this.get(place, 'i32'), this.value(load), this.value(v), 'ram');
    // somebody else was faster: the interpreter does the instruction anew
    return [this.seldom(group.ne(found, this.value(load)), this.sideExit())];
  }
}

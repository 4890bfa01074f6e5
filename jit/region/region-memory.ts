import { type Expr, TYPES } from '../emit/wasm-types.ts';
import type { MemoryRef, Node, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { RegionPages } from './region-pages.ts';

/** Stands with the number of bytes of an access to the stack. */
const STACK_BIT = 0x100;

/** Loads, stores and read-modify-writes of guest memory. */
export abstract class RegionMemory extends RegionPages {
  /** RAM pointers of read-modify-writes, by their load. */
  protected readonly places = new Map<Node, number>();

  protected linearAddress(node: Node, delta: Expr | null): Expr {
    const ref = node.memory as MemoryRef;
    const offset = this.effectiveAddress(node, delta);
    if (ref.segment < 4) return offset;
    if (this.mode === 64) return this.module.i64.add(offset, this.state64(L.SEG + ref.segment * L.SEG_SIZE + L.SEG_BASE));
    return this.segmented(offset, ref.segment, node.bytes ?? 1, node.write === true);
  }

  /** FS and GS outside 64-bit mode: the check inline for ordinary data segments, else in microcode. */
  protected segmented(offset: Expr, segment: number, bytes: number, write: boolean): Expr {
    const m = this.module;
    const at = L.SEG + segment * L.SEG_SIZE;
    const local = this.local('i64');
    const last = m.i64.add(this.get(local, 'i64'), this.i64(BigInt(bytes - 1)));
    // present, writable, expand-up data segment
    const ordinary = m.i32.eq(m.i32.and(this.state32(at + L.SEG_ATTR), this.i32(0x19e00)), this.i32(0x9200));
    const inside = m.i64.le_u(last, m.i64.load32_u(at + L.SEG_LIMIT, 1, this.i32(0), 'state'));
    this.called.add('segLinear');
    return m.block(
      null,
      [
        this.set(local, offset),
        this.when(
          m.i32.and(ordinary, inside),
          [this.set(local, m.i64.and(m.i64.add(this.get(local, 'i64'), this.state64(at + L.SEG_BASE)), this.i64(0xffffffffn)))],
          [
            this.set(local, this.call('segLinear', [this.i32(segment), this.get(local, 'i64'), this.i32(bytes), this.i32(write ? 1 : 0)], 'i64')),
            this.leaveIfFault(),
          ],
        ),
        this.get(local, 'i64'),
      ],
      TYPES.i64,
    );
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
    const out = [this.set(kept, this.value(v)), this.set(address, this.value(addressNode))];
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
    const v = node.args[1] as Node;
    return [this.ramStore(v.width as Width, this.get(place, 'i32'), this.value(v))];
  }
}

import { type Expr, TYPES } from '../emit/wasm-types.ts';
import type { MemoryRef, Node, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { baseOf } from './region-base.ts';
import { RegionExits } from './region-exits.ts';

/** The last page that an address register reached, with its RAM addend. */
export interface PageCache {
  readonly tag: number;
  readonly addend: number;
  /** True when stores use it as well. */
  readonly writable: boolean;
}

type Reacher = 'reachLoad' | 'reachShared' | 'reachStore';

/** Bits of the number of bytes where that stands with STACK_BIT. */
const SIZE_MASK = 0xff;
const STACK_BIT = 0x100;

/** Guest memory as a region reaches it: page caches first, then the TLB, then microcode. */
export abstract class RegionMemory extends RegionExits {
  protected readonly caches = new Map<string, PageCache>();
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

  /** The page cache for an address: by base register, or one for all others. */
  private cacheFor(address: Node): PageCache {
    const key = baseOf(address);
    let cache = this.caches.get(key);
    if (cache === undefined) {
      cache = { tag: this.permanent('i64'), addend: this.permanent('i32'), writable: this.writtenBases.has(key) };
      this.caches.set(key, cache);
    }
    return cache;
  }

  /** The distance of RAM from an access's address: from the cache, else from `find`, whose statements set `addend` and must not come back when there is more to do. */
  private reach(address: number, cache: PageCache, size: number, addend: number, find: Expr[]): Expr[] {
    const m = this.module;
    // the low bits take part, so that only aligned accesses hit: the first byte of any other may lie in the page before
    const aligned = m.i64.and(this.get(address, 'i64'), this.i64(-4096n | BigInt((size & SIZE_MASK) - 1)));
    return [this.set(addend, this.get(cache.addend, 'i32')), this.seldom(m.i64.ne(aligned, this.get(cache.tag, 'i64')), find)];
  }

  /** Calls a function that finds the page of an access; `slow` runs when plain RAM is not all there is to it. */
  private ask(reacher: Reacher, address: number, size: number, addend: number, slow: Expr[]): { found: number; asked: Expr[] } {
    const m = this.module;
    const found = this.local('i64');
    const call = m.call(reacher, [this.get(address, 'i64'), this.i32(size)], TYPES.i64);
    const asked = [this.seldom(m.i64.lt_s(this.tee(found, call, 'i64'), this.i64(0n)), slow), this.set(addend, m.i32.wrap(this.get(found, 'i64')))];
    return { found, asked };
  }

  private remember(address: number, cache: PageCache, addend: number): Expr[] {
    return [this.set(cache.tag, this.module.i64.and(this.get(address, 'i64'), this.i64(-4096n))), this.set(cache.addend, this.get(addend, 'i32'))];
  }

  /** In loops, which may go from page to page, the TLB is looked at in place; `otherwise` runs when it misses. */
  private probe(address: number, tag: number, size: number, addend: number, hit: Expr[], otherwise: Expr[]): Expr[] {
    const m = this.module;
    if (!this.flow.looping.has(this.blockIndex)) return otherwise;
    const entry = this.local('i32');
    const isHit = this.tlbHit(address, this.tee(entry, this.tlbEntry(address), 'i32'), tag, size & SIZE_MASK);
    const take = this.set(addend, this.load32(this.get(entry, 'i32'), L.TLB_ADDEND));
    return [m.if(isHit, this.block([take, ...hit]), this.block(otherwise), 'likely')];
  }

  /** Reaches the page of a load. A cache that serves stores too keeps only pages that may be written. */
  private reachLoad(address: number, cache: PageCache, size: number, addend: number): Expr[] {
    const m = this.module;
    const keep = (): Expr[] => this.remember(address, cache, addend);
    if (!cache.writable) {
      const { asked } = this.ask('reachLoad', address, size, addend, this.sideExit());
      return this.reach(address, cache, size, addend, this.probe(address, L.TLB_READ, size, addend, keep(), [...asked, ...keep()]));
    }
    const { found, asked } = this.ask('reachShared', address, size, addend, this.sideExit());
    const kept = this.when(m.i32.wrap(m.i64.shr_u(this.get(found, 'i64'), this.i64(32n))), keep());
    return this.reach(address, cache, size, addend, this.probe(address, L.TLB_WRITE, size, addend, keep(), [...asked, kept]));
  }

  /** Reaches the page of a store. */
  private reachStore(address: number, cache: PageCache, size: number, addend: number, slow: Expr[]): Expr[] {
    const { asked } = this.ask('reachStore', address, size, addend, slow);
    const keep = (): Expr[] => this.remember(address, cache, addend);
    return this.reach(address, cache, size, addend, this.probe(address, L.TLB_WRITE, size, addend, keep(), [...asked, ...keep()]));
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
    const cache = this.cacheFor(addressNode);
    const out = [this.set(address, this.value(addressNode))];
    // whatever is not plain RAM, the interpreter loads
    if (!node.modify) return [...out, ...this.reachLoad(address, cache, size, addend), this.set(result, this.ramLoad(width, this.pointer(address, addend)))];
    const place = this.local('i32');
    this.places.set(node, place);
    return [
      ...out,
      ...this.reachStore(address, cache, size, addend, this.sideExit()),
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
    const out = [this.set(kept, this.value(v)), this.set(address, this.value(addressNode))];
    // whatever is not plain RAM, or holds code, the interpreter stores: what is written over is exact to the instruction
    const slow = [...(node.then ? this.list(node.then) : []), ...this.sideExit()];
    const addend = this.local('i32');
    return [
      ...out,
      ...this.reachStore(address, this.cacheFor(addressNode), (width / 8) | this.stackBit(addressNode), addend, slow),
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

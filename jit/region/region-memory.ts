import { type Expr, TYPES } from '../emit/wasm-types.ts';
import type { MemoryRef, Node, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Step } from './region-base.ts';
import { RegionExits } from './region-exits.ts';
import type { RegionBlock } from './region.ts';

/** The last page that an address register reached, with its RAM addend. */
export interface PageCache {
  readonly tag: number;
  readonly addend: number;
}

type Reacher = 'reachLoad' | 'reachModify' | 'reachStore';

/** Bits of the number of bytes where that stands with STACK_BIT. */
const SIZE_MASK = 0xff;
const STACK_BIT = 0x100;

/** Guest memory as a region reaches it: page caches first, then the TLB, then microcode. */
export abstract class RegionMemory extends RegionExits {
  protected readonly caches = new Map<string, PageCache>();
  protected labels = 0;
  /** RAM pointers of read-modify-writes, by their load. */
  protected readonly places = new Map<Node, number>();
  protected storedSlow: number | null = null;
  protected pendingStoreCheck = false;

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
  protected cacheFor(address: Node, write: boolean): PageCache {
    const ref = address.memory as MemoryRef | undefined;
    const base =
      address.op === 'linear'
        ? 'stack'
        : ref && ref.base === 4
          ? 'stack'
          : ref && ref.base >= 0
            ? `r${ref.base}.${ref.segment >= 4 ? ref.segment : ''}`
            : 'other';
    const key = `${base}${write ? 'w' : 'r'}`;
    let cache = this.caches.get(key);
    if (cache === undefined) {
      cache = { tag: this.permanent('i64'), addend: this.permanent('i32') };
      this.caches.set(key, cache);
    }
    return cache;
  }

  /** Makes the cache hold the page of an access, which `reacher` finds when it does not; `slow` runs when that is not all there is to do, and must not come back. */
  protected reach(address: number, cache: PageCache, reacher: Reacher, size: number, slow: Expr[]): Expr[] {
    const m = this.module;
    const found = this.local('i64');
    // the low bits take part, so that only aligned accesses hit: the first byte of any other may lie in the page before
    const aligned = m.i64.and(this.get(address, 'i64'), this.i64(-4096n | BigInt((size & SIZE_MASK) - 1)));
    const call = m.call(reacher, [this.get(address, 'i64'), this.i32(size)], TYPES.i64);
    const ask = [this.seldom(m.i64.lt_s(this.tee(found, call, 'i64'), this.i64(0n)), slow), this.set(cache.addend, m.i32.wrap(this.get(found, 'i64')))];
    return [
      this.seldom(m.i64.ne(aligned, this.get(cache.tag, 'i64')), [
        ...(this.flow.looping.has(this.blockIndex) ? this.probe(address, cache, reacher, size, ask) : ask),
        this.set(cache.tag, m.i64.and(this.get(address, 'i64'), this.i64(-4096n))),
      ]),
    ];
  }

  /** In loops, which may go from page to page, the TLB is looked at in place; `ask` runs when it misses. */
  private probe(address: number, cache: PageCache, reacher: Reacher, size: number, ask: Expr[]): Expr[] {
    const m = this.module;
    const entry = this.local('i32');
    const tag = reacher === 'reachLoad' ? L.TLB_READ : L.TLB_WRITE;
    const hit = this.tlbHit(address, this.tee(entry, this.tlbEntry(address), 'i32'), tag, size & SIZE_MASK);
    return [m.if(hit, this.set(cache.addend, this.load32(this.get(entry, 'i32'), L.TLB_ADDEND)), this.block(ask), 'likely')];
  }

  protected pointer(address: number, cache: PageCache): Expr {
    return this.module.i32.add(this.module.i32.wrap(this.get(address, 'i64')), this.get(cache.addend, 'i32'));
  }

  protected emitLoad(node: Node): Expr[] {
    const width = node.width as Width;
    const addressNode = node.args[0] as Node;
    const address = this.local('i64');
    const result = this.resultLocal(node);
    const size = (node.bytes as number) | this.stackBit(addressNode);
    const cache = this.cacheFor(addressNode, node.modify === true);
    const out = [this.set(address, this.value(addressNode))];
    // whatever is not plain RAM, the interpreter loads
    if (!node.modify) {
      return [...out, ...this.reach(address, cache, 'reachLoad', size, this.sideExit()), this.set(result, this.ramLoad(width, this.pointer(address, cache)))];
    }
    const place = this.local('i32');
    this.places.set(node, place);
    return [
      ...out,
      ...this.reach(address, cache, 'reachModify', size, this.sideExit()),
      this.set(place, this.pointer(address, cache)),
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
    const m = this.module;
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const bytes = width / 8;
    const addressNode = node.args[0] as Node;
    const address = this.local('i64');
    const kept = this.local(v.type);
    const label = `m${this.labels++}_${this.blockIndex}`;
    const stack = this.stackBit(addressNode);
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
    out.push(
      m.block(label, [
        ...this.reach(address, cache, 'reachStore', bytes | stack, slow),
        this.ramStore(width, this.pointer(address, cache), this.get(kept, v.type)),
      ]),
    );
    return out;
  }

  protected emitStoreModified(node: Node): Expr[] {
    const place = this.places.get(node.args[0] as Node) as number;
    const v = node.args[1] as Node;
    return [this.ramStore(v.width as Width, this.get(place, 'i32'), this.value(v))];
  }

  /** After a slow store: a store into decoded code leaves before the next instruction. */
  protected afterSlowStore(undo: Expr[]): Expr[] {
    const faulted = undo.length > 0 ? this.seldom(this.state32(L.FAULT), [...undo, ...this.sideExit()]) : this.leaveIfFault();
    return [faulted];
  }

  /** Remembers that a slow store happened in this instruction: code may have changed. */
  protected markStored(): Expr {
    this.storedSlow ??= this.permanent('i32');
    this.pendingStoreCheck = true;
    return this.set(this.storedSlow, this.i32(1));
  }

  protected endsInCall(): boolean {
    const { ending } = this.request.blocks[this.blockIndex] as RegionBlock;
    return (ending === 'call' || ending === 'indirect-call') && this.stepIndex === (this.steps[this.blockIndex] as Step[]).length - 1;
  }
}

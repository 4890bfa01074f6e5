import { type Expr, TYPES } from '../emit/wasm-types.ts';
import type { Node } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { baseOf } from './region-base.ts';
import { RegionSegments } from './region-segments.ts';

/** The last page that an address register reached, with its RAM addend. */
export interface PageCache {
  readonly tag: number;
  readonly addend: number;
}

/** Page caches that hold on the way to a place, by what they serve. */
export type Way = ReadonlyMap<string, PageCache>;

type Reacher = 'reachLoad' | 'reachShared' | 'reachStore';

/** An access to RAM: the local with its address, its bytes with STACK_BIT for the stack, and the local for what to add to the address. */
interface Access {
  readonly address: number;
  readonly size: number;
  readonly addend: number;
}

/** Bits of the number of bytes where that stands with STACK_BIT. */
const SIZE_MASK = 0xff;
/** No page begins there, and no aligned access compares equal to it. */
const NO_PAGE = 0x800n;

/**
 * Where accesses find their pages. In loops each base register keeps its last page in locals for as long as the loop
 * runs. Elsewhere the TLB is looked at in place, once for accesses of a block (and of blocks that only it leads to)
 * through one register; what it does not know leaves to the interpreter, which fills it.
 */
export abstract class RegionPages extends RegionSegments {
  /** Caches of the loop at hand. */
  private loopCaches: Map<string, PageCache> | null = null;
  /** Caches of loops before: what lives through a loop must share no local with what lives in it. */
  private readonly freeCaches: PageCache[] = [];
  /** Caches that were filled on the one way to where emission stands. */
  private wayCaches = new Map<string, PageCache>();
  private wayLocals: number[] = [];

  /** Runs an emission of what a loop's head dominates; caches begin empty. */
  protected withLoopCaches(emit: () => Expr[]): Expr[] {
    const caches = new Map<string, PageCache>();
    const outer = this.loopCaches;
    this.loopCaches = caches;
    const body = emit();
    this.loopCaches = outer;
    this.freeCaches.push(...caches.values());
    return [...[...caches.values()].map(({ tag }) => this.set(tag, this.i64(NO_PAGE))), ...body];
  }

  /** Begins a block with the caches of the only block that leads to it, or with none. */
  protected startWay(caches: Way | undefined): void {
    this.wayCaches = new Map(caches);
    this.wayLocals = [];
  }

  /** Registers have changed, nobody knows which. */
  protected forgetWay(): void {
    this.wayCaches = new Map();
  }

  /** Caches of the way so far; they hold for blocks that nothing else leads to. */
  protected get way(): Way {
    return this.wayCaches;
  }

  /** Locals of the block's own caches. */
  protected get ownWayLocals(): readonly number[] {
    return this.wayLocals;
  }

  /** Emits what may be skipped: what it reaches is not known afterwards. */
  protected aside(nodes: readonly Node[] = []): Expr[] {
    const before = this.wayCaches;
    this.wayCaches = new Map(before);
    const code = this.list(nodes);
    this.wayCaches = before;
    return code;
  }

  /** What a register pointed at before says nothing any more. */
  protected written(register: number): void {
    for (const key of this.wayCaches.keys()) {
      const [base, index] = key.split('.');
      if (base === `${register}` || index === `${register}`) this.wayCaches.delete(key);
    }
  }

  /** Finds the page of a load; what is not plain RAM leaves by a side exit. */
  protected reachLoad(node: Node, access: Access): Expr[] {
    const key = baseOf(node, this.flat);
    if (this.inLoop) return this.reachInLoop(key, access, this.writtenBases.has(key) ? 'reachShared' : 'reachLoad', this.sideExit());
    return this.reachOnWay(this.wayCaches.has(`${key}.w`) ? `${key}.w` : `${key}.r`, access, this.sideExit());
  }

  /** Finds the page of a store; `slow` runs, and does not come back, when it is not plain RAM. */
  protected reachStore(node: Node, access: Access, slow: Expr[]): Expr[] {
    const key = baseOf(node, this.flat);
    return this.inLoop ? this.reachInLoop(key, access, 'reachStore', slow) : this.reachOnWay(`${key}.w`, access, slow);
  }

  protected get inLoops(): boolean {
    return this.loopCaches !== null;
  }

  private get inLoop(): boolean {
    return this.loopCaches !== null && this.flow.looping.has(this.blockIndex);
  }

  private reachOnWay(key: string, access: Access, slow: Expr[]): Expr[] {
    const m = this.module;
    const tag = key.endsWith('w') ? L.TLB_WRITE : L.TLB_READ;
    const known = this.wayCaches.get(key);
    const entry = this.local('i32');
    const isHit = this.tlbHit(access.address, this.tee(entry, this.tlbEntry(access.address), 'i32'), tag, access.size & SIZE_MASK);
    const probe = [this.seldom(m.i32.eqz(isHit), slow), this.set(access.addend, this.load32(this.get(entry, 'i32'), L.TLB_ADDEND))];
    // addresses without a register have little in common
    if (key.startsWith('other')) return probe;
    if (known === undefined) {
      const cache = { tag: this.retain('i64'), addend: this.retain('i32') };
      this.wayLocals.push(cache.tag, cache.addend);
      this.wayCaches.set(key, cache);
      return [...probe, ...this.remember(access, cache)];
    }
    const distance = m.i64.sub(this.get(access.address, 'i64'), this.get(known.tag, 'i64'));
    const elsewhere = m.i64.gt_u(distance, this.i64(BigInt(4096 - (access.size & SIZE_MASK))));
    // a frame may lie across two pages, and its function be called again and again
    const inFrame = key.startsWith('stack') || key.startsWith('5.');
    return [this.set(access.addend, this.get(known.addend, 'i32')), this.seldom(elsewhere, inFrame ? [...probe, ...this.remember(access, known)] : slow)];
  }

  private remember({ address, addend }: Access, cache: PageCache): Expr[] {
    return [this.set(cache.tag, this.module.i64.and(this.get(address, 'i64'), this.i64(-4096n))), this.set(cache.addend, this.get(addend, 'i32'))];
  }

  /** From the cache, from the TLB, or from microcode, which fills that. A cache that serves stores too keeps only pages that may be written. */
  private reachInLoop(key: string, access: Access, reacher: Reacher, slow: Expr[]): Expr[] {
    const m = this.module;
    const cache = this.loopCache(key);
    const { address, size, addend } = access;
    // the low bits take part, so that only aligned accesses hit: the first byte of any other may lie in the page before
    const aligned = m.i64.and(this.get(address, 'i64'), this.i64(-4096n | BigInt((size & SIZE_MASK) - 1)));
    const found = this.local('i64');
    const call = m.call(reacher, [this.get(address, 'i64'), this.i32(size)], TYPES.i64);
    const writable = m.i32.wrap(m.i64.shr_u(this.get(found, 'i64'), this.i64(32n)));
    const asked = [
      this.seldom(m.i64.lt_s(this.tee(found, call, 'i64'), this.i64(0n)), slow),
      this.set(addend, m.i32.wrap(this.get(found, 'i64'))),
      ...(reacher === 'reachShared' ? [this.when(writable, this.remember(access, cache))] : this.remember(access, cache)),
    ];
    const entry = this.local('i32');
    const tag = reacher === 'reachLoad' ? L.TLB_READ : L.TLB_WRITE;
    const isHit = this.tlbHit(address, this.tee(entry, this.tlbEntry(address), 'i32'), tag, size & SIZE_MASK);
    const take = [this.set(addend, this.load32(this.get(entry, 'i32'), L.TLB_ADDEND)), ...this.remember(access, cache)];
    return [
      this.set(addend, this.get(cache.addend, 'i32')),
      this.seldom(m.i64.ne(aligned, this.get(cache.tag, 'i64')), [m.if(isHit, this.block(take), this.block(asked), 'likely')]),
    ];
  }

  private loopCache(key: string): PageCache {
    const caches = this.loopCaches as Map<string, PageCache>;
    const cache = caches.get(key) ?? this.freeCaches.pop() ?? { tag: this.permanent('i64'), addend: this.permanent('i32') };
    caches.set(key, cache);
    return cache;
  }
}

import { type Expr, TYPES } from '../emit/wasm-types.ts';
import * as L from '../state/vcpu-layout.ts';
import { RegionExits } from './region-exits.ts';

/** Longest that a block outside the region may be, in bytes. */
const LONGEST_BLOCK = 48 * 15;

/** Locals that hold what a region needs of a segment register. */
interface SegmentView {
  readonly base: number;
  /** Highest offset that may be read or written; -1 = leave it to the interpreter. Absent while the region has no such access. */
  read: number | null;
  write: number | null;
}

/** Nothing to undo. */
export const NO_STATEMENTS = (): Expr[] => [];

/**
 * Segments: in flat code only FS and GS have a base, elsewhere every access is compared with a limit that the region's
 * entry takes from machine state. Segment registers change in system routines only, which no region runs.
 */
export abstract class RegionSegments extends RegionExits {
  private readonly views = new Map<number, SegmentView>();
  /** What is to be undone before control leaves for the interpreter. */
  protected undo: () => Expr[] = NO_STATEMENTS;

  /** Linear address of `bytes` at an offset of a segment. */
  protected inSegment(offset: Expr, segment: number, bytes: number, write: boolean): Expr {
    if (!this.flat) return this.limited(offset, segment, bytes, write);
    if (segment < 4) return offset;
    if (this.mode === 64) return this.module.i64.add(offset, this.state64(L.SEG + segment * L.SEG_SIZE + L.SEG_BASE));
    return this.segmented(offset, segment, bytes, write);
  }

  /** FS and GS in flat code outside 64-bit mode: the check inline for ordinary data segments, else in microcode. */
  private segmented(offset: Expr, segment: number, bytes: number, write: boolean): Expr {
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
            this.seldom(this.state32(L.FAULT), [...this.undo(), ...this.sideExit()]),
          ],
        ),
        this.get(local, 'i64'),
      ],
      TYPES.i64,
    );
  }

  /** An access in code with limits; what its segment may refuse is left to the interpreter. */
  private limited(offset: Expr, segment: number, bytes: number, write: boolean): Expr {
    const m = this.module;
    const view = this.view(segment);
    const limit = write ? (view.write ??= this.permanent('i64')) : (view.read ??= this.permanent('i64'));
    const local = this.local('i64');
    const last = bytes === 1 ? this.get(local, 'i64') : m.i64.add(this.get(local, 'i64'), this.i64(BigInt(bytes - 1)));
    return m.block(
      null,
      [
        this.set(local, offset),
        this.seldom(m.i64.gt_s(last, this.get(limit, 'i64')), [...this.undo(), ...this.sideExit()]),
        m.i64.and(m.i64.add(this.get(local, 'i64'), this.get(view.base, 'i64')), this.i64(0xffffffffn)),
      ],
      TYPES.i64,
    );
  }

  private view(segment: number): SegmentView {
    let view = this.views.get(segment);
    if (view === undefined) {
      view = { base: this.permanent('i64'), read: null, write: null };
      this.views.set(segment, view);
    }
    return view;
  }

  /** Fills the locals of the segments that the region has turned out to use. */
  protected loadSegments(): Expr[] {
    const out: Expr[] = [];
    for (const [segment, { base, read, write }] of this.views) {
      out.push(this.set(base, this.state64(L.SEG + segment * L.SEG_SIZE + L.SEG_BASE)));
      for (const [limit, writes] of [[read, 0] as const, [write, 1] as const])
        if (limit !== null) out.push(this.set(limit, this.call('plainLimit', [this.i32(segment), this.i32(writes)], 'i64')));
    }
    if (this.views.size > 0) this.called.add('plainLimit');
    return out;
  }

  private codeLimit(): Expr {
    return this.module.i64.load32_u(L.SEG_CS + L.SEG_LIMIT, 1, this.i32(0), 'state');
  }

  /** Leaves to the interpreter when the target of a jump is beyond the code segment. */
  protected checkLimit(target: Expr): Expr[] {
    return [this.seldom(this.module.i64.gt_u(target, this.codeLimit()), this.sideExit())];
  }

  /**
   * True when not all blocks that the region has or leads to lie within the code segment, or when RIP would wrap between
   * them: one check at the entry, none at the branches.
   */
  protected isOutside(): Expr {
    const m = this.module;
    const { blocks, external } = this.request;
    const lowest = Math.min(...blocks.map((b) => b.offset), ...external);
    const end = Math.max(...blocks.map((b) => b.end), ...external.map((offset) => offset + LONGEST_BLOCK));
    const plus = (distance: number): Expr => m.i64.add(this.get(this.rip0, 'i64'), this.i64(BigInt(distance)));
    const beyond = m.i64.gt_s(plus(end - 1), this.codeLimit());
    const below = m.i64.lt_s(plus(lowest), this.i64(0n));
    if (this.mode !== 16) return m.i32.or(below, beyond);
    return m.i32.or(m.i32.or(below, beyond), m.i64.gt_s(plus(end), this.i64(0x10000n)));
  }

  /** True for a target that no code can be at; it goes through a local. */
  protected notCanonical(target: number, value: Expr): Expr {
    const m = this.module;
    const extended = m.i64.shr_s(m.i64.shl(this.tee(target, value, 'i64'), this.i64(16n)), this.i64(16n));
    return m.i64.ne(extended, this.get(target, 'i64'));
  }
}

import { type Expr, TYPES } from '../emit/wasm-types.ts';
import * as L from '../state/vcpu-layout.ts';
import type { FlagState } from './flag-state.ts';
import { RegionX87 } from './region-x87.ts';
import { BLOCK_ENTRY_SIZE, type RegionBlock } from './region.ts';

/** Ways out of a region: in the middle of a block, at its end, when the budget is used up or a page has moved. */
export abstract class RegionExits extends RegionX87 {
  /** Sets of registers that some way out stores. */
  private readonly spilt = new Set<number>();

  /** Leaves to the interpreter at an instruction of this block (default: the one at hand). */
  protected sideExit(index = this.stepIndex, state: FlagState = this.flags): Expr[] {
    return [
      ...this.storeX87(),
      ...this.keepFlags(state, false),
      this.set(this.exitPlace, this.i32((this.blockIndex << 6) | index)),
      this.set(this.exitDirty, this.i32(this.dirtyNow)),
      this.module.br('side'),
    ];
  }

  /** Ends the region's run at a block's end: everything to memory, then on at a RIP. `entry` = index of a known record there. */
  protected leaveTo(from: number, rip: Expr, entry: number | null, state: FlagState): Expr[] {
    const out = [...this.flushFlags(state), this.set(this.exitRip, rip)];
    if (entry === null) out.push(this.set(this.exitHandler, this.i32(0)));
    else {
      out.push(this.set(this.exitRecord, this.blockWord(entry, 0)));
      out.push(this.set(this.exitHandler, this.load32(this.get(this.exitRecord, 'i32'), L.REC_HANDLER)));
      if (!this.samePage(from, entry)) {
        const moved = this.module.call('pageMoved', [this.linearRip(this.get(this.exitRip, 'i64')), this.blockWord(entry, 8)], TYPES.i32);
        out.push(this.seldom(moved, [this.set(this.exitHandler, this.i32(0))]));
      }
    }
    return [...out, this.brOut(this.flow.dirtyAfter[from] as number)];
  }

  /** Stores registers on the way out; ways out with the same registers share the code. */
  private brOut(dirty: number): Expr {
    if (dirty === 0) return this.module.br('out');
    this.spilt.add(dirty);
    return this.module.br(`s${dirty}`);
  }

  /** The code of a region's body inside what its ways out share. */
  protected withSpills(body: Expr[]): Expr[] {
    let inside = body;
    for (const dirty of this.spilt) inside = [this.module.block(`s${dirty}`, inside), ...this.spill(dirty), this.module.br('out')];
    return inside;
  }

  protected samePage(from: number, entry: number): boolean {
    const offset = this.request.external[entry - this.request.blocks.length] as number;
    return Math.floor((this.request.entryInPage + offset) / 4096) === (this.request.blocks[from] as RegionBlock).page;
  }

  /** True when the budget is used up, or another thread wants the core back. */
  protected isSpent(): Expr {
    return this.op('i32.le_s', this.op('i32.or', this.get(this.ticks, 'i32'), this.state32(L.KICK)), this.i32(0));
  }

  /** Leaves when the budget is used up; at back edges, with the registers of the target's start. */
  protected tick(to: number, state: FlagState): Expr[] {
    const target = this.request.blocks[to] as RegionBlock;
    return [
      this.seldom(this.isSpent(), [
        this.set(this.exitRip, this.ripAt(target.offset)),
        ...this.flushFlags(state),
        this.set(this.exitHandler, this.i32(-1)),
        this.brOut(this.flow.dirty[to] as number),
      ]),
    ];
  }

  /** Leaves unless the target's page is still where it was when the region was made. */
  protected checkPage(from: number, to: number, state: FlagState): Expr[] {
    const m = this.module;
    const target = this.request.blocks[to] as RegionBlock;
    const moved = m.call('pageMoved', [this.linearRip(this.ripAt(target.offset)), this.blockWord(to, 8)], TYPES.i32);
    return [
      this.seldom(moved, [
        ...this.keepFlags(state, false),
        this.set(this.exitPlace, this.i32(to << 6)),
        this.set(this.exitDirty, this.i32(this.flow.dirtyAfter[from] as number)),
        m.br('lost'),
      ]),
    ];
  }

  /** Address of the block table's entry for exitPlace, less the place of the region's first. */
  private placeEntry(): Expr {
    const m = this.module;
    return m.i32.add(m.global.get('base', TYPES.i32), m.i32.mul(m.i32.shr_u(this.get(this.exitPlace, 'i32'), this.i32(6)), this.i32(BLOCK_ENTRY_SIZE)));
  }

  /** A word of that entry. */
  private placeWord(entry: number, offset: number): Expr {
    return this.load32(this.get(entry, 'i32'), this.tableIndex * BLOCK_ENTRY_SIZE + offset);
  }

  private placeRip(entry: number): Expr {
    const m = this.module;
    const rip = m.i64.add(this.get(this.rip0, 'i64'), m.i64.extend_s(this.placeWord(entry, 12)));
    return this.set(this.exitRip, this.mode === 64 ? rip : m.i64.and(rip, this.i64(0xffffffffn)));
  }

  /** From exitPlace to the block there by its RIP: its page has moved. */
  protected lostExit(): Expr[] {
    const entry = this.local('i32');
    return [...this.spillDirty(), ...this.flushDynamic(), this.set(entry, this.placeEntry()), this.placeRip(entry), this.set(this.exitHandler, this.i32(0))];
  }

  /** From exitPlace to exitRip, exitRecord and exitHandler: to the interpreter, or to the host loop with a fault. */
  protected placeExit(): Expr[] {
    const m = this.module;
    const entry = this.local('i32');
    const step = (): Expr => m.i32.and(this.get(this.exitPlace, 'i32'), this.i32(63));
    const word = (offset: number): Expr => this.placeWord(entry, offset);
    return [
      ...this.spillDirty(),
      ...this.flushDynamic(),
      this.set(entry, this.placeEntry()),
      this.placeRip(entry),
      this.set(this.exitRecord, m.i32.add(word(0), m.i32.mul(step(), this.i32(L.REC_SIZE)))),
      // the first record may lead right back here: the interpreter's own handler is beside it
      this.set(this.exitHandler, m.if(step(), this.load32(this.get(this.exitRecord, 'i32'), L.REC_HANDLER), word(4))),
      this.when(this.state32(L.FAULT), [this.setState32(L.CUR_REC, this.get(this.exitRecord, 'i32')), this.set(this.exitHandler, this.i32(-1))]),
    ];
  }
}

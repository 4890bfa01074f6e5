import type { Expr } from '../emit/wasm-types.ts';
import type { Node } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import type { FlagState } from './flag-state.ts';
import type { Step } from './region-base.ts';
import { RegionFlags } from './region-flags.ts';
import { x87UseOf } from './x87-routines.ts';

/** A register of the stack in locals. */
export interface Cell {
  readonly sig: number;
  readonly se: number;
  /** True when the locals hold the register; false: it is in machine state. */
  known: boolean;
  dirty: boolean;
}

/** C1 and the exception summary of the status word. */
const C1 = 0x200;
const ES = 0x80;

/**
 * The x87 register stack in locals, within one block: TOP as it was when the block first met the stack, tags in the order
 * of ST numbers from there, the status word, and registers as they are used. Values pass from instruction to instruction
 * without going through machine state. Whatever is not plain (empty or full places, operands or control words that the
 * fast paths refuse) goes to the routine that the interpreter calls, with machine state up to date.
 */
export abstract class RegionX87Stack extends RegionFlags {
  private top = -1;
  private tags = -1;
  private status = -1;
  private readonly pool: { readonly sig: number; readonly se: number }[] = [];
  protected cells: Cell[] = [];
  protected open = false;
  /** How far TOP has moved since the stack was opened. */
  protected depth = 0;
  /** What has changed since then: from there on it is stored, whatever it is. */
  private topChanged = false;
  private tagsChanged = false;
  private statusChanged = false;

  protected abstract sideExit(index?: number, state?: FlagState): Expr[];

  // --- opening and closing -----------------------------------------------------------------------
  /** What must be done before an instruction: machine state is brought up to date for those that look at it. */
  protected beforeX87(program: readonly Node[]): Expr[] {
    const use = x87UseOf(program);
    if (use === 'none' || (use === 'action' && this.open)) return [];
    if (use === 'state') return this.closeX87();
    // one instruction alone is not worth it
    const steps = this.steps[this.blockIndex] as Step[];
    const next = steps
      .slice(this.stepIndex + 1)
      .map((step) => x87UseOf(step.program))
      .find((other) => other !== 'none');
    return next === 'action' ? this.openX87() : [];
  }

  private openX87(): Expr[] {
    if (this.top < 0) {
      this.top = this.permanent('i32');
      this.tags = this.permanent('i32');
      this.status = this.permanent('i32');
      for (let i = 0; i < 8; i++) this.pool.push({ sig: this.permanent('i64'), se: this.permanent('i32') });
    }
    this.open = true;
    this.depth = 0;
    this.topChanged = false;
    this.tagsChanged = false;
    this.statusChanged = false;
    this.cells = this.pool.map((place) => ({ ...place, known: false, dirty: false }));
    return [this.set(this.top, this.state32(L.FPU_TOP)), ...this.readWords()];
  }

  /** Brings machine state up to date and ends the use of locals. */
  protected closeX87(): Expr[] {
    const out = this.storeX87();
    this.open = false;
    return out;
  }

  /** Ends the use of locals where control does not come by. */
  protected forgetX87(): void {
    this.open = false;
  }

  /** Status word and tags, turned so that bit 0 belongs to the register that was ST(0) when the stack was opened. */
  protected readWords(): Expr[] {
    const m = this.module;
    const twice = m.i32.mul(this.state32(L.FPU_TAG), this.i32(0x101));
    return [this.set(this.tags, m.i32.and(m.i32.shr_u(twice, this.get(this.top, 'i32')), this.i32(0xff))), this.set(this.status, this.state32(L.FPU_SW))];
  }

  /** Brings machine state up to date; the locals stay in use. */
  protected storeX87(): Expr[] {
    if (!this.open) return [];
    const m = this.module;
    const out: Expr[] = [];
    for (const [position, { sig, se, dirty }] of this.cells.entries()) {
      if (!dirty) continue;
      out.push(m.i64.store(L.FPU_ST, 1, this.slot(position), this.get(sig, 'i64'), 'state'));
      out.push(m.i32.store16(L.FPU_ST + 8, 1, this.slot(position), this.get(se, 'i32'), 'state'));
    }
    if (this.topChanged) out.push(this.setState32(L.FPU_TOP, this.topNow(this.depth)));
    if (this.tagsChanged) {
      const twice = m.i32.mul(this.get(this.tags, 'i32'), this.i32(0x101));
      out.push(this.setState32(L.FPU_TAG, m.i32.and(m.i32.shr_u(m.i32.shl(twice, this.get(this.top, 'i32')), this.i32(8)), this.i32(0xff))));
    }
    if (this.statusChanged) out.push(this.setState32(L.FPU_SW, this.get(this.status, 'i32')));
    return out;
  }

  // --- places --------------------------------------------------------------------------------------
  protected topNow(depth: number): Expr {
    const m = this.module;
    return m.i32.and(m.i32.add(this.get(this.top, 'i32'), this.i32(depth)), this.i32(7));
  }
  /** Distance of a register from the first one in machine state. */
  private slot(position: number): Expr {
    return this.module.i32.shl(this.topNow(position), this.i32(4));
  }
  /** Where ST(i) stands among the cells and the tags. */
  protected position(i: number): number {
    return (this.depth + i) & 7;
  }
  protected cell(position: number): Cell {
    return this.cells[position] as Cell;
  }
  protected fetch(position: number): Expr[] {
    const m = this.module;
    const { sig, se } = this.cell(position);
    return [this.set(sig, m.i64.load(L.FPU_ST, 1, this.slot(position), 'state')), this.set(se, m.i32.load16_u(L.FPU_ST + 8, 1, this.slot(position), 'state'))];
  }
  /** Loads a register unless its locals hold it. */
  protected need(position: number): Expr[] {
    const cell = this.cell(position);
    if (cell.known) return [];
    cell.known = true;
    return this.fetch(position);
  }
  protected write(position: number): Cell {
    const cell = this.cell(position);
    cell.known = true;
    cell.dirty = true;
    return cell;
  }

  // --- tags and status -----------------------------------------------------------------------------
  /** True when the places of the first mask are in use and those of the second empty. */
  protected tagged(used: number, empty = 0): Expr {
    const m = this.module;
    return m.i32.eq(m.i32.and(this.get(this.tags, 'i32'), this.i32(used | empty)), this.i32(used));
  }
  protected setTags(and: number, or: number): Expr {
    const m = this.module;
    this.tagsChanged = true;
    return this.set(this.tags, m.i32.or(m.i32.and(this.get(this.tags, 'i32'), this.i32(and)), this.i32(or)));
  }
  /** Clears C1 and adds exceptions. */
  protected setStatus(flags: Expr | null): Expr {
    const m = this.module;
    this.statusChanged = true;
    const cleared = m.i32.and(this.get(this.status, 'i32'), this.i32(~C1));
    return this.set(this.status, flags === null ? cleared : m.i32.or(cleared, flags));
  }

  /** Leaves when an exception is pending. */
  protected needX87(): Expr[] {
    const word = this.open ? this.get(this.status, 'i32') : this.state32(L.FPU_SW);
    return [this.seldom(this.op('i32.and', word, this.i32(ES)), this.sideExit())];
  }

  protected move(distance: number): void {
    this.depth += distance;
    this.topChanged = true;
  }

  protected pop(): Expr {
    const out = this.setTags(~(1 << this.position(0)), 0);
    this.move(1);
    return out;
  }

  /**
   * `fast` when the condition holds, else the routine on machine state. Both leave what the translator knows of the stack
   * the same; where the routine has left TOP elsewhere, the interpreter goes on.
   */
  protected guarded(condition: Expr, routine: () => Expr, fast: () => Expr[]): Expr[] {
    const m = this.module;
    const slow = [...this.storeX87(), routine()];
    const quick = fast();
    this.open = false;
    slow.push(this.seldom(m.i32.ne(this.state32(L.FPU_TOP), this.topNow(this.depth)), this.sideExit(this.stepIndex + 1)));
    this.open = true;
    slow.push(...this.readWords());
    for (const [position, { known }] of this.cells.entries()) if (known) slow.push(...this.fetch(position));
    return [m.if(condition, this.block(quick), this.block(slow), 'likely')];
  }
}

import type { RegisterUse } from './register-flow.ts';
import type { Expr } from '../emit/wasm-types.ts';
import type { MemoryRef, Node, RegisterRef, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { RegionBase } from './region-base.ts';
import type { RegionBlock } from './region.ts';

/** Operands of a region's instructions: registers in locals, everything else known when it is emitted. */
export abstract class RegionOperands extends RegionBase {
  protected readRegister(register: RegisterRef, width: Width): Expr {
    const m = this.module;
    const n = register.index as number;
    if (register.file === 'mmx') return width === 64 ? this.state64(L.FPU_ST + n * 16) : this.state32(L.FPU_ST + n * 16);
    if (register.file === 'xmm') {
      const v = this.get(this.xmms.get(n) as number, 'v128');
      if (width === 128) return v;
      if (width === 64) return m.i64x2.extract_lane(v, 0);
      return width === 32 ? m.i32x4.extract_lane(v, 0) : width === 16 ? m.i16x8.extract_lane_u(v, 0) : m.i8x16.extract_lane_u(v, 0);
    }
    const v = this.get(this.gprs.get(n) as number, 'i64');
    if (width === 64) return v;
    const low = m.i32.wrap(v);
    if (width === 32) return low;
    if (width === 16) return m.i32.and(low, this.i32(0xffff));
    return m.i32.and(register.high ? m.i32.shr_u(low, this.i32(8)) : low, this.i32(0xff));
  }

  /** A general register gets a value that says nothing about its last one. */
  protected abstract written(register: number): void;

  protected writeRegister(register: RegisterRef, width: Width, value: Expr): Expr {
    const m = this.module;
    const n = register.index as number;
    if (register.file === 'mmx') return width === 64 ? this.setState64(L.FPU_ST + n * 16, value) : this.setState32(L.FPU_ST + n * 16, value);
    this.dirtyNow |= this.registerBit(register);
    if (register.file === 'gpr') this.written(n);
    if (register.file === 'xmm') {
      const local = this.xmms.get(n) as number;
      if (width === 128) return this.set(local, value);
      const old = this.get(local, 'v128');
      return this.set(
        local,
        width === 64 ? m.i64x2.replace_lane(old, 0, value) : width === 32 ? m.i32x4.replace_lane(old, 0, value) : m.i16x8.replace_lane(old, 0, value),
      );
    }
    const local = this.gprs.get(n) as number;
    if (width === 64) return this.set(local, value);
    const wide = m.i64.extend_u(value);
    if (width === 32) return this.set(local, wide);
    const shift = register.high ? 8n : 0n;
    const mask = (width === 16 ? 0xffffn : 0xffn) << shift;
    return this.set(local, m.i64.or(m.i64.and(this.get(local, 'i64'), this.i64(~mask)), shift === 0n ? wide : m.i64.shl(wide, this.i64(shift))));
  }

  /** Stores registers of a set to machine state. */
  protected spill(set: number): Expr[] {
    return [...this.gprs.keys()]
      .filter((n) => set & (1 << n))
      .map((n) => this.spillGpr(n))
      .concat([...this.xmms.keys()].filter((n) => set & (1 << (16 + n))).map((n) => this.spillXmm(n)));
  }

  private spillGpr(n: number): Expr {
    return this.setState64(L.GPR + n * 8, this.get(this.gprs.get(n) as number, 'i64'));
  }
  private spillXmm(n: number): Expr {
    return this.module.v128.store(L.XMM + n * 16, 1, this.i32(0), this.get(this.xmms.get(n) as number, 'v128'), 'state');
  }

  /** Stores the registers of the set in `exitDirty`; on ways out that are seldom taken and share their code. */
  protected spillDirty(): Expr[] {
    const m = this.module;
    const has = (bit: number): Expr => m.i32.and(this.get(this.exitDirty, 'i32'), this.i32(1 << bit));
    const all = this.flow.dirty.reduce((set, mask, b) => set | mask | (this.uses[b] as RegisterUse).writes, 0);
    const gprs = [...this.gprs.keys()].filter((n) => all & (1 << n)).map((n) => this.when(has(n), [this.spillGpr(n)]));
    return gprs.concat([...this.xmms.keys()].filter((n) => all & (1 << (16 + n))).map((n) => this.when(has(16 + n), [this.spillXmm(n)])));
  }

  /** Loads registers of a set from machine state. */
  protected fill(set: number): Expr[] {
    const m = this.module;
    const out: Expr[] = [];
    for (const [n, local] of this.gprs) if (set & (1 << n)) out.push(this.set(local, this.state64(L.GPR + n * 8)));
    for (const [n, local] of this.xmms) if (set & (1 << (16 + n))) out.push(this.set(local, m.v128.load(L.XMM + n * 16, 1, this.i32(0), 'state')));
    return out;
  }

  protected immediate(_width: Width): Expr {
    throw new Error('translated code knows its immediates');
  }

  protected effectiveAddress(node: Node, delta: Expr | null): Expr {
    const m = this.module;
    const ref = node.memory as MemoryRef;
    const block = this.request.blocks[this.blockIndex] as RegionBlock;
    let sum: Expr | null = null;
    const plus = (x: Expr): void => {
      sum = sum === null ? x : m.i64.add(sum, x);
    };
    if (ref.base === 16) plus(this.ripAt(block.offset + this.step.offset + this.step.instruction.length));
    else if (ref.base >= 0) plus(this.get(this.gprs.get(ref.base) as number, 'i64'));
    if (ref.index >= 0) {
      const index = this.get(this.gprs.get(ref.index) as number, 'i64');
      plus(ref.scale === 0 ? index : m.i64.shl(index, this.i64(BigInt(ref.scale))));
    }
    const parts = (ref.base >= 0 ? 1 : 0) + (ref.index >= 0 ? 1 : 0);
    if (ref.disp !== 0n || parts === 0) plus(this.i64(BigInt.asIntN(64, ref.disp)));
    if (delta !== null) plus(delta);
    const total = sum as unknown as Expr;
    if (ref.addressWidth === 64) return total;
    const exact = parts === 0 && delta === null && ref.disp >= 0n;
    const plain = parts === 1 && ref.index < 0 && ref.disp === 0n && delta === null && ref.addressWidth === 32 && this.mode !== 64;
    return exact || plain ? total : m.i64.and(total, this.i64(ref.addressWidth === 32 ? 0xffffffffn : 0xffffn));
  }

  protected special(node: Node): Expr {
    const block = this.request.blocks[this.blockIndex] as RegionBlock;
    const { facts, length } = this.step.instruction;
    switch (node.op) {
      case 'nextRip':
        return this.ripAt(block.offset + this.step.offset + length);
      case 'thisRip':
        return this.ripAt(block.offset + this.step.offset);
      case 'relativeTarget':
        return this.ripAt(block.target as number);
      case 'segmentNumber':
        return this.i32(facts.segment);
      case 'addressWidth':
        return this.i32(facts.addressWidth);
      case 'repeat':
        return this.i32(facts.repeat);
      default:
        throw new Error(`no meaning for node ${node.op}`);
    }
  }
}

import { type Expr, TYPES, type WasmModule } from '../emit/binaryen.ts';
import { Emitter } from '../emit/emitter.ts';
import { LazyFlags } from '../emit/lazy-flags.ts';
import type { InstructionFacts } from '../ir/machine.ts';
import type { Flag, Node, RegisterRef, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';

/** The only parameter of a handler: the address of its predecoded record. */
const REC = 0;

/** Nothing to undo. */
export const NO_STATEMENTS = (): Expr[] => [];

/** What a handler knows of its instruction: operands from the predecoded record, registers and flags in memory, RIP, faults. */
export abstract class HandlerBase extends Emitter {
  protected readonly flags: LazyFlags;
  /** What is to be undone when the address at hand faults. */
  protected undo: () => Expr[] = NO_STATEMENTS;

  protected readonly facts: InstructionFacts;

  constructor(module: WasmModule, facts: InstructionFacts) {
    super(module, 1);
    this.facts = facts;
    this.flags = new LazyFlags(this);
  }

  protected rec(): Expr {
    return this.get(REC, 'i32');
  }

  // --- operands --------------------------------------------------------------------------------
  /** Pointer and constant offset of a register in state memory. */
  protected place(register: RegisterRef): { pointer: Expr; offset: number } {
    const { file, index } = register;
    if (typeof index === 'number') {
      const offset = file === 'gpr' ? L.GPR + index * 8 + (register.high ? 1 : 0) : file === 'xmm' ? L.XMM + index * 16 : L.FPU_ST + index * 16;
      return { pointer: this.i32(0), offset };
    }
    if (index === 'extra') return { pointer: this.module.i32.shl(this.load8(this.rec(), L.REC_EXTRA), this.i32(3)), offset: L.GPR };
    return { pointer: this.load16(this.rec(), index === 'reg' ? L.REC_REG : L.REC_RM), offset: 0 };
  }

  protected readRegister(register: RegisterRef, width: Width): Expr {
    const { pointer, offset } = this.place(register);
    const m = this.module;
    if (width === 8) return this.load8(pointer, offset);
    if (width === 16) return this.load16(pointer, offset);
    if (width === 32) return this.load32(pointer, offset);
    if (width === 64) return this.load64(pointer, offset);
    return m.v128.load(offset, 1, pointer, 'state');
  }

  protected writeRegister(register: RegisterRef, width: Width, value: Expr): Expr {
    const { pointer, offset } = this.place(register);
    const m = this.module;
    if (width === 8) return m.i32.store8(offset, 1, pointer, value, 'state');
    if (width === 16) return m.i32.store16(offset, 1, pointer, value, 'state');
    if (width === 32) return register.file === 'gpr' ? this.store64(pointer, offset, m.i64.extend_u(value)) : this.store32(pointer, offset, value);
    if (width === 64) return this.store64(pointer, offset, value);
    return m.v128.store(offset, 1, pointer, value, 'state');
  }

  protected immediate(width: Width): Expr {
    if (width === 8) return this.load8(this.rec(), L.REC_IMM);
    if (width === 16) return this.load16(this.rec(), L.REC_IMM);
    return width === 64 ? this.load64(this.rec(), L.REC_IMM) : this.load32(this.rec(), L.REC_IMM);
  }

  /** base + (index << scale) + displacement, cut to the address width. */
  protected offset(delta: Expr | null): Expr {
    const m = this.module;
    const index = m.i64.shl(this.load64(this.load16(this.rec(), L.REC_INDEX), 0), m.i64.load8_u(L.REC_SCALE, 1, this.rec(), 'state'));
    const disp = m.i64.load32_s(L.REC_DISP, 1, this.rec(), 'state');
    let sum = m.i64.add(m.i64.add(this.load64(this.load16(this.rec(), L.REC_BASE), 0), index), disp);
    if (delta !== null) sum = m.i64.add(sum, delta);
    const shift = this.local('i64');
    return m.i64.shr_u(m.i64.shl(sum, this.tee(shift, m.i64.load8_u(L.REC_FLAGS, 1, this.rec(), 'state'), 'i64')), this.get(shift, 'i64'));
  }

  protected effectiveAddress(_node: Node, delta: Expr | null): Expr {
    return this.offset(delta);
  }

  protected linearAddress(node: Node, delta: Expr | null): Expr {
    const m = this.module;
    const local = this.local('i64');
    const write = node.write ? 1 : 0;
    const body = [
      this.set(local, this.offset(delta)),
      this.when(m.i32.and(this.load8(this.rec(), L.REC_FLAGS), this.i32(L.REC_FLAG_SLOW)), [
        this.set(local, this.call('slowAddress', [this.get(local, 'i64'), this.rec(), this.i32(node.bytes ?? 1), this.i32(write)], 'i64')),
        this.leaveIfFault(this.undo()),
      ]),
      this.get(local, 'i64'),
    ];
    return m.block(null, body, TYPES.i64);
  }

  // --- flags -----------------------------------------------------------------------------------
  protected readFlag(name: string): Expr {
    return this.flags.read(name as Flag);
  }
  protected readCondition(code: number): Expr {
    return this.flags.condition(code);
  }

  // --- places in the program -------------------------------------------------------------------
  /** Cuts a RIP to the width of the operand size in modes other than 64-bit. */
  protected cutRip(value: Expr): Expr {
    const size = this.facts.size;
    return this.facts.mode === 64 ? value : this.module.i64.and(value, this.i64(size === 16 ? 0xffffn : 0xffffffffn));
  }
  protected ripAfter(): Expr {
    const m = this.module;
    const end = m.i32.add(this.load16(this.rec(), L.REC_OFFSET), this.load8(this.rec(), L.REC_LENGTH));
    const rip = m.i64.add(this.state64(L.RIP), m.i64.extend_u(end));
    return this.facts.mode === 64 ? rip : m.i64.and(rip, this.i64(0xffffffffn));
  }
  protected ripHere(): Expr {
    return this.module.i64.add(this.state64(L.RIP), this.module.i64.load16_u(L.REC_OFFSET, 1, this.rec(), 'state'));
  }

  protected special(node: Node): Expr {
    const m = this.module;
    switch (node.op) {
      case 'nextRip':
        return this.ripAfter();
      case 'thisRip':
        return this.ripHere();
      case 'relativeTarget':
        return this.cutRip(m.i64.add(this.state64(L.RIP), this.load64(this.rec(), L.REC_IMM)));
      case 'segmentNumber':
        return m.i32.and(this.load8(this.rec(), L.REC_SEG), this.i32(7));
      case 'addressWidth':
        return m.i32.sub(this.i32(64), m.i32.and(this.load8(this.rec(), L.REC_FLAGS), this.i32(63)));
      case 'registerNumber': {
        const { pointer, offset } = this.place(node.register as RegisterRef);
        return m.i32.shr_u(m.i32.sub(pointer, this.i32(L.GPR - offset)), this.i32(3));
      }
      case 'repeat':
        return m.i32.and(this.load8(this.rec(), L.REC_EXTRA), this.i32(L.REC_EXTRA_REPEAT));
      default:
        throw new Error(`no meaning for node ${node.op}`);
    }
  }

  // --- faults ----------------------------------------------------------------------------------
  protected leaveIfFault(before: Expr[] = []): Expr {
    return this.when(this.state32(L.FAULT), [...before, this.setState32(L.CUR_REC, this.rec()), this.module.return()]);
  }
  protected raise(vector: Expr, error: number): Expr[] {
    return [
      this.setState32(L.FAULT, this.i32(1)),
      this.setState32(L.FAULT_VECTOR, vector),
      this.setState32(L.FAULT_ERROR, this.i32(error)),
      this.setState32(L.CUR_REC, this.rec()),
      this.setState32(L.EXIT_REASON, this.i32(L.EXIT_FAULT)),
      this.module.return(),
    ];
  }
}

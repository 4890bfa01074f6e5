import type { Instruction } from '../decode/instruction.ts';
import type { Operand } from '../ir/machine.ts';
import type { MemoryRef, RegisterRef } from '../ir/node.ts';
import type { Row } from '../isa/dsl/row.ts';
import * as L from '../state/vcpu-layout.ts';
import type { InterpreterIndex } from './generate-interpreter.ts';
import { handlerName } from './handler-key.ts';

/** What the predecoder needs of a row, looked up once. */
interface RowPlan {
  readonly memory: boolean;
  readonly relative: boolean;
  /** Where in the record each operand's register goes. */
  readonly places: readonly ('reg' | 'rm' | 'extra' | 'none')[];
  /** Handlers by LOCK, form, mode, stack and address width. */
  readonly handlers: (number | undefined)[];
}

const WIDTH_INDEX: Readonly<Record<16 | 32 | 64, number>> = { 16: 0, 32: 1, 64: 2 };

/** Writes predecoded records for the interpreter into the arena of the machine state. */
export class Predecoder {
  private readonly handlerIndex = new Map<string, number>();
  private readonly dimensions: Readonly<Record<string, readonly string[]>>;
  private readonly plans = new Map<Row, RowPlan>();

  private readonly view: DataView;

  constructor(view: DataView, index: InterpreterIndex) {
    this.view = view;
    view.setBigUint64(L.FAR, BigInt(L.FAR_STEP), true);
    this.dimensions = index.dimensions;
    for (const [i, name] of index.handlers.entries()) this.handlerIndex.set(name, i);
  }

  /** Table index of a special handler (`end`, `stale`, `undefined`). */
  special(name: string): number {
    return this.handlerIndex.get(name) as number;
  }

  private handlerFor(instruction: Instruction, plan: RowPlan): number {
    const { row, facts } = instruction;
    const memory = instruction.memory && plan.memory;
    const slot = (facts.lock ? 54 : 0) + (memory ? 27 : 0) + WIDTH_INDEX[facts.mode] * 9 + WIDTH_INDEX[facts.stackWidth] * 3 + WIDTH_INDEX[facts.addressWidth];
    let handler = plan.handlers[slot];
    if (handler === undefined) {
      const name = handlerName(row.id, memory, this.dimensions[`${row.id}/${memory ? 'm' : 'r'}`] ?? [], facts);
      handler = this.handlerIndex.get(name);
      if (handler === undefined) throw new Error(`the interpreter has no handler ${name}`);
      plan.handlers[slot] = handler;
    }
    return handler;
  }

  private planOf(row: Row): RowPlan {
    let plan = this.plans.get(row);
    if (plan === undefined) {
      plan = {
        memory: row.operands.some((k) => /^(rm\d|xm|qm|m\d*$)/.test(k)),
        relative: row.operands.some((k) => k.startsWith('rel')),
        places: row.operands.map((k) => (/^(r\d|x$|q$)/.test(k) ? 'reg' : /^(rm|o\d|xm|xr|qm|qr)/.test(k) ? 'rm' : /^v\d/.test(k) ? 'extra' : 'none')),
        handlers: [],
      };
      this.plans.set(row, plan);
    }
    return plan;
  }

  /**
   * Writes the record of an instruction.
   * @param flat segments need no base and no check but FS and GS
   */
  write(at: number, instruction: Instruction, offset: number, ordinal: number, flat: boolean): void {
    const { view } = this;
    const { row, facts } = instruction;
    const plan = this.planOf(row);
    view.setUint32(at + L.REC_HANDLER, this.handlerFor(instruction, plan), true);
    view.setUint16(at + L.REC_OFFSET, offset, true);
    view.setUint8(at + L.REC_LENGTH, instruction.length);
    view.setUint8(at + L.REC_ORDINAL, ordinal);
    view.setUint16(at + L.REC_REG, L.ZERO, true);
    view.setUint16(at + L.REC_RM, L.ZERO, true);
    view.setUint8(at + L.REC_EXTRA, 0);
    view.setUint32(at + L.REC_CHAIN, 0, true);
    view.setUint32(at + L.REC_HEAT, 0, true);
    view.setBigInt64(at + L.REC_IMM, 0n, true);
    view.setUint32(at + L.REC_DISP, 0, true);
    this.writeSegment(at, facts.segment, facts.mode, flat, 64 - facts.addressWidth);
    for (let i = 0; i < facts.operands.length; i++) {
      const operand = facts.operands[i] as Operand;
      const place = plan.places[i];
      if (operand.kind === 'memory') this.writeMemory(at, operand.memory as MemoryRef, offset + instruction.length, facts.mode, flat);
      else if (operand.kind === 'immediate') view.setBigInt64(at + L.REC_IMM, operand.value as bigint, true);
      else if (place === 'reg') view.setUint16(at + L.REC_REG, placeOf(operand.register), true);
      else if (place === 'rm') view.setUint16(at + L.REC_RM, placeOf(operand.register), true);
      else if (place === 'extra') view.setUint8(at + L.REC_EXTRA, operand.register.index as number);
    }
    if (plan.relative) view.setBigInt64(at + L.REC_IMM, instruction.relative + BigInt(offset + instruction.length), true);
    if (facts.repeat !== 0) view.setUint8(at + L.REC_EXTRA, view.getUint8(at + L.REC_EXTRA) | facts.repeat);
  }

  private writeSegment(at: number, segment: number, mode: number, flat: boolean, cut: number): void {
    const needed = mode === 64 ? segment >= 4 : !flat || segment >= 4;
    this.view.setUint8(at + L.REC_SEG, segment);
    this.view.setUint8(at + L.REC_FLAGS, cut | (needed ? L.REC_FLAG_SLOW : 0));
    this.view.setUint16(at + L.REC_BASE, L.ZERO, true);
    this.view.setUint16(at + L.REC_INDEX, L.ZERO, true);
    this.view.setUint8(at + L.REC_SCALE, 0);
  }

  private writeMemory(at: number, memory: MemoryRef, end: number, mode: number, flat: boolean): void {
    const { view } = this;
    this.writeSegment(at, memory.segment, mode, flat, 64 - memory.addressWidth);
    let disp = memory.disp;
    if (memory.base === 16) {
      view.setUint16(at + L.REC_BASE, L.RIP, true);
      disp += BigInt(end);
      if (disp > 0x7fffffffn) {
        disp -= BigInt(L.FAR_STEP);
        view.setUint16(at + L.REC_INDEX, L.FAR, true);
      }
    } else if (memory.base >= 0) view.setUint16(at + L.REC_BASE, L.GPR + memory.base * 8, true);
    if (memory.index >= 0) view.setUint16(at + L.REC_INDEX, L.GPR + memory.index * 8, true);
    view.setUint8(at + L.REC_SCALE, memory.scale);
    if (disp === BigInt.asIntN(32, disp) || memory.addressWidth !== 64) view.setInt32(at + L.REC_DISP, Number(BigInt.asIntN(32, disp)), true);
    else {
      view.setBigInt64(at + L.REC_IMM, disp, true);
      view.setUint8(at + L.REC_SEG, memory.segment | 16);
      view.setUint8(at + L.REC_FLAGS, view.getUint8(at + L.REC_FLAGS) | L.REC_FLAG_SLOW);
    }
  }
}

/** State address of a register. */
function placeOf(register: RegisterRef): number {
  const index = register.index as number;
  if (register.file === 'gpr') return L.GPR + index * 8 + (register.high ? 1 : 0);
  return register.file === 'xmm' ? L.XMM + index * 16 : L.FPU_ST + index * 16;
}

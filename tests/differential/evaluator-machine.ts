import { decodeInstruction } from '../../jit/decode/decode-instruction.ts';
import { evaluable, Evaluator, EvaluatorFault, type EvaluatorMemory, type EvaluatorVectors, programOf } from '../support/evaluator.ts';
import type { LoadedInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { VcpuCore } from '../../jit/vcpu/vcpu-core.ts';
import { MicrocodeCaller } from '../support/microcode-caller.ts';
import { bareHost } from '../support/vector-machine.ts';
import { packFlags, unpackFlags } from '../support/evaluator-flags.ts';
import { FS_BASE, FS_LIMIT, GS_BASE, pageOf, PHYSICAL } from './address-space.ts';
import { floatState } from './float-state.ts';
import type { Outcome } from './outcome.ts';
import type { CodeSize } from './encode-row.ts';
import type { Image } from './program.ts';

/** The fuzzer's address space over plain bytes. */
class FlatMemory implements EvaluatorMemory {
  readonly bytes: Uint8Array;
  private readonly code: CodeSize;

  constructor(bytes: Uint8Array, code: CodeSize) {
    this.bytes = bytes;
    this.code = code;
  }

  private place(linear: bigint, write: boolean): number {
    const page = linear < 0x100000000n ? pageOf(Number(linear)) : undefined;
    if (page === undefined || (write && !page.writable)) throw new EvaluatorFault(14, 4 | (write ? 2 : 0) | (page === undefined ? 0 : 1));
    return page.physical - PHYSICAL + Number(linear & 4095n);
  }
  private at(linear: bigint, i: number): bigint {
    return BigInt.asUintN(this.code, linear + BigInt(i));
  }
  /** Both pages are checked before anything happens. */
  private check(linear: bigint, bytes: number, write: boolean): void {
    if (this.code === 64 && [linear, this.at(linear, bytes - 1)].some((a) => BigInt.asIntN(48, a) !== BigInt.asIntN(64, a))) throw new EvaluatorFault(13, 0);
    this.place(linear, write);
    this.place(this.at(linear, bytes - 1), write);
  }
  read(linear: bigint, bytes: number, forWriting: boolean): bigint {
    this.check(linear, bytes, forWriting);
    let v = 0n;
    for (let i = bytes - 1; i >= 0; i--) v = (v << 8n) | BigInt(this.bytes[this.place(this.at(linear, i), false)] as number);
    return v;
  }
  write(linear: bigint, bytes: number, value: bigint): void {
    this.check(linear, bytes, true);
    for (let i = 0; i < bytes; i++) this.bytes[this.place(this.at(linear, i), true)] = Number((value >> BigInt(8 * i)) & 255n);
  }
  segment(number: number, offset: bigint, bytes: number): bigint {
    const last = offset + BigInt(bytes - 1);
    if (this.code === 32 && last > (number === 4 ? BigInt(FS_LIMIT) : 0xffffffffn)) throw new EvaluatorFault(13, 0);
    return BigInt.asUintN(this.code, offset + BigInt(number === 4 ? FS_BASE : GS_BASE));
  }
  /** Up to 15 bytes of code, as far as pages are there. */
  fetch(linear: number): Uint8Array {
    const out: number[] = [];
    for (let i = 0; i < 15 && pageOf(linear + i) !== undefined; i++) out.push(this.bytes[this.place(BigInt(linear + i), false)] as number);
    return Uint8Array.from(out);
  }
}

/** What a program starts with. */
export interface Start {
  readonly gpr: readonly bigint[];
  readonly eflags: number;
  readonly memory: Uint8Array;
  /** Machine state from the x87 registers to the XMM registers. */
  readonly floats: Uint8Array;
}

const RAM_PAGES = 16;

/** Vector registers for the evaluator: in a machine of its own that runs nothing, for the microcode to work on. */
export class VectorState implements EvaluatorVectors {
  readonly view: DataView;
  private readonly core: VcpuCore;
  private readonly caller: MicrocodeCaller;

  constructor({ module, index }: LoadedInterpreter) {
    const memory = new WebAssembly.Memory({ initial: RAM_PAGES, maximum: 65536, shared: true });
    this.core = new VcpuCore(module, index, memory, RAM_PAGES << 16, bareHost);
    this.view = this.core.view;
    this.view.setBigUint64(L.CR4, 0x620n, true);
    this.caller = new MicrocodeCaller(this.core.exports);
  }

  /** Takes over the registers of another machine. */
  load(floats: Uint8Array): void {
    new Uint8Array(this.view.buffer).set(floats, L.FPU_ST);
    this.core.exports.sse_mxcsr_changed?.();
  }
  call(...args: Parameters<MicrocodeCaller['call']>): bigint {
    return this.caller.call(...args);
  }
}

/**
 * Runs a program in the evaluator as far as it knows the instructions.
 * @param most instructions after which it gives up
 * @returns null when it met an instruction it does not know
 */
export function evaluate(image: Image, code: CodeSize, { gpr, eflags, memory, floats }: Start, vectors: VectorState, most: number): Outcome | null {
  const flat = new FlatMemory(memory.slice(), code);
  vectors.load(floats);
  const state = { gpr: [...gpr], flags: unpackFlags(eflags), eflags: eflags & ~0x8d5, rip: BigInt(image.entry) };
  const evaluator = new Evaluator(state, flat, vectors);
  const log: string[] = [];
  let executed = 0;
  const outcome = (end: Outcome['end']): Outcome => {
    const registers = Object.fromEntries(state.gpr.slice(0, code === 64 ? 16 : 8).map((v, i) => [`gpr${i}`, v.toString(16)]));
    return {
      engine: 'evaluator',
      end,
      log,
      executed,
      state: { rip: state.rip.toString(16), eflags: (state.eflags | packFlags(state.flags)).toString(16), ...registers, ...floatState(vectors.view) },
      memory: flat.bytes,
    };
  };
  while (executed < most) {
    if (Number(state.rip) === image.end && log.length < 40) return outcome('finished');
    const instruction = pageOf(Number(state.rip)) ? decodeInstruction(flat.fetch(Number(state.rip)), 0, { code, stack: code }) : 'short';
    if (typeof instruction === 'string') return null;
    const program = programOf(instruction);
    if (!evaluable(program)) return null;
    try {
      evaluator.step(instruction, program);
      executed++;
    } catch (error) {
      if (!(error instanceof EvaluatorFault)) throw error;
      log.push(`${executed} ${state.rip.toString(16)} fault ${error.vector} ${error.code}`);
      if (log.length >= 40) return outcome('faulted');
      state.rip = BigInt.asUintN(code, state.rip + BigInt(instruction.length));
    }
  }
  return outcome('endless');
}

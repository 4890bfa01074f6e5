import { decodeInstruction } from '../../jit/decode/decode-instruction.ts';
import type { LoadedInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { VcpuCore } from '../../jit/vcpu/vcpu-core.ts';
import { SynchronousTranslator } from '../support/synchronous-translator.ts';
import { bareHost } from '../support/vector-machine.ts';
import { addressAt, CODE, DATA, offsetOf, PAGES, pageOf, PHYSICAL, PHYSICAL_PAGES, POINTERS, STACK_START } from './address-space.ts';
import type { CodeSize } from './encode-row.ts';
import type { Start } from './evaluator-machine.ts';
import { floatState } from './float-state.ts';
import type { Outcome } from './outcome.ts';
import type { Image, Program } from './program.ts';
import { layOutSegments } from './segment-layout.ts';
import { Random } from './random.ts';

const RAM_BYTES = 4 << 20;
const TABLES = 0x100000;
/** Instructions after which a program counts as endless. */
export const BUDGET = 20_000;
/** Faults after which a program ends. */
const MOST_FAULTS = 40;

/**
 * How a machine runs code: `interpreter`; `blocks`: every block translated alone before it runs; `regions`: regions
 * over as much as is known, before anything runs; `hot`: regions grow while the program runs, in short slices.
 */
export type Engine = 'interpreter' | 'blocks' | 'regions' | 'hot';

/** A vCPU in a 16, 32 or 64-bit mode with the address space of the fuzzer, at privilege 3. */
export class FuzzMachine {
  readonly core: VcpuCore;
  readonly engine: Engine;
  /** Registers and memory that the last program started with, when the evaluator may want them. */
  start: Start | null = null;
  private readonly translator: SynchronousTranslator | null;
  private readonly ram: Uint8Array;
  private readonly code: CodeSize;

  constructor({ module, index }: LoadedInterpreter, code: CodeSize, engine: Engine) {
    this.code = code;
    this.engine = engine;
    const memory = new WebAssembly.Memory({ initial: RAM_BYTES >> 16, maximum: 65536, shared: true });
    this.ram = new Uint8Array(memory.buffer);
    this.core = new VcpuCore(module, index, memory, RAM_BYTES, { ...bareHost, tsc: () => 0x1234 });
    this.core.stopOnFault = true;
    this.translator = engine === 'interpreter' ? null : new SynchronousTranslator(this.core, index, engine === 'hot' ? 2 : 0);
  }

  private setUp(program: Program): void {
    const { core, code } = this;
    const { view } = core;
    const tables = new DataView(this.ram.buffer);
    tables.setBigUint64(TABLES, BigInt(TABLES + 0x1000) | 0x27n, true);
    tables.setBigUint64(TABLES + 0x1000, BigInt(TABLES + 0x2000) | (code === 64 ? 0x27n : 1n), true);
    const segments = layOutSegments(program);
    for (const base of new Set(segments.map((s) => s.window))) {
      for (const { linear: address, physical, writable } of PAGES) {
        const linear = base + offsetOf(code, address);
        const table = TABLES + 0x3000 + (linear >>> 21) * 4096;
        tables.setBigUint64(TABLES + 0x2000 + (linear >>> 21) * 8, BigInt(table) | 0x27n, true);
        tables.setBigUint64(table + ((linear >>> 12) & 511) * 8, BigInt(physical) | (writable ? 0x67n : 0x65n), true);
      }
    }
    view.setBigUint64(L.CR0, 0x80010031n, true); // PG WP NE ET PE
    view.setBigUint64(L.CR3, BigInt(code === 64 ? TABLES : TABLES + 0x1000), true);
    view.setBigUint64(L.CR4, 0x50620n, true); // PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE
    view.setBigUint64(L.XCR0, 3n, true);
    view.setBigUint64(L.EFER, code === 64 ? 0xd01n : 0x800n, true);
    if (code !== 64) view.setBigUint64(L.PDPTE, BigInt(TABLES + 0x2000) | 1n, true);
    const segment = (at: number, base: number, limit: number, rights: number): void => {
      view.setBigUint64(at + L.SEG_BASE, BigInt(base), true);
      view.setUint32(at + L.SEG_LIMIT, limit, true);
      view.setUint32(at + L.SEG_ATTR, rights, true);
      view.setUint32(at + L.SEG_SELECTOR, 0x2b, true);
    };
    for (const [i, { base, limit, rights }] of segments.entries()) segment(L.SEG + i * L.SEG_SIZE, base, limit, rights);
    segment(L.SEG_TR, 0, 0, 0x8b00);
    view.setUint32(L.CPL, 3, true);
    view.setUint32(L.IDTR_LIMIT, 0, true);
    core.exports.updateContext();
  }

  /** Runs a program from its own starting state. */
  run(program: Program, image: Image): Outcome {
    const { core } = this;
    this.load(program, image);
    this.start =
      program.evaluable && (program.segments ?? 'flat') === 'flat' && this.engine === 'interpreter'
        ? {
            gpr: Array.from({ length: 16 }, (_, i) => core.gpr(i)),
            eflags: core.exports.getEflags(),
            memory: this.snapshot().memory,
            floats: new Uint8Array(core.view.buffer).slice(L.FPU_ST, L.YMM_HIGH),
          }
        : null;
    const log: string[] = [];
    const before = core.executed;
    const end = this.execute(image, log);
    return { engine: this.engine, end, log, executed: core.executed - before, ...this.snapshot() };
  }

  private load(program: Program, image: Image): void {
    const { core, ram } = this;
    const { view } = core;
    core.blocks.reset();
    // a program may have loaded segment registers
    this.setUp(program);
    const random = new Random(program.stateSeed);
    const words = new Uint32Array(ram.buffer, PHYSICAL, (PHYSICAL_PAGES * 4096) / 4);
    const dense = random.chance(0.75);
    for (let i = 0; i < words.length; i++) words[i] = dense || (i & 7) === 0 ? random.bits() : 0;
    for (const { linear, physical } of PAGES) if (linear >= CODE && linear < DATA) ram.fill(0xcc, physical, physical + 4096);
    for (const [i, b] of image.bytes.entries()) ram[this.physical(image.entry + i)] = b;
    const mask = this.code === 64 ? 64 : 32;
    for (let i = 0; i < 16; i++) core.setGpr(i, i < 8 || mask === 64 ? BigInt.asUintN(mask, random.value()) : 0n);
    for (const [register, value] of Object.entries(POINTERS))
      if (this.code === 64 || Number(register) < 8) core.setGpr(Number(register), BigInt(offsetOf(this.code, value)));
    core.setGpr(4, BigInt(offsetOf(this.code, STACK_START)));
    core.exports.setEflags(random.bits() & 0x8d5, 0x244dd5);
    const bytes = new Uint8Array(view.buffer);
    bytes.set(random.bytes(256), L.XMM);
    for (let i = 0; i < 16; i++)
      if (random.chance(0.5)) for (const lane of [0, 8]) view.setFloat64(L.XMM + i * 16 + lane, (random.below(2000) - 1000) / 8, true);
    view.setUint32(L.MXCSR, random.chance(0.8) ? 0x1fa0 : 0x1f80 | (random.below(4) << 13), true);
    core.exports.sse_mxcsr_changed?.();
    for (let i = 0; i < 8; i++) {
      view.setBigUint64(L.FPU_ST + i * 16, (1n << 63n) | (BigInt(random.bits()) << 31n), true);
      view.setBigUint64(L.FPU_ST + i * 16 + 8, BigInt((random.chance(0.5) ? 0x8000 : 0) | random.between(0x3fe0, 0x4010)), true);
    }
    view.setUint32(L.FPU_CW, random.chance(0.8) ? 0x37f : 0x07f | (random.below(16) << 8), true);
    view.setUint32(L.FPU_SW, 0, true);
    view.setUint32(L.FPU_TOP, random.below(8), true);
    view.setUint32(L.FPU_TAG, random.bits() & 255, true);
    bytes.fill(0, L.FPU_FIP, L.MXCSR);
    view.setInt32(L.FAULT, 0, true);
    view.setInt32(L.SHADOW, 0, true);
    core.rip = BigInt(image.entry);
    if (this.engine === 'regions' || this.engine === 'blocks') this.translateAll(image);
  }

  private physical(offset: number): number {
    const address = addressAt(this.code, offset);
    return (pageOf(address)?.physical as number) + (address & 4095);
  }

  /** Decodes every place a block may begin and has each translated alone, or regions made that cover what looks hot. */
  private translateAll(image: Image): void {
    const { core } = this;
    const mode = core.view.getUint32(L.CTX, true) & 0xff;
    const random = new Random(image.bytes.length);
    const keep = core.onFound;
    core.onFound = undefined;
    const seen = new Set<number>();
    const queue = [image.entry];
    const seeds: { readonly last: number; readonly rip: number }[] = [];
    const base = core.view.getBigUint64(L.SEG_CS + L.SEG_BASE, true);
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (seen.has(at) || pageOf(addressAt(this.code, at)) === undefined) continue;
      seen.add(at);
      const block = core.blocks.find(BigInt(at) + base, mode);
      if (block === null) break;
      const last = block.record + (block.count - 1) * L.REC_SIZE;
      core.view.setUint32(last + L.REC_HEAT, this.engine === 'regions' && random.chance(0.85) ? 50 : 0, true);
      seeds.push({ last, rip: at + (block.ending === 'system' || block.ending === 'routine' ? core.view.getUint16(last + L.REC_OFFSET, true) : 0) });
      if (block.target !== null) queue.push(at + block.target);
      queue.push(at + block.size);
      if (seen.size > 100) break;
    }
    core.view.setInt32(L.FAULT, 0, true);
    for (const seed of seeds) {
      if (this.engine !== 'blocks' && !random.chance(0.5) && seed !== seeds[0]) continue;
      core.rip = BigInt(seed.rip);
      core.onHot?.(seed.last);
    }
    core.rip = BigInt(image.entry);
    this.translator?.between();
    core.onFound = keep;
  }

  private execute(image: Image, log: string[]): Outcome['end'] {
    const { core, translator } = this;
    const { view } = core;
    const first = core.executed;
    const until = first + BUDGET;
    const slice = this.engine === 'hot' ? 40 + (image.bytes.length % 60) : BUDGET;
    for (;;) {
      translator?.between();
      const result = core.run(Math.max(1, Math.min(slice, until - core.executed)));
      if (core.executed >= until) return 'endless';
      if (result === 'budget') continue;
      if (result !== 'fault') return 'stopped';
      const vector = view.getInt32(L.FAULT_VECTOR, true);
      if (vector === 6 && Number(core.rip) === image.end) return 'finished';
      log.push(
        `${core.executed - first} ${core.rip.toString(16)} fault ${vector} ${view.getInt32(L.FAULT_ERROR, true)}${vector === 14 ? ` cr2 ${view.getBigUint64(L.CR2, true).toString(16)}` : ''}`,
      );
      if (log.length >= MOST_FAULTS || !this.skip()) return 'faulted';
    }
  }

  /** Goes on behind the instruction that faulted; false when there is none. */
  private skip(): boolean {
    const { core } = this;
    const rip = Number(core.rip);
    const bytes = new Uint8Array(16);
    for (let i = 0; i < 16; i++) {
      if (pageOf(addressAt(this.code, rip + i)) === undefined) return false;
      bytes[i] = this.ram[this.physical(rip + i)] as number;
    }
    const instruction = decodeInstruction(bytes, 0, { code: this.code, stack: this.code });
    if (typeof instruction === 'string') return false;
    core.view.setInt32(L.FAULT, 0, true);
    core.rip = BigInt(rip + instruction.length);
    return true;
  }

  private snapshot(): Pick<Outcome, 'state' | 'memory'> {
    const { core, ram } = this;
    const { view } = core;
    const state: Record<string, string> = { rip: core.rip.toString(16) };
    for (let i = 0; i < 16; i++) state[`gpr${i}`] = core.gpr(i).toString(16);
    state['eflags'] = core.exports.getEflags().toString(16);
    Object.assign(state, floatState(view));
    return { state, memory: ram.slice(PHYSICAL, PHYSICAL + PHYSICAL_PAGES * 4096) };
  }
}

import { createHash } from 'node:crypto';
import type { LoadedInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { VcpuCore, type VcpuHost } from '../../jit/vcpu/vcpu-core.ts';
import { SynchronousTranslator } from '../support/synchronous-translator.ts';
import { bareHost } from '../support/vector-machine.ts';
import { CODE_BYTES, DESCRIPTORS, PLACES, RAM_BYTES, someAddress, writeHostileMemory } from './hostile-memory.ts';
import { Random } from './random.ts';

/** Modes a hostile guest begins in. */
const MODES = ['real', 'protected16', 'protected32', 'paged32', 'pae', 'v86', 'compatibility', 'long'] as const;
type Mode = (typeof MODES)[number];

/** Free space in the machine state: nothing may ever be written there. */
const CANARIES: readonly (readonly [number, number])[] = [
  [0, L.GPR],
  [L.PHYSMAP_START + 4, L.MISSED_JUMPS],
  [L.MISSED_JUMPS_RING + 16 * L.MISSED_JUMPS_KEPT, 0x1000],
  [0x3ff8, 0x4000],
  [L.PHYSMAP + 8 * L.PHYSMAP_SLOTS, L.TLB],
  [L.JUMP_CACHE + L.JUMP_CACHE_ENTRIES * L.JUMP_CACHE_ENTRY_SIZE, L.ARENA],
];
/** WebAssembly memory above the guest's RAM. */
const BEYOND = 1 << 20;
const MARK = 0xa5;

/** Longest that a slice may take, in milliseconds. */
const SLOW = 3000;
/** How far a slice may run over its budget, in instructions: one region without a loop, and a block. */
const OVERRUN = 850;

/** Instructions in which a guest has to shut down to be compared. */
export const OUTCOME_BUDGET = 10_000;

/** The outcome of a guest that cannot be compared. */
export const UNDECIDED: Record<string, string> = {};

const SEGMENT_RIGHTS = { real: 0x9300, code16: 0x9b00, code32: 0xc09b00, code64: 0xa09b00, data: 0xc09300 } as const;

/** A vCPU that runs what nobody would write. */
export class HostileMachine {
  private readonly core: VcpuCore;
  private readonly ram: Uint8Array;
  private readonly translator: SynchronousTranslator | null;
  private random = new Random(0);
  private interrupts = 0;
  private time = 0;
  instructions = 0;
  slices = 0;
  /** How cases ended. */
  readonly ends: Record<string, number> = {};

  /** @param hotLimit as of SynchronousTranslator; null = interpreter only */
  constructor({ module, index }: LoadedInterpreter, hotLimit: number | null) {
    const memory = new WebAssembly.Memory({ initial: (RAM_BYTES + BEYOND) >> 16, maximum: 65536, shared: true });
    this.ram = new Uint8Array(memory.buffer);
    this.core = new VcpuCore(module, index, memory, RAM_BYTES, this.host());
    this.translator = hotLimit === null ? null : new SynchronousTranslator(this.core, index, hotLimit);
    const state = new Uint8Array(this.core.state.buffer);
    for (const [from, to] of CANARIES) state.fill(MARK, from, to);
    this.ram.fill(MARK, RAM_BYTES);
  }

  private host(): VcpuHost {
    return {
      ...bareHost,
      portIn: () => this.random.bits(), // a read may be repeated when an instruction is begun again
      mmioRead: (physical) => Math.imul(physical, 0x9e3779b1) >>> 0,
      cpuid: (leaf, subleaf) => [leaf, subleaf, this.random.bits(), 0],
      readMsr: (msr) => (msr & 1 ? null : BigInt(msr)),
      writeMsr: (msr) => (msr & 1) === 0,
      tsc: () => this.time,
      random32: () => this.random.bits() | 0,
      hasInterrupt: () => this.interrupts > 0,
      acknowledgeInterrupt: () => {
        this.interrupts--;
        return this.random.below(256);
      },
    };
  }

  /** Runs the guest of a seed; returns what went wrong, empty when nothing did. */
  run(seed: number): string[] {
    const random = new Random(seed);
    this.random = random;
    const mode = random.pick(MODES);
    this.setUp(mode);
    const wrong: string[] = [];
    let end = 'budget';
    this.time = this.instructions;
    for (let slice = random.between(2, 20); slice > 0 && wrong.length === 0; slice--) {
      this.interrupts = random.chance(0.3) ? random.between(1, 3) : 0;
      this.core.view.setUint32(L.INTR_PENDING, this.interrupts > 0 ? 1 : 0, true);
      end = this.slice(random.pick([1, 50, 500, 3000]), wrong);
      if (end === 'shutdown' || end === 'fault') break;
    }
    this.ends[`${mode} ${end}`] = (this.ends[`${mode} ${end}`] ?? 0) + 1;
    this.checkCanaries(wrong);
    return wrong.map((w) => `${mode}: ${w}`);
  }

  /**
   * Runs the guest of a seed without interrupts until it shuts down.
   * @param most instructions of a slice; what runs in several slices repeats long string instructions, so that their count differs
   * @returns what it left, to be compared with another machine; null when it does not shut down in time
   */
  outcome(seed: number, most = OUTCOME_BUDGET): Record<string, string> | null {
    this.random = new Random(seed);
    this.interrupts = 0;
    this.time = 0;
    this.setUp(this.random.pick(MODES));
    const { core } = this;
    core.view.setUint32(L.INTR_PENDING, 0, true);
    const before = core.executed;
    const wrong: string[] = [];
    let end = 'budget';
    while (end === 'budget' && wrong.length === 0 && core.executed - before < OUTCOME_BUDGET) {
      const from = core.executed;
      end = this.slice(most, wrong);
      // a repeated instruction took the slice's time: where it was cut short it reads its own bytes again
      if (end === 'budget' && core.executed - from < most) return UNDECIDED;
    }
    if (wrong.length > 0) return { wrong: wrong.join('; ') };
    if (end !== 'shutdown') return null;
    const out: Record<string, string> = { executed: String(core.executed - before), rip: core.rip.toString(16), eflags: core.exports.getEflags().toString(16) };
    for (let i = 0; i < 16; i++) out[`gpr${i}`] = core.gpr(i).toString(16);
    const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    const state = new Uint8Array(core.state.buffer);
    out['ram'] = hash(this.ram);
    out['segments and tables'] = hash(state.slice(L.SEG, L.CR0));
    out['control registers'] = hash(state.slice(L.CR0, L.TSC_OFFSET));
    out['x87'] = hash(state.slice(L.FPU_ST, L.FPU_FIP));
    out['xmm'] = hash(state.slice(L.XMM, L.YMM_HIGH));
    return out;
  }

  private slice(budget: number, wrong: string[]): string {
    const { core } = this;
    const before = core.executed;
    const start = performance.now();
    const translated = this.translator?.milliseconds ?? 0;
    let end = 'host exception';
    try {
      this.translator?.between();
      end = core.run(budget);
    } catch (error) {
      wrong.push(`host exception at ${core.rip.toString(16)}: ${(error as Error).stack}`);
    }
    // translating each block on the spot takes its time, which the vCPU does not spend
    const took = performance.now() - start - 1.5 * ((this.translator?.milliseconds ?? 0) - translated);
    const ran = core.executed - before;
    this.instructions += Math.max(0, ran);
    this.slices++;
    if (took > SLOW) wrong.push(`a slice of ${budget} took ${took.toFixed(0)} ms for ${ran} instructions, now at ${core.rip.toString(16)}`);
    if (ran < 0 || ran > budget + OVERRUN) wrong.push(`a slice of ${budget} ran ${ran} instructions`);
    return end;
  }

  private checkCanaries(wrong: string[]): void {
    const state = new Uint8Array(this.core.state.buffer);
    const look = (bytes: Uint8Array, from: number, to: number, what: string): void => {
      for (let i = from; i < to; i++) {
        if (bytes[i] === MARK) continue;
        wrong.push(`${what} ${i.toString(16)} was written: ${bytes[i]}`);
        bytes.fill(MARK, from, to);
        return;
      }
    };
    for (const [from, to] of CANARIES) look(state, from, to, 'machine state');
    look(this.ram, RAM_BYTES, RAM_BYTES + BEYOND, 'memory beyond RAM');
  }

  private segment(at: number, selector: number, base: number, limit: number, rights: number): void {
    const { view } = this.core;
    view.setBigUint64(at + L.SEG_BASE, BigInt(base >>> 0), true);
    view.setUint32(at + L.SEG_LIMIT, limit, true);
    view.setUint32(at + L.SEG_ATTR, rights, true);
    view.setUint32(at + L.SEG_SELECTOR, selector, true);
  }

  private setUp(mode: Mode): void {
    const { core, random } = this;
    const { view } = core;
    core.exports.resetCpu?.();
    core.blocks.reset();
    const long = mode === 'long' || mode === 'compatibility';
    writeHostileMemory(this.ram, random, long || mode === 'pae', long);
    for (let i = 0; i < 16; i++) core.setGpr(i, BigInt.asUintN(mode === 'long' ? 64 : 32, random.chance(0.6) ? someAddress(random) : random.value()));
    if (random.chance(0.8)) core.setGpr(4, BigInt(PLACES.stack - random.below(64) * 8));
    view.setBigUint64(L.GDTR_BASE, BigInt(PLACES.gdt), true);
    view.setUint32(L.GDTR_LIMIT, random.chance(0.9) ? DESCRIPTORS * 8 - 1 : random.below(0x10000), true);
    view.setBigUint64(L.IDTR_BASE, BigInt(mode === 'real' ? 0 : PLACES.idt), true);
    view.setUint32(L.IDTR_LIMIT, random.chance(0.9) ? 0xfff : random.below(0x10000), true);
    const protectedMode = mode !== 'real';
    const paging = long || mode === 'pae' || mode === 'paged32' || (mode === 'v86' && random.chance(0.5));
    view.setBigUint64(
      L.CR0,
      (protectedMode ? 1n : 0n) |
        (paging ? 0x80000000n : 0n) |
        0x10n |
        (random.chance(0.5) ? 0x10000n : 0n) |
        BigInt(random.pick([0, 0x20, 0x22, 0x2a, 0x40020])),
      true,
    );
    view.setBigUint64(L.CR4, (long || mode === 'pae' ? 0x20n : 0n) | (random.chance(0.7) ? 0x50610n : BigInt(random.bits()) & 0x350fdcn), true);
    view.setBigUint64(L.CR3, BigInt(PLACES.tables + (random.chance(0.8) ? (long ? 0 : mode === 'pae' ? 1 : 2) : random.below(8)) * 4096), true);
    view.setBigUint64(L.XCR0, 3n, true);
    view.setBigUint64(L.EFER, long ? 0xd01n : random.chance(0.3) ? 0x801n : 0n, true);
    for (let i = 0; i < 4; i++) view.setBigUint64(L.PDPTE + i * 8, BigInt(PLACES.tables + (random.chance(0.8) ? 2 : random.below(16)) * 4096) | 1n, true);
    for (const msr of [L.LSTAR, L.CSTAR, L.SYSENTER_EIP, L.SYSENTER_ESP])
      view.setBigUint64(msr, BigInt.asUintN(64, BigInt.asIntN(48, someAddress(random))), true);
    view.setBigUint64(L.STAR, BigInt(random.bits()) << 32n, true);
    view.setBigUint64(L.SYSENTER_CS, BigInt(random.below(0x100)), true);
    this.setUpSegments(mode);
    if (random.chance(0.15)) {
      for (let i = 0; i < 4; i++) view.setBigUint64(L.DR + i * 8, someAddress(random), true);
      view.setBigUint64(L.DR + 56, BigInt(random.bits() & 0xffff27ff) | 0x400n, true);
    }
    core.exports.setEflags((random.bits() & 0x3c4fd5) | (mode === 'v86' ? 0x20000 : 0), 0x3e7fd5);
    if (random.chance(0.9)) core.exports.setEflags(0, 0x100);
    core.exports.updateContext();
    core.rip = BigInt(mode === 'real' || mode === 'v86' ? random.below(CODE_BYTES) : PLACES.code + random.below(CODE_BYTES));
  }

  private setUpSegments(mode: Mode): void {
    const { random, core } = this;
    const paragraph = mode === 'real' || mode === 'v86';
    const user = mode === 'v86' || (!paragraph && random.chance(0.4));
    const dpl = user ? 0x6000 : 0;
    core.view.setUint32(L.CPL, user ? 3 : 0, true);
    for (let s = 0; s < 6; s++) {
      const at = L.SEG + s * L.SEG_SIZE;
      const odd = random.chance(0.15);
      if (paragraph) {
        const selector = s === 1 ? PLACES.code >> 4 : odd ? random.below(0x10000) : random.pick([0, 0x1000, 0x3000]);
        this.segment(at, selector, selector << 4, 0xffff, mode === 'v86' ? 0xf300 : SEGMENT_RIGHTS.real);
      } else {
        this.segment(
          at,
          (random.below(DESCRIPTORS) << 3) | (user ? 3 : 0),
          odd ? Number(BigInt.asUintN(32, someAddress(random))) : 0,
          odd ? random.bits() : 0xffffffff,
          odd && s !== 2 ? random.bits() & 0xf0ff00 : SEGMENT_RIGHTS.data | dpl,
        );
      }
    }
    const rights = mode === 'long' ? SEGMENT_RIGHTS.code64 : mode === 'protected16' ? SEGMENT_RIGHTS.code16 : SEGMENT_RIGHTS.code32;
    if (!paragraph) this.segment(L.SEG_CS, 8 | (user ? 3 : 0), 0, 0xffffffff, rights | dpl);
    this.segment(L.SEG_TR, 0x38, PLACES.tss, random.pick([0x67, 0x2067, 0x2b, 0xffff]), random.pick([0x8b00, 0x8b00, 0x8300]));
    this.segment(L.SEG_LDTR, 0x40, PLACES.ldt, 0x7f, 0x8200);
  }
}

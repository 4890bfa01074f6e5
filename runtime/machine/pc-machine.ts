import { HypervisorError } from '#sdk';
import type { InterpreterIndex } from '#jit/interpreter';
import * as L from '#jit/layout';
import { type RunResult, TABLE_FEATURES, VcpuCore, type VcpuHost } from '#jit';
import { loadFirmware } from '../loader/firmware.ts';
import { type BootState, loadKernel } from '../loader/index.ts';
import { allocateRam } from './allocate-ram.ts';
import { applyBootState } from './apply-boot-state.ts';
import { createPc } from '../platform/pc.ts';
import type { Pc } from '../platform/pc-contract.ts';
import { TimerQueue } from '../platform/timer-queue.ts';
import { hostClock, instructionClock, type MachineClock } from './clock.ts';
import type { CpuModel } from './cpu-models.ts';
import { Cpuid } from './cpuid.ts';
import { MsrBank } from './msr.ts';
import { createRomWindow } from './rom-window.ts';

/** What a PC is built from. */
export interface PcMachineOptions {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  /** Guest RAM in bytes; whole MiB. */
  readonly memoryBytes: number;
  readonly clock: 'host' | 'instructions';
  readonly kernel: Uint8Array;
  readonly kernelName: string;
  readonly ramdisk?: Uint8Array;
  /** A ROM to start in place of the kernel: 64 to 256 KiB, entered at F000:FFF0. */
  readonly firmware?: Uint8Array;
  readonly commandLine: string;
  /** Which CPU the guest sees; everything there is when left out. */
  readonly cpu?: CpuModel;
  /** Takes bytes the guest sends on COM1. */
  readonly transmit: (byte: number) => void;
}

/** Why a slice ended. */
export type SliceEnd = 'budget' | 'halt' | 'power-off' | 'reset' | 'shutdown' | 'crash' | 'watchdog';

const TSC_HZ = 1_000_000_000;
const FLAG_IF = 0x200;

/** A PC with one vCPU, its devices and a loaded kernel. Runs on the thread that made it. */
export class PcMachine {
  readonly core: VcpuCore;
  readonly pc: Pc;
  readonly clock: MachineClock;
  readonly timers: TimerQueue;
  readonly ram: WebAssembly.Memory;
  #ended: 'power-off' | 'reset' | null = null;
  #halted = false;
  readonly #cpu: CpuModel | undefined;

  constructor(options: PcMachineOptions) {
    this.#cpu = options.cpu;
    this.ram = allocateRam(options.memoryBytes);
    this.clock = options.clock === 'host' ? hostClock() : instructionClock(() => this.core?.executed ?? 0);
    this.timers = new TimerQueue(this.clock, () => this.core?.expire());
    this.pc = createPc({
      clock: this.clock,
      timers: this.timers,
      memoryBytes: options.memoryBytes,
      tscHz: TSC_HZ,
      wallClockMs: options.clock === 'host' ? Date.now() : 1_700_000_000_000,
      transmit: (port, byte) => {
        if (port === 0) options.transmit(byte);
      },
      powerOff: () => this.#end('power-off'),
      reset: () => this.#end('reset'),
      setA20: (enabled) => this.core?.view.setUint32(L.A20_MASK, enabled ? 0xffffffff : 0xffefffff, true),
      interruptChanged: () => this.#interrupt(),
    });
    this.core = new VcpuCore(options.module, options.index, this.ram, options.memoryBytes, this.#host());
    applyBootState(this.core, options.firmware === undefined ? this.#loadKernel(options) : this.#loadFirmware(options.firmware));
  }

  #loadKernel(options: PcMachineOptions): BootState {
    this.pc.initialiseAsFirmware();
    const memory = new Uint8Array(this.ram.buffer);
    for (const { address, bytes } of this.pc.systemTables()) memory.set(bytes, address);
    const boot = loadKernel({
      kernel: options.kernel,
      kernelName: options.kernelName,
      ...(options.ramdisk ? { ramdisk: options.ramdisk } : {}),
      commandLine: options.commandLine,
      memory,
      e820: this.pc.e820,
      rsdp: this.pc.rsdpAddress,
    });
    if (boot.rom) this.#mapRom(boot.rom.bytes);
    return boot;
  }

  #loadFirmware(kernel: Uint8Array): BootState {
    this.#mapRom(kernel);
    return loadFirmware({ kernel });
  }

  /** Below 1 MiB the ROM is RAM that refuses stores, so that code runs from it at full speed. */
  #mapRom(bytes: Uint8Array): void {
    new Uint8Array(this.ram.buffer).set(bytes, 0x100000 - bytes.length);
    this.core.view.setUint32(L.ROM_PROTECT, 1, true);
    this.pc.mmio.map(2 ** 32 - bytes.length, bytes.length, createRomWindow(bytes));
  }

  #end(how: 'power-off' | 'reset'): void {
    this.#ended = how;
    this.core.expire();
  }

  #interrupt(): void {
    this.core?.view.setUint32(L.INTR_PENDING, this.pc.hasInterrupt() ? 1 : 0, true);
    this.core?.view.setUint32(L.NMI_PENDING, this.pc.nmiPending() ? 1 : 0, true);
    this.core?.expire();
  }

  #host(): VcpuHost {
    const { pc } = this;
    const msrs = new MsrBank(pc.lapic);
    const cpuid = new Cpuid({
      features: TABLE_FEATURES,
      ...(this.#cpu ? { model: this.#cpu } : {}),
      tscHz: TSC_HZ,
      apicId: 0,
      processors: 1,
      osxsave: () => (this.core.view.getUint32(L.CR4, true) & 0x40000) !== 0,
    });
    let seed = 0x2545f491;
    return {
      portIn: (port, size) => pc.ports.read(port, size as 1 | 2 | 4),
      portOut: (port, size, value) => pc.ports.write(port, size as 1 | 2 | 4, value),
      mmioRead: (physical, size) => pc.mmio.read(physical, size as 1 | 2 | 4),
      mmioWrite: (physical, size, value) => pc.mmio.write(physical, size as 1 | 2 | 4, value),
      cpuid: (leaf, subleaf) => cpuid.leaf(leaf, subleaf),
      readMsr: (index) => msrs.read(index),
      writeMsr: (index, value) => msrs.write(index, value),
      tsc: () => this.clock.now() * (TSC_HZ / 1e9),
      random32: () => {
        if (this.clock.real) return (Math.random() * 0x100000000) | 0;
        seed ^= seed << 13;
        seed ^= seed >>> 17;
        seed ^= seed << 5;
        return seed;
      },
      cr8Changed: (value) => {
        pc.setTpr(value);
        this.#interrupt();
      },
      hasInterrupt: () => pc.hasInterrupt(),
      acknowledgeInterrupt: () => {
        const vector = pc.acknowledgeInterrupt();
        this.core.view.setUint32(L.INTR_PENDING, pc.hasInterrupt() ? 1 : 0, true);
        return vector;
      },
      acknowledgeNmi: () => pc.acknowledgeNmi(),
    };
  }

  /** Runs about `instructions` more, firing due timers first. */
  slice(instructions: number): SliceEnd {
    this.timers.runDue(this.clock.now());
    let budget = instructions;
    if (!this.clock.real) {
      const next = this.timers.nextDeadline();
      if (next !== null) budget = Math.max(1, Math.min(budget, Math.ceil(next - this.clock.now())));
    }
    // a timer without an interrupt does not end a halt
    const result: RunResult = this.#halted && !this.wakes ? 'halt' : this.core.run(budget);
    this.#halted = result === 'halt';
    if (this.#ended !== null) return this.#ended;
    if (result === 'fault') throw new HypervisorError('HV_ERR_VCPU_FAULT', 'the vCPU stopped on a fault outside a debugger');
    return result;
  }

  /** True when something is pending that ends a halt. */
  get wakes(): boolean {
    return (this.#takesInterrupts && this.pc.hasInterrupt()) || (this.#takesNmis && this.pc.nmiPending());
  }

  /** False when nothing can end a halt any more. */
  get interruptible(): boolean {
    return this.#takesInterrupts || (this.#takesNmis && this.pc.mayRaiseNmi());
  }

  get #takesInterrupts(): boolean {
    return (this.core.view.getUint32(L.EFLAGS, true) & FLAG_IF) !== 0;
  }

  get #takesNmis(): boolean {
    return this.core.view.getUint32(L.NMI_BLOCKED, true) === 0;
  }
}

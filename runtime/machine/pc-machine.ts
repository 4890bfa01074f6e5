import { HypervisorError } from '#sdk';
import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import { TABLE_FEATURES } from '../../jit/isa/features.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { type RunResult, VcpuCore, type VcpuHost } from '../../jit/vcpu/vcpu-core.ts';
import { type BootState, loadKernel } from '../loader/index.ts';
import { createPc } from '../platform/pc.ts';
import type { Pc } from '../platform/pc-contract.ts';
import { TimerQueue } from '../platform/timer-queue.ts';
import { hostClock, instructionClock, type MachineClock } from './clock.ts';
import { Cpuid } from './cpuid.ts';
import { MsrBank } from './msr.ts';

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
  readonly commandLine: string;
  /** Takes bytes the guest sends on COM1. */
  readonly transmit: (byte: number) => void;
}

/** Why a slice ended. */
export type SliceEnd = 'budget' | 'halt' | 'power-off' | 'reset' | 'shutdown';

const TSC_HZ = 1_000_000_000;

/** A PC with one vCPU, its devices and a loaded kernel. Runs on the thread that made it. */
export class PcMachine {
  readonly core: VcpuCore;
  readonly pc: Pc;
  readonly clock: MachineClock;
  readonly timers: TimerQueue;
  readonly ram: WebAssembly.Memory;
  #ended: 'power-off' | 'reset' | null = null;

  constructor(options: PcMachineOptions) {
    const pages = options.memoryBytes >> 16;
    this.ram = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.clock = options.clock === 'host' ? hostClock() : instructionClock(() => this.core?.executed ?? 0);
    this.timers = new TimerQueue(this.clock);
    this.pc = createPc({
      clock: this.clock, timers: this.timers, memoryBytes: options.memoryBytes, tscHz: TSC_HZ,
      wallClockMs: options.clock === 'host' ? Date.now() : 1_700_000_000_000,
      transmit: (port, byte) => { if (port === 0) options.transmit(byte); },
      powerOff: () => this.#end('power-off'),
      reset: () => this.#end('reset'),
      setA20: (enabled) => this.core?.view.setUint32(L.A20_MASK, enabled ? 0xffffffff : 0xffefffff, true),
      interruptChanged: () => this.#interrupt(),
    });
    this.core = new VcpuCore(options.module, options.index, this.ram, options.memoryBytes, this.#host());
    this.pc.initialiseAsFirmware();
    const memory = new Uint8Array(this.ram.buffer);
    for (const { address, bytes } of this.pc.systemTables()) memory.set(bytes, address);
    const boot = loadKernel({
      kernel: options.kernel, kernelName: options.kernelName, ...(options.ramdisk ? { ramdisk: options.ramdisk } : {}),
      commandLine: options.commandLine, memory, e820: this.pc.e820, rsdp: this.pc.rsdpAddress,
    });
    applyBootState(this.core, boot);
  }

  #end(how: 'power-off' | 'reset'): void {
    this.#ended = how;
    this.core.expire();
  }

  #interrupt(): void {
    this.core?.view.setUint32(L.INTR_PENDING, this.pc.hasInterrupt() ? 1 : 0, true);
    this.core?.expire();
  }

  #host(): VcpuHost {
    const { pc } = this;
    const msrs = new MsrBank(pc.lapic);
    const cpuid = new Cpuid({
      features: TABLE_FEATURES, tscHz: TSC_HZ, apicId: 0, processors: 1,
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
    const result: RunResult = this.core.run(budget);
    if (this.#ended !== null) return this.#ended;
    if (result === 'fault') throw new HypervisorError('HV_ERR_VCPU_FAULT', 'the vCPU stopped on a fault outside a debugger');
    return result;
  }

  /** True when something is pending for a halted vCPU. */
  get wakes(): boolean {
    return this.pc.hasInterrupt();
  }
}

/** Puts the vCPU into the state a boot protocol asks for. */
function applyBootState(core: VcpuCore, boot: BootState): void {
  const { view } = core;
  const order = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
  for (const [i, name] of order.entries()) core.setGpr(i, BigInt((boot.registers[name] ?? 0) >>> 0));
  core.rip = BigInt(boot.rip);
  const set = (at: number, s: BootState['segments']['code']): void => {
    view.setUint32(at + L.SEG_SELECTOR, s.selector, true);
    view.setBigUint64(at + L.SEG_BASE, BigInt(s.base), true);
    view.setUint32(at + L.SEG_LIMIT, s.limit, true);
    view.setUint32(at + L.SEG_ATTR, (s.accessRights << 8) >>> 0, true);
  };
  set(L.SEG_CS, boot.segments.code);
  for (const at of [L.SEG_ES, L.SEG_SS, L.SEG_DS, L.SEG_FS, L.SEG_GS]) set(at, boot.segments.data);
  if (boot.segments.task) set(L.SEG_TR, boot.segments.task);
  if (boot.gdt) {
    view.setBigUint64(L.GDTR_BASE, BigInt(boot.gdt.address), true);
    view.setUint32(L.GDTR_LIMIT, boot.gdt.limit, true);
  }
  view.setUint32(L.EFLAGS, 2, true);
  if (boot.mode !== 'real') view.setBigUint64(L.CR0, 0x11n, true);
  core.exports.updateContext();
}

import { HypervisorError, type InterruptLine } from '#sdk';
import type { InterpreterIndex } from '#jit/interpreter';
import * as L from '#jit/layout';
import { TABLE_FEATURES, VcpuCore, type VcpuHost } from '#jit';
import { type HypercallObserver, serveHypercall } from '../hypercall/dispatch.ts';
import { GuestAccess } from '../hypercall/guest-access.ts';
import type { EventPeers } from '../event/event-channels.ts';
import type { BootState } from '../loader/index.ts';
import { applyBootState } from '../machine/apply-boot-state.ts';
import { hostClock, instructionClock, type MachineClock } from '../machine/clock.ts';
import type { CpuModel } from '../machine/cpu-models.ts';
import { Cpuid } from '../machine/cpuid.ts';
import { MsrBank } from '../machine/msr.ts';
import type { SliceEnd } from '../machine/pc-machine.ts';
import { randomSource } from '../machine/random-source.ts';
import { Vcpu } from '../memory/domain-tables.ts';
import { PAGE } from '../memory/guest-ram.ts';
import { TimerQueue } from '../platform/timer-queue.ts';
import { allocateDomain, buildDomain, type BuiltDomain, type DomainImage, type StoreChannel } from './build-domain.ts';
import { ConsoleRing } from './console-ring.ts';
import { type DomainHandle, DomainState } from './domain-state.ts';
import { hypercallPage } from './hypercall-page.ts';
import { endingOfReason } from './lifecycle.ts';
import { PvhDomain } from './pvh-domain.ts';
import { pvhMemoryMap } from './pvh-layout.ts';
import { PvhPlatform } from './pvh-platform.ts';
import { PvhVcpu } from './pvh-vcpu.ts';
import { HYPERCALL_MSR, xenCpuid } from './xen-cpuid.ts';

/** What a PVH domain is built from. */
export interface PvhMachineOptions extends DomainImage {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  /** Guest RAM in bytes; whole MiB. */
  readonly memoryBytes: number;
  readonly clock: 'host' | 'instructions';
  readonly cpu?: CpuModel;
  readonly domid?: number;
  /** 16 bytes; zeroes when left out. */
  readonly uuid?: Uint8Array;
  /** Takes what the guest writes to its console. */
  readonly consoleWrite: (byte: number) => void;
  /** The guest signalled a port whose other end is not on this thread. */
  readonly signal?: (port: number) => void;
  /** Told of each hypercall. */
  readonly onHypercall?: HypercallObserver;
  /** A domain that another thread has built; it serves the console too. */
  readonly built?: BuiltElsewhere;
}

/** A domain that was built on another thread. */
export interface BuiltElsewhere {
  readonly handle: DomainHandle;
  readonly boot: BootState;
  readonly console: { readonly port: number };
  readonly store: StoreChannel;
  /** Its time. */
  readonly clock: MachineClock;
  /** Time of day, in nanoseconds since 1970, at which that was 0. */
  readonly startNs: bigint;
  readonly peers: EventPeers;
}

const TSC_HZ = 1_000_000_000;
const FIXED_WALL_CLOCK_MS = 1_700_000_000_000;
const VCPU = 0;
const ENDS = { poweroff: 'power-off', reboot: 'reset', crash: 'crash', watchdog: 'watchdog' } as const;

/** A PVH domain with one vCPU, on the thread that runs it. */
export class PvhMachine {
  readonly core: VcpuCore;
  readonly clock: MachineClock;
  readonly timers: TimerQueue;
  readonly platform: PvhPlatform;
  readonly domain: PvhDomain;
  /** The console, when this thread serves it. */
  readonly console: ConsoleRing | undefined;
  readonly consolePort: number;
  readonly store: StoreChannel;
  readonly handle: DomainHandle;
  readonly #vcpu: PvhVcpu;
  readonly #access: GuestAccess;
  readonly #onHypercall: HypercallObserver | undefined;
  readonly #cpuid: Cpuid;
  readonly #msrs: MsrBank;
  #ended: SliceEnd | null = null;
  #mapEpoch = -1;

  constructor(options: PvhMachineOptions) {
    const { clock, built: elsewhere } = options;
    this.clock =
      elsewhere !== undefined && clock === 'host' ? elsewhere.clock : clock === 'host' ? hostClock() : instructionClock(() => this.core?.executed ?? 0);
    this.timers = new TimerQueue(this.clock, () => this.core?.expire());
    this.platform = new PvhPlatform({
      clock: this.clock,
      timers: this.timers,
      tscHz: TSC_HZ,
      interruptChanged: () => this.#interrupt(),
      powerOff: () => this.#end('power-off'),
      reset: () => this.#end('reset'),
    });
    this.#msrs = new MsrBank(this.platform.lapic);
    this.#cpuid = this.#createCpuid(options.cpu);
    this.#onHypercall = options.onHypercall;
    this.handle = elsewhere?.handle ?? allocateDomain(options.domid ?? 1, 1, options.memoryBytes);
    const built = elsewhere === undefined ? this.#build(options) : this.#adopt(elsewhere);
    const { state } = built;
    const { page } = built.console;
    this.console = page && new ConsoleRing(page, { write: options.consoleWrite, notify: () => state.events.notify(built.console.port) });
    this.consolePort = built.console.port;
    this.store = built.store;
    this.domain = new PvhDomain({
      state,
      uuid: options.uuid ?? new Uint8Array(16),
      memoryMap: pvhMemoryMap(options.memoryBytes),
      timers: this.timers,
      startNs: elsewhere?.startNs ?? BigInt(clock === 'host' ? Date.now() : FIXED_WALL_CLOCK_MS) * 1_000_000n,
      now: () => this.clock.now(),
      consoleWrite: options.consoleWrite,
      shutdown: (reason) => this.#end(ENDS[endingOfReason(reason)]),
    });
    this.core = new VcpuCore(options.module, options.index, this.handle.ram, this.handle.ram.buffer.byteLength, this.#host(clock === 'host'));
    state.ram.onWrite = (address, length) => this.#wrote(address, length);
    this.#access = new GuestAccess(this.core, state.ram);
    this.#vcpu = this.#createVcpu();
    this.#publishMap();
    applyBootState(this.core, built.boot);
  }

  #build(options: PvhMachineOptions): BuiltDomain {
    const built: BuiltDomain = buildDomain(this.handle, options, {
      kick: () => this.#interrupt(),
      peers: {
        find: () => undefined,
        signal: (port) => {
          if (port === built.console.port) this.console?.drain();
          else options.signal?.(port);
        },
        closed: () => undefined,
      },
    });
    return built;
  }

  #adopt({
    handle,
    boot,
    console,
    store,
    peers,
  }: BuiltElsewhere): Omit<BuiltDomain, 'console'> & { readonly console: Partial<BuiltDomain['console']> & { port: number } } {
    return { state: new DomainState(handle, { kick: () => this.#interrupt(), peers }), boot, console, store };
  }

  #createVcpu(): PvhVcpu {
    const { core, timers, platform } = this;
    const { state, vcpus } = this.domain;
    const now = (): number => this.clock.now();
    const vcpu = new PvhVcpu({ id: VCPU, core, state, timers, now, hasInterrupt: () => this.hasInterrupt(), sendNmi: () => platform.nmi() });
    vcpus.push(vcpu);
    return vcpu;
  }

  #createCpuid(model: CpuModel | undefined): Cpuid {
    return new Cpuid({
      features: TABLE_FEATURES,
      ...(model === undefined ? {} : { model }),
      tscHz: TSC_HZ,
      apicId: 0,
      processors: 1,
      osxsave: () => (this.core.view.getUint32(L.CR4, true) & 0x40000) !== 0,
    });
  }

  #host(isReal: boolean): VcpuHost {
    const { ports, mmio, lapic } = this.platform;
    const facts = { domid: this.handle.domid, vcpu: VCPU, tscHz: TSC_HZ };
    return {
      portIn: (port, size) => ports.read(port, size as 1 | 2 | 4),
      portOut: (port, size, value) => ports.write(port, size as 1 | 2 | 4, value),
      mmioRead: (physical, size) => mmio.read(physical, size as 1 | 2 | 4),
      mmioWrite: (physical, size, value) => mmio.write(physical, size as 1 | 2 | 4, value),
      cpuid: (leaf, subleaf) => xenCpuid(leaf, subleaf, facts) ?? this.#cpuid.leaf(leaf, subleaf),
      readMsr: (index) => (index === HYPERCALL_MSR ? 0n : this.#msrs.read(index)),
      writeMsr: (index, value) => (index === HYPERCALL_MSR ? this.#fillHypercallPage(value) : this.#msrs.write(index, value)),
      tsc: () => this.clock.now() * (TSC_HZ / 1e9),
      random32: randomSource(isReal),
      cr8Changed: (value) => {
        lapic.taskPriority = value;
        this.#interrupt();
      },
      hasInterrupt: () => this.hasInterrupt(),
      acknowledgeInterrupt: () => {
        const vector = this.#upcallVector || lapic.acknowledgeInterrupt();
        this.core.view.setUint32(L.INTR_PENDING, this.hasInterrupt() ? 1 : 0, true);
        return vector;
      },
      acknowledgeNmi: () => lapic.acknowledgeNmi(),
      hypercall: () => this.#hypercall(),
    };
  }

  /** Whether an interrupt waits: the upcall, for as long as the guest has not cleared it, or the local APIC's. */
  hasInterrupt(): boolean {
    return this.#upcallVector !== 0 || this.platform.lapic.hasInterrupt();
  }

  /** The vector by which the upcall comes now; 0 when it does not, or comes by the local APIC. */
  get #upcallVector(): number {
    const { callbackVector, state } = this.domain;
    if (callbackVector === 0 || state.tables.vcpu(VCPU, Vcpu.UPCALL_VECTOR) !== 0) return 0;
    return state.upcall.isPending(VCPU) ? callbackVector : 0;
  }

  #hypercall(): number {
    serveHypercall({ core: this.core, domain: this.domain, vcpu: this.#vcpu, access: this.#access }, this.#onHypercall);
    this.#publishMap();
    if (!this.#vcpu.mustWait) return 1;
    return 2;
  }

  /** Tells the vCPU's address translation what lies outside RAM, when that has changed. */
  #publishMap(): void {
    const { tables, physmap } = this.domain.state;
    const epoch = tables.mapEpoch;
    if (epoch === this.#mapEpoch) return;
    this.#mapEpoch = epoch;
    const { view } = this.core;
    new Uint8Array(view.buffer, L.PHYSMAP, L.PHYSMAP_SLOTS * 8).fill(0);
    physmap.forEachOutsideRam((gfn, frame) => {
      let slot = gfn % L.PHYSMAP_SLOTS;
      while (view.getUint32(L.PHYSMAP + slot * 8, true) !== 0) slot = (slot + 1) % L.PHYSMAP_SLOTS;
      view.setUint32(L.PHYSMAP + slot * 8, gfn + 1, true);
      view.setUint32(L.PHYSMAP + slot * 8 + 4, frame, true);
    });
    view.setUint32(L.PHYSMAP_START, this.handle.ramBytes, true);
    this.core.exports.flushTlb(1);
  }

  #fillHypercallPage(value: bigint): boolean {
    const { state } = this.domain;
    const page = state.physmap.address(Number((value & 0xffff_ffffn) >> 12n));
    if (page >= 0) state.ram.write(page, hypercallPage());
    this.domain.latchLayout((this.core.view.getUint32(L.CTX, true) & L.MODE_CODE_MASK) === 2 ? 64 : 32);
    return true;
  }

  #wrote(address: number, length: number): void {
    const { core } = this;
    for (let page = address - (address % PAGE); page < address + length; page += PAGE) {
      if (core.view.getBigUint64(L.CODE_MAP + (page / PAGE) * 8, true) === 0n) continue;
      const from = Math.max(page, address);
      core.blocks.invalidate(from, Math.min(page + PAGE, address + length) - from);
    }
  }

  #end(how: SliceEnd): void {
    this.#ended ??= how;
    this.core.expire();
  }

  #interrupt(): void {
    if (this.core === undefined) return;
    this.#assertUpcall();
    this.core.view.setUint32(L.INTR_PENDING, this.hasInterrupt() ? 1 : 0, true);
    this.core.view.setUint32(L.NMI_PENDING, this.platform.lapic.nmiPending ? 1 : 0, true);
    this.core.expire();
  }

  /** Passes an upcall that has become pending to the local APIC, when the guest wants it there. */
  #assertUpcall(): void {
    const { tables } = this.domain.state;
    if (tables.takeVcpu(VCPU, Vcpu.KICKED) === 0) return;
    const vector = tables.vcpu(VCPU, Vcpu.UPCALL_VECTOR);
    if (vector !== 0) this.platform.interrupt(vector);
  }

  /** Runs about `instructions` more, firing due timers first. */
  slice(instructions: number): SliceEnd {
    this.timers.runDue(this.clock.now());
    this.#publishMap();
    this.#interrupt();
    if (!this.#vcpu.mayRun) return this.#ended ?? 'halt';
    this.#vcpu.resume();
    let budget = instructions;
    if (!this.clock.real) {
      const next = this.timers.nextDeadline();
      if (next !== null) budget = Math.max(1, Math.min(budget, Math.ceil(next - this.clock.now())));
    }
    const result = this.core.run(budget);
    if (result === 'halt') this.#vcpu.halted();
    if (this.#ended !== null) return this.#ended;
    if (result === 'fault') throw new HypervisorError('HV_ERR_VCPU_FAULT', 'the vCPU stopped on a fault outside a debugger');
    return result;
  }

  /** Takes in events and due timers while the vCPU does not run; whether it can run now. */
  attend(): boolean {
    this.timers.runDue(this.clock.now());
    this.#interrupt();
    return this.#ended !== null || this.#vcpu.mayRun;
  }

  /** True when what a vCPU that is halted waits for has come. */
  get wakes(): boolean {
    return this.#vcpu.wakes;
  }

  /** False when nothing can end a halt any more. */
  get interruptible(): boolean {
    return this.#vcpu.interruptible;
  }

  /** Nobody hears an interrupt line: there is no controller that it could go to. */
  interruptLine(): InterruptLine {
    return { set: () => undefined };
  }
}

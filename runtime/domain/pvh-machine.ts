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
import { deliveryMode } from '../platform/apic/apic-bus.ts';
import { TimerQueue } from '../platform/timer-queue.ts';
import { allocateDomain, buildDomain, type BuiltDomain, type DomainImage, type StoreChannel } from './build-domain.ts';
import { ConsoleRing } from './console-ring.ts';
import { type DomainHandle, DomainState } from './domain-state.ts';
import { hypercallPage } from './hypercall-page.ts';
import { endingOfReason } from './lifecycle.ts';
import { PvhDomain } from './pvh-domain.ts';
import { apicIdOf, pvhMemoryMap } from './pvh-layout.ts';
import { PvhPlatform } from './pvh-platform.ts';
import { PvhVcpu } from './pvh-vcpu.ts';
import { writePhysmap } from './write-physmap.ts';
import { RemoteVcpu } from './remote-vcpu.ts';
import { VcpuMailbox } from './vcpu-mailbox.ts';
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
  /** The vCPU to run; the others run on other threads. */
  readonly vcpu?: number;
  /** Has the thread of another vCPU look at its events and messages. */
  readonly kick?: (vcpu: number) => void;
}

const TSC_HZ = 1_000_000_000;
const FIXED_WALL_CLOCK_MS = 1_700_000_000_000;
const ENDS = { poweroff: 'power-off', reboot: 'reset', crash: 'crash', watchdog: 'watchdog' } as const;

/** A vCPU of a PVH domain with what surrounds it, on the thread that runs it. */
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
  /** Number of the vCPU. */
  readonly id: number;
  readonly #vcpu: PvhVcpu;
  readonly #mailbox: VcpuMailbox;
  readonly #kickOther: (vcpu: number) => void;
  readonly #access: GuestAccess;
  readonly #onHypercall: HypercallObserver | undefined;
  readonly #cpuid: Cpuid;
  readonly #msrs: MsrBank;
  #ended: SliceEnd | null = null;
  #mapEpoch = -1;

  constructor(options: PvhMachineOptions) {
    const { clock, built: elsewhere } = options;
    this.id = elsewhere?.vcpu ?? 0;
    this.#kickOther = elsewhere?.kick ?? (() => undefined);
    this.clock =
      elsewhere !== undefined && clock === 'host' ? elsewhere.clock : clock === 'host' ? hostClock() : instructionClock(() => this.core?.executed ?? 0);
    this.timers = new TimerQueue(this.clock, () => this.core?.expire());
    this.platform = new PvhPlatform({
      clock: this.clock,
      timers: this.timers,
      tscHz: TSC_HZ,
      vcpu: this.id,
      init: () => this.#init(),
      startup: (vector) => this.#startup(vector),
      apicChanged: () => this.#publishApic(),
      interruptChanged: () => this.#interrupt(),
      powerOff: () => this.#end('power-off'),
      reset: () => this.#end('reset'),
    });
    this.#msrs = new MsrBank(this.platform.lapic);
    this.#onHypercall = options.onHypercall;
    this.handle = elsewhere?.handle ?? allocateDomain(options.domid ?? 1, 1, options.memoryBytes);
    this.#cpuid = this.#createCpuid(options.cpu);
    const built = elsewhere === undefined ? this.#build(options) : this.#adopt(elsewhere);
    const { state } = built;
    this.#mailbox = new VcpuMailbox(state.tables, this.id);
    const { page } = built.console;
    this.console = page && new ConsoleRing(page, { write: options.consoleWrite, notify: () => state.events.notify(built.console.port) });
    this.consolePort = built.console.port;
    this.store = built.store;
    this.domain = new PvhDomain({
      state,
      uuid: options.uuid ?? new Uint8Array(16),
      memoryMap: pvhMemoryMap(options.memoryBytes),
      timers: this.timers,
      isFirst: this.id === 0,
      startNs: elsewhere?.startNs ?? BigInt(clock === 'host' ? Date.now() : FIXED_WALL_CLOCK_MS) * 1_000_000n,
      now: () => this.clock.now(),
      consoleWrite: options.consoleWrite,
      shutdown: (reason) => this.#end(ENDS[endingOfReason(reason)]),
    });
    this.core = new VcpuCore(options.module, options.index, this.handle.ram, this.handle.ram.buffer.byteLength, this.#host(clock === 'host'), {
      board: this.handle.board,
      core: this.id,
    });
    state.tables.lock.meanwhile = () => this.core.link.serveWaiting();
    state.ram.onWrite = (address, length) => this.core.wrote(address, length);
    this.#access = new GuestAccess(this.core, state.ram);
    this.#vcpu = this.#createVcpu();
    this.#publishMap();
    this.#publishApic();
    if (this.id === 0) applyBootState(this.core, built.boot);
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
    return { state: new DomainState(handle, { kick: (vcpu) => this.#kick(vcpu), peers }), boot, console, store };
  }

  /** Has a vCPU look at its events. */
  #kick(vcpu: number): void {
    if (vcpu === this.id) this.#interrupt();
    else this.#kickOther(vcpu);
  }

  #createVcpu(): PvhVcpu {
    const { core, timers, platform, id } = this;
    const { state, vcpus } = this.domain;
    const now = (): number => this.clock.now();
    const vcpu = new PvhVcpu({ id, core, state, timers, now, hasInterrupt: () => this.hasInterrupt(), sendNmi: () => platform.nmi() });
    for (let other = 0; other < this.handle.vcpus; other++) {
      if (other === id) {
        vcpus.push(vcpu);
        continue;
      }
      const remote = new RemoteVcpu(other, state, () => this.#kickOther(other));
      platform.addRemote(remote);
      vcpus.push(remote);
    }
    return vcpu;
  }

  #createCpuid(model: CpuModel | undefined): Cpuid {
    return new Cpuid({
      features: TABLE_FEATURES,
      ...(model === undefined ? {} : { model }),
      tscHz: TSC_HZ,
      apicId: apicIdOf(this.id),
      processors: this.handle.vcpus,
      osxsave: () => (this.core.view.getUint32(L.CR4, true) & 0x40000) !== 0,
    });
  }

  #host(isReal: boolean): VcpuHost {
    const { ports, mmio, lapic } = this.platform;
    const facts = { domid: this.handle.domid, vcpu: this.id, tscHz: TSC_HZ };
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
      kicked: () => this.#notice(),
      mapChanged: () => this.#publishMap(),
    };
  }

  /** Whether an interrupt waits: the upcall, for as long as the guest has not cleared it, or the local APIC's. */
  hasInterrupt(): boolean {
    return this.#upcallVector !== 0 || this.platform.lapic.hasInterrupt();
  }

  /** The vector by which the upcall comes now; 0 when it does not, or comes by the local APIC. */
  get #upcallVector(): number {
    const { upcall, tables } = this.domain.state;
    const { callbackVector } = tables;
    if (callbackVector === 0 || tables.vcpu(this.id, Vcpu.UPCALL_VECTOR) !== 0) return 0;
    return upcall.isPending(this.id) ? callbackVector : 0;
  }

  #hypercall(): number {
    serveHypercall({ core: this.core, domain: this.domain, vcpu: this.#vcpu, access: this.#access }, this.#onHypercall);
    if (this.domain.state.tables.mapEpoch !== this.#mapEpoch) {
      this.#publishMap();
      this.core.link.announceMap();
    }
    if (!this.#vcpu.mustWait) return 1;
    return 2;
  }

  /** Tells the vCPU's address translation what lies outside RAM, when that has changed. */
  #publishMap(): void {
    const { tables, physmap } = this.domain.state;
    const epoch = tables.mapEpoch;
    if (epoch === this.#mapEpoch) return;
    this.#mapEpoch = epoch;
    writePhysmap(this.core.view, physmap, this.handle.ramBytes);
    this.core.exports.flushTlb(1);
  }

  #fillHypercallPage(value: bigint): boolean {
    const { state } = this.domain;
    const page = state.physmap.address(Number((value & 0xffff_ffffn) >> 12n));
    if (page >= 0) state.ram.write(page, hypercallPage());
    this.domain.latchLayout((this.core.view.getUint32(L.CTX, true) & L.MODE_CODE_MASK) === 2 ? 64 : 32);
    return true;
  }

  #end(how: SliceEnd): void {
    this.#ended ??= how;
    this.core.expire();
  }

  #interrupt(): void {
    if (this.core === undefined) return;
    this.#notice();
    this.core.expire();
  }

  /** Takes in what other threads have left for the vCPU. */
  #notice(): void {
    this.#mailbox.take(this.#mail);
    this.#assertUpcall();
    this.core.view.setUint32(L.INTR_PENDING, this.hasInterrupt() ? 1 : 0, true);
    this.core.view.setUint32(L.NMI_PENDING, this.platform.lapic.nmiPending ? 1 : 0, true);
    if (this.#mailbox.startWaits) this.core.expire();
  }

  /** Passes an upcall that has become pending to the local APIC, when the guest wants it there. */
  #assertUpcall(): void {
    const { tables } = this.domain.state;
    if (tables.takeVcpu(this.id, Vcpu.KICKED) === 0) return;
    const vector = tables.vcpu(this.id, Vcpu.UPCALL_VECTOR);
    if (vector !== 0) this.platform.interrupt(vector);
  }

  readonly #mail = {
    interrupt: (vector: number): void => this.platform.interrupt(vector),
    nmi: (): void => this.platform.nmi(),
    periodic: (ns: number): void => (ns === 0 ? this.#vcpu.periodic.stop() : this.#vcpu.periodic.start(ns)),
    updateFlag: (on: boolean): void => {
      this.#vcpu.runstate.updateFlag = on;
    },
  };

  /** Messages that start or stop the vCPU are looked at between slices. */
  #takeStart(): void {
    if (!this.#mailbox.startWaits) return;
    this.#mailbox.takeStart({
      init: () => this.platform.message(deliveryMode.init, 0),
      startup: (vector) => this.platform.message(deliveryMode.startup, vector),
      up: () => this.#vcpu.up(),
      down: () => this.#vcpu.down(),
    });
  }

  /** INIT: the vCPU is as after power-up, and waits. */
  #init(): void {
    this.core.exports.resetCpu?.();
    this.#vcpu.waitForStart();
  }

  /** A start-up message: real mode, at a page below 1 MiB. */
  #startup(vector: number): void {
    if (!this.#vcpu.waitsForStart) return;
    const { core } = this;
    core.view.setUint32(L.SEG_CS + L.SEG_SELECTOR, vector << 8, true);
    core.view.setBigUint64(L.SEG_CS + L.SEG_BASE, BigInt(vector << 12), true);
    core.rip = 0n;
    core.exports.updateContext();
    this.#vcpu.started();
  }

  #publishApic(): void {
    if (this.#mailbox === undefined) return;
    this.#mailbox.publish(this.platform.lapic.address);
  }

  /** Runs about `instructions` more, firing due timers first. */
  slice(instructions: number): SliceEnd {
    this.timers.runDue(this.clock.now());
    this.#publishMap();
    this.#takeStart();
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
    this.#takeStart();
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

import { HypervisorError, type InterruptLine } from '#sdk';
import * as L from '#jit/layout';
import type { VcpuCore, VcpuHost } from '#jit';
import { type HypercallObserver, serveHypercall } from '../hypercall/dispatch.ts';
import { GuestAccess } from '../hypercall/guest-access.ts';
import type { BootState } from '../loader/index.ts';
import { applyBootState } from '../machine/apply-boot-state.ts';
import { hostClock, instructionClock, type MachineClock } from '../machine/clock.ts';
import type { CpuModel } from '../machine/cpu-models.ts';
import { MsrBank } from '../machine/msr.ts';
import type { SliceEnd } from '../machine/pc-machine.ts';
import type { StateWords } from '../machine/state-words.ts';
import { Vcpu } from '../memory/domain-tables.ts';
import { deliveryMode } from '../platform/apic/apic-bus.ts';
import { TimerQueue } from '../platform/timer-queue.ts';
import { allocateDomain, buildDomain, type BuiltDomain, type StoreChannel } from './build-domain.ts';
import { ConsoleRing } from './console-ring.ts';
import { type DomainHandle, DomainState } from './domain-state.ts';
import { hypercallPage } from './hypercall-page.ts';
import { endingOfReason } from './lifecycle.ts';
import { type CoreUser, DomainCore } from './domain-core.ts';
import { PvhDomain } from './pvh-domain.ts';
import { pvhHost } from './pvh-host.ts';
import { type BuiltElsewhere, ownPlace, type PvhMachineOptions } from './pvh-machine-options.ts';
import { pvhMemoryMap } from './pvh-layout.ts';
import { PvhPlatform } from './pvh-platform.ts';
import { PvhVcpu } from './pvh-vcpu.ts';
import { RemoteVcpu } from './remote-vcpu.ts';
import { VcpuMailbox } from './vcpu-mailbox.ts';

const TSC_HZ = 1_000_000_000;
const FIXED_WALL_CLOCK_MS = 1_700_000_000_000;
const ENDS = { poweroff: 'power-off', reboot: 'reset', crash: 'crash', watchdog: 'watchdog' } as const;

/** A vCPU of a PVH domain with what surrounds it, on a thread that runs it. */
export class PvhMachine implements CoreUser {
  readonly core: VcpuCore;
  /** The core, which vCPUs of the domain on this thread share. */
  readonly seat: DomainCore;
  readonly host: VcpuHost;
  readonly record: Uint8Array;
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
  readonly #boot: BootState;
  readonly #words: StateWords;
  readonly #recordView: DataView;
  readonly #msrs: MsrBank;
  #ended: SliceEnd | null = null;
  #gaveWay = false;

  constructor(options: PvhMachineOptions) {
    const { clock, built: elsewhere } = options;
    this.id = elsewhere?.vcpu ?? 0;
    this.#kickOther = elsewhere?.kick ?? (() => undefined);
    this.clock = clock === 'host' ? (elsewhere?.clock ?? hostClock()) : instructionClock(() => this.core?.executed ?? 0);
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
      startNs: elsewhere?.startNs ?? BigInt(clock === 'host' ? Date.now() : FIXED_WALL_CLOCK_MS) * 1_000_000n,
      now: () => this.clock.now(),
      consoleWrite: options.consoleWrite,
      shutdown: (reason) => this.#end(ENDS[endingOfReason(reason)]),
    });
    const place = elsewhere?.place ?? ownPlace(this.id);
    this.record = place.record;
    this.#recordView = new DataView(this.record.buffer, this.record.byteOffset, this.record.length);
    this.#words = place.words;
    this.host = this.#createHost(options.cpu, () => place.kicked());
    this.seat = place.seat ?? new DomainCore({ module: options.module, index: options.index, handle: this.handle, state, core: place.core });
    this.core = this.seat.core;
    state.tables.lock.meanwhile = () => this.core.link.serveWaiting();
    state.ram.onWrite = (address, length) => this.core.wrote(address, length);
    this.#access = new GuestAccess(this.core, state.ram);
    this.#vcpu = this.#createVcpu();
    this.#boot = built.boot;
    if (elsewhere?.place === undefined) this.begin();
  }

  /** It begins, as after power-up. */
  begin(): void {
    this.seat.begin(this);
    this.#vcpu.begin();
    this.#publishApic();
    if (this.id !== 0) return;
    this.domain.writeTimes();
    applyBootState(this.core, this.#boot);
  }

  /** Leaves it for another thread, which may go on with it at once. */
  leave(): void {
    this.save();
    this.seat.leave(this);
  }

  /** Writes it down as it is; between slices. */
  save(): void {
    if (this.seat.isOn(this)) this.core.saveVcpu(this.record);
    const words = this.#words.rewind();
    for (const part of [this.#msrs, this.platform, this.#vcpu, this.domain]) part.save(words);
  }

  /** Takes it over as another thread left it, or this one. */
  load(): void {
    this.seat.leave(this);
    const words = this.#words.rewind();
    for (const part of [this.#msrs, this.platform, this.#vcpu, this.domain]) part.load(words);
    this.#publishApic();
  }

  /** Has it sit on the core, which others of its domain may have used meanwhile. */
  sit(): void {
    this.seat.sit(this);
  }

  /** Whether it would let others go first; once. */
  takeGaveWay(): boolean {
    const gaveWay = this.#gaveWay;
    this.#gaveWay = false;
    return gaveWay;
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

  /** Its registers: on the core while it sits there. */
  get #view(): DataView {
    return this.seat.isOn(this) ? this.core.view : this.#recordView;
  }

  #createHost(model: CpuModel | undefined, kicked: () => void): VcpuHost {
    const { platform, clock, id, handle } = this;
    return pvhHost({
      domid: handle.domid,
      vcpus: handle.vcpus,
      id,
      model,
      platform,
      msrs: this.#msrs,
      clock,
      core: () => this.core,
      hasInterrupt: () => this.hasInterrupt(),
      upcallVector: () => this.#upcallVector,
      interrupt: () => this.#interrupt(),
      notice: () => {
        this.#notice();
        kicked();
      },
      fillHypercallPage: (value) => this.#fillHypercallPage(value),
      hypercall: () => this.#hypercall(),
    });
  }

  #createVcpu(): PvhVcpu {
    const { timers, platform, id } = this;
    const { state, vcpus } = this.domain;
    const now = (): number => this.clock.now();
    const vcpu = new PvhVcpu({
      id,
      state,
      timers,
      now,
      view: () => this.#view,
      writeArea: (pointer, bytes) => this.#access.writeAsKernel(pointer, bytes),
      hasInterrupt: () => this.hasInterrupt(),
      hasNmi: () => platform.lapic.nmiPending,
      gaveWay: () => {
        this.#gaveWay = true;
        this.core.expire();
      },
      sendNmi: () => platform.nmi(),
    });
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
    if (this.seat.publishMap()) this.core.link.announceMap();
    if (!this.#vcpu.mustWait) return 1;
    return 2;
  }

  #fillHypercallPage(value: bigint): boolean {
    const { state } = this.domain;
    const page = state.physmap.address(Number((value & 0xffff_ffffn) >> 12n));
    if (page >= 0) state.ram.write(page, hypercallPage());
    this.domain.latchLayout(this.seat.isWide ? 64 : 32);
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
    if (!this.seat.isOn(this)) return;
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
    this.sit();
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
    this.sit();
    this.timers.runDue(this.clock.now());
    this.seat.publishMap();
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

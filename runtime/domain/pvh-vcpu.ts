import { Runstate, Virq } from '#sdk';
import * as L from '#jit/layout';
import type { HypercallVcpu, VcpuWait } from '../hypercall/hypercall-domain.ts';
import type { Movable, StateWords } from '../machine/state-words.ts';
import { Vcpu } from '../memory/domain-tables.ts';
import { type QueuedTimer, type QueuedTimerFactory, rearm } from '../platform/timer-queue.ts';
import { RunstateClock, type WriteArea } from '../time/runstate.ts';
import type { DomainState } from './domain-state.ts';

const FLAG_IF = 0x200;
const WAITS = ['halt', 'start', 'down', 'block', 'poll'] as const;

/** What a vCPU of a PVH domain is made of. */
export interface PvhVcpuParts {
  readonly id: number;
  /** Its registers, by their addresses in a core's state. */
  readonly view: () => DataView;
  readonly state: DomainState;
  readonly timers: QueuedTimerFactory;
  /** Writes where its guest wants to see how it spends its time. */
  readonly writeArea: WriteArea;
  /** The domain's time. */
  now(): number;
  /** Whether an interrupt waits, be it the upcall or the local APIC's. */
  hasInterrupt(): boolean;
  /** Whether a non-maskable interrupt waits. */
  hasNmi(): boolean;
  /** It would let others go first. */
  gaveWay(): void;
  /** An NMI by way of the local APIC. */
  sendNmi(): void;
}

/** A vCPU of a PVH domain: its timers, its runstate, and what it waits for. */
export class PvhVcpu implements HypercallVcpu, Movable {
  readonly id: number;
  readonly runstate: RunstateClock;
  readonly singleshot: QueuedTimer;
  readonly #parts: PvhVcpuParts;
  readonly #periodicTimer: QueuedTimer;
  readonly #pollTimer: QueuedTimer;
  #periodNs = 0;
  #wait: VcpuWait | { readonly kind: 'halt' | 'start' | 'down' } | null = null;
  #timedOut = false;

  constructor(parts: PvhVcpuParts) {
    const { id, timers, state } = parts;
    this.id = id;
    this.#parts = parts;
    this.runstate = new RunstateClock(() => parts.now(), parts.writeArea);
    const tick = (): void => state.events.raiseVirq(Virq.VIRQ_TIMER, id);
    this.singleshot = timers.create(tick);
    this.#periodicTimer = timers.create(() => {
      tick();
      this.#periodicTimer.arm(parts.now() + this.#periodNs);
    });
    this.#pollTimer = timers.create(() => {
      this.#timedOut = true;
    });
  }

  /** After power-up: the first one runs, the others wait for a start-up message. */
  begin(): void {
    if (this.id === 0) this.#isUp();
    else this.waitForStart();
  }

  save(into: StateWords): void {
    this.runstate.save(into);
    for (const timer of [this.singleshot, this.#periodicTimer, this.#pollTimer]) into.putMoment(timer.deadlineNs);
    into.put(this.#periodNs);
    into.putFlag(this.#timedOut);
    const wait = this.#wait;
    into.put(wait === null ? -1 : WAITS.indexOf(wait.kind));
    if (wait?.kind !== 'poll') return;
    into.putMoment(wait.timeoutNs);
    into.put(wait.ports.length, ...wait.ports);
  }

  load(from: StateWords): void {
    this.runstate.load(from);
    for (const timer of [this.singleshot, this.#periodicTimer, this.#pollTimer]) rearm(timer, from.getMoment());
    this.#periodNs = from.get();
    this.#timedOut = from.getFlag();
    const kind = WAITS[from.get()];
    if (kind === 'poll') {
      const timeoutNs = from.getMoment();
      this.#wait = { kind, timeoutNs, ports: Array.from({ length: from.get() }, () => from.get()) };
    } else this.#wait = kind === undefined ? null : { kind };
  }

  #isUp(): void {
    this.#parts.state.tables.setVcpu(this.id, Vcpu.INITIALISED, 1);
    this.#parts.state.tables.setVcpu(this.id, Vcpu.UP, 1);
  }

  /** After a reset: nothing runs until a start-up message comes. */
  waitForStart(): void {
    this.runstate.enter(Runstate.RUNSTATE_offline);
    this.#parts.state.tables.setVcpu(this.id, Vcpu.UP, 0);
    this.#wait = { kind: 'start' };
  }

  /** Whether a start-up message is what it waits for. */
  get waitsForStart(): boolean {
    return this.#wait?.kind === 'start';
  }

  /** A start-up message has come: it begins. */
  started(): void {
    this.#isUp();
    this.#wait = null;
  }

  readonly periodic = {
    start: (periodNs: number): void => {
      this.#periodNs = periodNs;
      this.#periodicTimer.arm(this.#parts.now() + periodNs);
    },
    stop: (): void => this.#periodicTimer.cancel(),
  };

  yield(): void {
    this.#parts.gaveWay();
  }

  wait(wait: VcpuWait): void {
    this.#wait = wait;
    if (wait.kind !== 'poll') return;
    this.#parts.state.tables.setVcpu(this.id, Vcpu.POLLING, 1);
    this.#timedOut = false;
    if (wait.timeoutNs !== null) this.#pollTimer.arm(Math.min(wait.timeoutNs, Number.MAX_SAFE_INTEGER));
  }

  sendNmi(): void {
    this.#parts.sendNmi();
  }

  down(): void {
    this.#parts.state.tables.setVcpu(this.id, Vcpu.UP, 0);
    this.runstate.enter(Runstate.RUNSTATE_offline);
    this.#wait = { kind: 'down' };
  }

  up(): void {
    if (this.#wait?.kind !== 'down') return;
    this.#isUp();
    this.#wait = null;
  }

  get #isOffline(): boolean {
    return this.#wait?.kind === 'start' || this.#wait?.kind === 'down';
  }

  /** Whether the hypercall that was just served makes the vCPU wait. */
  get mustWait(): boolean {
    return this.#wait !== null;
  }

  /** The vCPU executed HLT, or its hypercall made it wait. */
  halted(): void {
    if (this.#isOffline) return;
    this.#wait ??= { kind: 'halt' };
    this.runstate.enter(Runstate.RUNSTATE_blocked);
  }

  /** Whether it has nothing to wait for, or what it waited for has come. */
  get mayRun(): boolean {
    return this.#wait === null || this.wakes;
  }

  /** It goes on. */
  resume(): void {
    if (this.#wait?.kind === 'poll') {
      this.#pollTimer.cancel();
      this.#parts.state.tables.setVcpu(this.id, Vcpu.POLLING, 0);
    }
    this.#wait = null;
    this.runstate.enter(Runstate.RUNSTATE_running);
  }

  /** Whether what it waits for has come. */
  get wakes(): boolean {
    const wait = this.#wait;
    const { hasInterrupt, state } = this.#parts;
    if (this.#isOffline) return false;
    if (wait?.kind === 'poll') return this.#timedOut || hasInterrupt() || wait.ports.some((port) => state.events.isPending(port));
    return this.#takesNmi || (hasInterrupt() && (wait?.kind === 'block' || this.#takesInterrupts));
  }

  /** False when nothing can end its wait any more. */
  get interruptible(): boolean {
    return (this.#wait !== null && this.#wait.kind !== 'halt') || this.#takesInterrupts;
  }

  get #takesNmi(): boolean {
    return this.#parts.hasNmi() && this.#parts.view().getUint32(L.NMI_BLOCKED, true) === 0;
  }

  get #takesInterrupts(): boolean {
    return (this.#parts.view().getUint32(L.EFLAGS, true) & FLAG_IF) !== 0;
  }
}

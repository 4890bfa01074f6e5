import { Runstate, type Timer, type TimerFactory, Virq } from '#sdk';
import * as L from '#jit/layout';
import type { VcpuCore } from '#jit';
import type { HypercallVcpu, VcpuWait } from '../hypercall/hypercall-domain.ts';
import { Vcpu } from '../memory/domain-tables.ts';
import { RunstateClock } from '../time/runstate.ts';
import type { DomainState } from './domain-state.ts';

const FLAG_IF = 0x200;

/** What a vCPU of a PVH domain is made of. */
export interface PvhVcpuParts {
  readonly id: number;
  readonly core: VcpuCore;
  readonly state: DomainState;
  readonly timers: TimerFactory;
  /** The domain's time. */
  now(): number;
  /** Whether an interrupt waits, be it the upcall or the local APIC's. */
  hasInterrupt(): boolean;
  /** An NMI by way of the local APIC. */
  sendNmi(): void;
}

/** A vCPU of a PVH domain: its timers, its runstate, and what it waits for. */
export class PvhVcpu implements HypercallVcpu {
  readonly id: number;
  readonly runstate: RunstateClock;
  readonly singleshot: Timer;
  readonly #parts: PvhVcpuParts;
  readonly #periodicTimer: Timer;
  readonly #pollTimer: Timer;
  #periodNs = 0;
  #wait: VcpuWait | { readonly kind: 'halt' | 'start' | 'down' } | null = null;
  #timedOut = false;

  constructor(parts: PvhVcpuParts) {
    const { id, timers, state } = parts;
    this.id = id;
    this.#parts = parts;
    this.runstate = new RunstateClock(() => parts.now());
    const tick = (): void => state.events.raiseVirq(Virq.VIRQ_TIMER, id);
    this.singleshot = timers.create(tick);
    this.#periodicTimer = timers.create(() => {
      tick();
      this.#periodicTimer.arm(parts.now() + this.#periodNs);
    });
    this.#pollTimer = timers.create(() => {
      this.#timedOut = true;
    });
    if (id === 0) this.#isUp();
    else this.waitForStart();
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
    this.#parts.core.expire();
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
    const { view } = this.#parts.core;
    return view.getUint32(L.NMI_PENDING, true) !== 0 && view.getUint32(L.NMI_BLOCKED, true) === 0;
  }

  get #takesInterrupts(): boolean {
    return (this.#parts.core.view.getUint32(L.EFLAGS, true) & FLAG_IF) !== 0;
  }
}

import type { VirtualClock } from '#sdk';
import type { Movable, StateWords } from '../../machine/state-words.ts';
import { type QueuedTimer, rearm, type QueuedTimerFactory } from '../timer-queue.ts';
import { nsAtTicks, ticksAt } from '../time-scale.ts';

/** Clock of the local APIC timer before its divider: one tick is one nanosecond of guest time. */
export const LAPIC_TIMER_HZ = 1_000_000_000;

/** Shortest distance of two expiries: below it a guest could keep the host busy with its timer. */
const MIN_PERIOD_NS = 1000;

const MASKED = 0x1_0000;
const TWO_32 = 2 ** 32;

/** What the timer needs from its APIC. */
export interface LapicTimerDeps {
  readonly clock: VirtualClock;
  readonly timers: QueuedTimerFactory;
  readonly tscHz: number;
  /** Delivers the timer's interrupt, unless it is masked. */
  expire(): void;
}

/** The timer of a local APIC: one-shot, periodic, or against the time-stamp counter. */
export class LapicTimer implements Movable {
  readonly #deps: LapicTimerDeps;
  readonly #timer: QueuedTimer;
  #lvt = MASKED;
  #divideConfig = 0;
  #initialCount = 0;
  #startNs = 0;
  /** A one-shot has run out; only a new initial count starts the timer again. */
  #stopped = false;
  #deadlineLow = 0;
  #deadlineHigh = 0;
  #tscOffset = 0;

  constructor(deps: LapicTimerDeps) {
    this.#deps = deps;
    this.#timer = deps.timers.create(() => this.#fire());
  }

  /** Back to the state after reset; the time-stamp counter's offset stays. */
  reset(): void {
    this.#lvt = MASKED;
    this.#divideConfig = 0;
    this.#initialCount = 0;
    this.#disarmDeadline();
    this.#timer.cancel();
  }

  save(into: StateWords): void {
    into.put(this.#lvt, this.#divideConfig, this.#initialCount, this.#startNs, this.#deadlineLow, this.#deadlineHigh, this.#tscOffset);
    into.putFlag(this.#stopped);
    into.putMoment(this.#timer.deadlineNs);
  }

  load(from: StateWords): void {
    this.#lvt = from.get();
    this.#divideConfig = from.get();
    this.#initialCount = from.get();
    this.#startNs = from.get();
    this.#deadlineLow = from.get();
    this.#deadlineHigh = from.get();
    this.#tscOffset = from.get();
    this.#stopped = from.getFlag();
    rearm(this.#timer, from.getMoment());
  }

  /** Divide configuration register. */
  get divideConfig(): number {
    return this.#divideConfig;
  }

  set divideConfig(value: number) {
    const elapsed = Math.floor(this.#elapsedNs() / this.#divisor());
    this.#divideConfig = value & 0x0b;
    // The count goes on from where it is, at the new pace.
    this.#startNs = this.#deps.clock.now() - elapsed * this.#divisor();
    this.#arm();
  }

  /** Initial count; 0 stops the timer. Ignored in TSC-deadline mode. */
  get initialCount(): number {
    return this.#mode() === 2 ? 0 : this.#initialCount;
  }

  set initialCount(value: number) {
    if (this.#mode() === 2) return;
    this.#initialCount = value >>> 0;
    this.#startNs = this.#deps.clock.now();
    this.#stopped = false;
    this.#arm();
  }

  /** What is left of the count. */
  currentCount(): number {
    if (this.#mode() === 2 || this.#initialCount === 0 || this.#stopped) return 0;
    const ticks = Math.floor(this.#elapsedNs() / this.#divisor());
    if (this.#mode() === 1) return this.#initialCount - (ticks % this.#initialCount);
    return Math.max(0, this.#initialCount - ticks);
  }

  /** Takes the LVT entry: its mode and mask. */
  configure(lvt: number): void {
    this.#lapse();
    const wasDeadline = this.#mode() === 2;
    this.#lvt = lvt;
    if (wasDeadline !== (this.#mode() === 2)) {
      this.#initialCount = 0;
      this.#disarmDeadline();
    }
    this.#arm();
  }

  /** The time-stamp counter that the deadline means. */
  tsc(): number {
    return ticksAt(this.#deps.clock.now(), this.#deps.tscHz) + this.#tscOffset;
  }

  /** Follows a write of the time-stamp counter: `offset` ticks before the virtual clock's count. */
  setTscOffset(offset: number): void {
    this.#tscOffset = offset;
    this.#arm();
  }

  /** IA32_TSC_DEADLINE as low and high half; 0 when disarmed. */
  get deadline(): { readonly low: number; readonly high: number } {
    this.#lapse();
    return { low: this.#deadlineLow, high: this.#deadlineHigh };
  }

  /** Writes IA32_TSC_DEADLINE; without effect in the other modes. */
  setDeadline(low: number, high: number): void {
    if (this.#mode() !== 2) return;
    this.#deadlineLow = low >>> 0;
    this.#deadlineHigh = high >>> 0;
    this.#arm();
  }

  #disarmDeadline(): void {
    this.#deadlineLow = 0;
    this.#deadlineHigh = 0;
  }

  /** What ran out while it was masked is over, without an interrupt. */
  #lapse(): void {
    if (!(this.#lvt & MASKED)) return;
    const at = this.#nextExpiryNs();
    if (at === null || at > this.#deps.clock.now()) return;
    if (this.#mode() === 2) this.#disarmDeadline();
    else if (this.#mode() === 0) this.#stopped = true;
  }

  #mode(): number {
    return (this.#lvt >> 17) & 3;
  }

  #divisor(): number {
    const code = (this.#divideConfig & 3) | ((this.#divideConfig & 8) >> 1);
    return code === 7 ? 1 : 2 << code;
  }

  #elapsedNs(): number {
    return this.#deps.clock.now() - this.#startNs;
  }

  /** Arms for the next expiry; a masked timer is worked out when somebody looks. */
  #arm(): void {
    const at = this.#lvt & MASKED ? null : this.#nextExpiryNs();
    if (at === null) this.#timer.cancel();
    else this.#timer.arm(at);
  }

  #nextExpiryNs(): number | null {
    if (this.#mode() === 2) {
      const deadline = this.#deadlineHigh * TWO_32 + this.#deadlineLow;
      return deadline === 0 ? null : nsAtTicks(Math.max(0, deadline - this.#tscOffset), this.#deps.tscHz);
    }
    if (this.#initialCount === 0 || this.#stopped) return null;
    const run = this.#initialCount * this.#divisor();
    if (this.#mode() !== 1) return this.#startNs + run;
    const next = this.#startNs + (Math.floor(this.#elapsedNs() / run) + 1) * run;
    return Math.max(next, this.#deps.clock.now() + MIN_PERIOD_NS);
  }

  #fire(): void {
    if (this.#mode() === 2) this.#disarmDeadline();
    else if (this.#mode() === 0) this.#stopped = true;
    this.#deps.expire();
    this.#arm();
  }
}

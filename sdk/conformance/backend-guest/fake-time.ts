import type { Timer, TimerFactory, VirtualClock } from '../../contract/bus-device.ts';

/** Time that stands still until a test moves it. */
export class FakeTime {
  /** Shows the time. */
  readonly clock: VirtualClock = { now: () => this.#nowNs };
  /** Timers that fire within `advance`. */
  readonly timers: TimerFactory = { create: (fire) => this.#create(fire) };
  readonly #armed = new Map<Timer, { atNs: number; fire: () => void }>();
  #nowNs = 0;

  /** Moves the time on; what is due on the way fires in order of its moment, at its moment. */
  advance(ns: number): void {
    const end = this.#nowNs + ns;
    for (;;) {
      const due = [...this.#armed].filter(([, { atNs }]) => atNs <= end).sort(([, a], [, b]) => a.atNs - b.atNs)[0];
      if (due === undefined) break;
      const [timer, { atNs, fire }] = due;
      this.#armed.delete(timer);
      this.#nowNs = Math.max(this.#nowNs, atNs);
      fire();
    }
    this.#nowNs = end;
  }

  /** Number of timers that are armed. */
  get armed(): number {
    return this.#armed.size;
  }

  #create(fire: () => void): Timer {
    const timer: Timer = {
      arm: (atNs) => void this.#armed.set(timer, { atNs, fire }),
      cancel: () => void this.#armed.delete(timer),
    };
    return timer;
  }
}

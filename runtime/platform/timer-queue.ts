import type { Timer, TimerFactory, VirtualClock } from '#sdk';

/** A timer that tells for when it is armed. */
export interface QueuedTimer extends Timer {
  /** The moment, or null when it is disarmed. */
  readonly deadlineNs: number | null;
}

/** Makes timers that tell for when they are armed. */
export interface QueuedTimerFactory extends TimerFactory {
  create(fire: () => void): QueuedTimer;
}

/** Arms or disarms a timer as another one was. */
export function rearm(timer: Timer, deadlineNs: number | null): void {
  if (deadlineNs === null) timer.cancel();
  else timer.arm(deadlineNs);
}

interface Entry {
  readonly fire: () => void;
  at: number;
  /** Orders timers of the same moment by when they were armed, so that every run is alike. */
  sequence: number;
  /** Place in the heap, or -1 when disarmed. */
  index: number;
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

/** Timers in order of guest time, as a binary heap. Whoever runs the guest calls `runDue`. */
export class TimerQueue implements QueuedTimerFactory {
  readonly #clock: VirtualClock;
  readonly #heap: Entry[] = [];
  readonly #earlier: (() => void) | undefined;
  #sequence = 0;

  /** @param earlier - called when a timer is armed that is now the next of all */
  constructor(clock: VirtualClock, earlier?: () => void) {
    this.#clock = clock;
    this.#earlier = earlier;
  }

  create(fire: () => void): QueuedTimer {
    const entry: Entry = { fire, at: 0, sequence: 0, index: -1 };
    return {
      arm: (atNs) => {
        this.#remove(entry);
        entry.at = atNs;
        entry.sequence = this.#sequence++;
        this.#place(entry, this.#heap.length);
        this.#up(entry);
        if (this.#heap[0] === entry) this.#earlier?.();
      },
      cancel: () => this.#remove(entry),
      get deadlineNs(): number | null {
        return entry.index < 0 ? null : entry.at;
      },
    };
  }

  /** The guest time of the next timer, or null when none is armed. */
  nextDeadline(): number | null {
    return this.#heap[0]?.at ?? null;
  }

  /** Fires every timer whose moment is not after `now`, in order; also those armed meanwhile. */
  runDue(now: number = this.#clock.now()): void {
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      this.#remove(top);
      top.fire();
    }
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }

  #remove(entry: Entry): void {
    const index = entry.index;
    if (index < 0) return;
    entry.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#place(last, index);
    this.#up(last);
    this.#down(last);
  }

  #up(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1];
      if (parent === undefined || !before(entry, parent)) return;
      this.#swap(entry, parent);
    }
  }

  #down(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1];
      const right = this.#heap[2 * entry.index + 2];
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (child === undefined || !before(child, entry)) return;
      this.#swap(entry, child);
    }
  }

  #swap(a: Entry, b: Entry): void {
    const index = a.index;
    this.#place(a, b.index);
    this.#place(b, index);
  }
}

import type { Timer, TimerFactory, VirtualClock } from '../../contract/bus-device.ts';

const NS_PER_US = 1000;

/** How much a guest may send: bytes in each interval, as the node `rate` says. */
export interface TxRate {
  /** Bytes that may be sent in an interval. */
  readonly bytes: number;
  /** Microseconds of an interval. */
  readonly intervalUs: number;
}

/** Reads the node `rate`, `BYTES,MICROSECONDS`; undefined for anything else, and for no limit. */
export function parseTxRate(text: string | undefined): TxRate | undefined {
  const [, bytes, intervalUs] = /^(\d{1,12}),(\d{1,9})$/.exec(text ?? '') ?? [];
  const rate = { bytes: Number(bytes), intervalUs: Number(intervalUs) };
  return rate.bytes > 0 && rate.intervalUs > 0 ? rate : undefined;
}

/**
 * What a guest may still send in the current interval. A frame may overdraw it, and is paid for by the intervals that
 * follow, so that the rate holds for frames of any length. The queues of a vif share it.
 */
export class TxCredit {
  readonly #rate: TxRate;
  readonly #clock: VirtualClock;
  readonly #timer: Timer;
  readonly #waiting = new Set<() => void>();
  #bytes: number;
  #refilledNs: number;

  constructor(rate: TxRate, clock: VirtualClock, timers: TimerFactory) {
    this.#rate = rate;
    this.#clock = clock;
    this.#bytes = rate.bytes;
    this.#refilledNs = clock.now();
    this.#timer = timers.create(() => this.#resume());
  }

  /** Whether another frame may be taken. */
  get available(): boolean {
    if (this.#bytes <= 0) this.#refill();
    return this.#bytes > 0;
  }

  /** A frame has been taken. */
  spend(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Calls back once when there is credit again. */
  wait(resume: () => void): void {
    this.#waiting.add(resume);
    const { bytes, intervalUs } = this.#rate;
    const intervals = Math.floor(-this.#bytes / bytes) + 1;
    this.#timer.arm(this.#refilledNs + intervals * intervalUs * NS_PER_US);
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#timer.cancel();
    this.#waiting.clear();
  }

  #refill(): void {
    const { bytes, intervalUs } = this.#rate;
    const intervals = Math.floor((this.#clock.now() - this.#refilledNs) / (intervalUs * NS_PER_US));
    this.#refilledNs += intervals * intervalUs * NS_PER_US;
    // What was not used in an interval is lost.
    this.#bytes = Math.min(bytes, this.#bytes + intervals * bytes);
  }

  #resume(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }
}

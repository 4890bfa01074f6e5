import type { VirtualClock } from '#sdk';

/** Guest time that can be moved forward while every vCPU is halted. */
export interface MachineClock extends VirtualClock {
  /** True when guest time passes by itself. */
  readonly real: boolean;
  /** Moves guest time to `ns` if that is later; only for clocks that do not pass by themselves. */
  skipTo(ns: number): void;
}

/** `performance.now` begins with each thread; this is what the threads' clocks differ by. */
const THREAD_START_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Nanoseconds on the host's monotonic clock, which all threads share; exact to about a microsecond between threads. */
export function hostNow(): number {
  return Math.floor((performance.now() + THREAD_START_MS) * 1e6);
}

/** Guest time follows the host's monotonic clock, from `startNs` of {@link hostNow} on. */
export function hostClock(startNs = hostNow()): MachineClock {
  return { real: true, now: () => hostNow() - startNs, skipTo: () => {} };
}

/**
 * Guest time follows the instructions executed, one nanosecond each, so that two runs with the same input are alike
 * to the instruction. Idle time is skipped.
 */
export function instructionClock(executed: () => number): MachineClock {
  let skipped = 0;
  const now = (): number => executed() + skipped;
  return {
    real: false,
    now,
    skipTo: (ns) => {
      const behind = ns - now();
      if (behind > 0) skipped += behind;
    },
  };
}

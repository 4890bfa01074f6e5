import type { VirtualClock } from '#sdk';

/** Guest time that can be moved forward while every vCPU is halted. */
export interface MachineClock extends VirtualClock {
  /** True when guest time passes by itself. */
  readonly real: boolean;
  /** Moves guest time to `ns` if that is later; only for clocks that do not pass by themselves. */
  skipTo(ns: number): void;
}

const READINGS = 200;
/** `performance.now` begins with each thread; this is what the threads' clocks differ by. */
const THREAD_START_MS = threadStart();

/** The best of several readings: guests compare the clocks of their vCPUs. */
function threadStart(): number {
  let best = Number.POSITIVE_INFINITY;
  let start = 0;
  for (let i = 0; i < READINGS; i++) {
    const before = Number(process.hrtime.bigint());
    const now = performance.now();
    const after = Number(process.hrtime.bigint());
    if (after - before >= best) continue;
    best = after - before;
    start = (before + after) / 2e6 - now;
  }
  return start;
}

/** Nanoseconds on the host's monotonic clock, which all threads share; exact to about 100 between threads. */
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

import type { VirtualClock } from '#sdk';

/** Guest time that can be moved forward while every vCPU is halted. */
export interface MachineClock extends VirtualClock {
  /** True when guest time passes by itself. */
  readonly real: boolean;
  /** Moves guest time to `ns` if that is later; only for clocks that do not pass by themselves. */
  skipTo(ns: number): void;
}

/** Guest time follows the host's monotonic clock. */
export function hostClock(): MachineClock {
  const start = performance.now();
  return { real: true, now: () => Math.floor((performance.now() - start) * 1e6), skipTo: () => {} };
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

import type { Timer, TimerFactory, VirtualClock } from '#sdk';

const MOST_MS = 2 ** 31 - 1;

/** The time of the main thread, in nanoseconds from 0 on: as fast as that of every domain with the host's clock. */
export function hostTime(): { readonly clock: VirtualClock; readonly timers: TimerFactory } {
  const start = performance.now();
  const clock: VirtualClock = { now: () => Math.floor((performance.now() - start) * 1e6) };
  return { clock, timers: { create: (fire) => createTimer(clock, fire) } };
}

/** A timer of Node's event loop, which keeps no process alive. */
function createTimer(clock: VirtualClock, fire: () => void): Timer {
  let timer: NodeJS.Timeout | undefined;
  const arm = (atNs: number): void => {
    clearTimeout(timer);
    const ms = Math.ceil(Math.max(0, atNs - clock.now()) / 1e6);
    timer = setTimeout(() => (clock.now() < atNs ? arm(atNs) : fire()), Math.min(ms, MOST_MS));
    timer.unref();
  };
  return { arm, cancel: () => clearTimeout(timer) };
}

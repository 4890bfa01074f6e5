const NS_PER_SECOND = 1e9;

/**
 * Counts the whole ticks of a clock of `hz` that fit into `ns` nanoseconds. Split at the second, so
 * that it stays monotonic and (below 9 MHz) exact for every time that a number can hold.
 */
export function ticksAt(ns: number, hz: number): number {
  const seconds = Math.floor(ns / NS_PER_SECOND);
  return seconds * hz + Math.floor(((ns - seconds * NS_PER_SECOND) * hz) / NS_PER_SECOND);
}

/** Finds the first nanosecond at which `ticksAt` has reached `ticks`. */
export function nsAtTicks(ticks: number, hz: number): number {
  const seconds = Math.floor(ticks / hz);
  let ns = seconds * NS_PER_SECOND + Math.ceil(((ticks - seconds * hz) * NS_PER_SECOND) / hz);
  // Beyond 2^53 nothing is exact any more, and adding one may add nothing.
  while (ns < Number.MAX_SAFE_INTEGER && ticksAt(ns, hz) < ticks) ns += 1;
  return ns;
}

import { createQueueScheduler, type Scheduler, type SchedulerHost } from '#sdk';

/** Slice of every vCPU. */
const SLICE_NS = 10_000_000;

/**
 * Makes the scheduler that takes over when another fails: the same slice for each vCPU in turn, on any pCPU that may run
 * it. It has no parameters. It is meant to be too simple to fail.
 */
export function createFallbackScheduler(host: SchedulerHost): Scheduler {
  return createQueueScheduler<Record<never, never>, undefined>(host, {
    name: 'fallback',
    sliceNs: SLICE_NS,
    domainSchema: {},
    begin: () => undefined,
    next: ([first]) => first,
  });
}

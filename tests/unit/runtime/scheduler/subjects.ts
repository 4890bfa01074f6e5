import type { SchedulerSubject } from '#sdk';
import { createFallbackScheduler } from '../../../../runtime/scheduler/index.ts';
import { schedBvt } from '../../../../plugins/sched-bvt/index.ts';
import { bvtDefaults } from '../../../../plugins/sched-bvt/options.ts';
import { schedCredit } from '../../../../plugins/sched-credit/index.ts';
import { creditDefaults } from '../../../../plugins/sched-credit/options.ts';
import { schedSedf } from '../../../../plugins/sched-sedf/index.ts';

const MS = 1_000_000;
const SECOND = 1000 * MS;

/** sEDF, held to what Xen's documents say of it. */
export const sedfSubject: SchedulerSubject = {
  algorithm: 'sedf',
  create: (host) => schedSedf.createScheduler(host, {}),
  promises: {
    conserves: 'pcpu',
    // Extra time is not begun when a period begins within its quantum.
    idleGapNs: 499_999,
    starvationNs: 2 * SECOND,
    shareWindowNs: 10 * SECOND,
    shareError: 0.005,
    settleNs: 200 * MS,
    wakeLatencyNs: 20 * MS,
  },
  weighted: (weight) => ({ periodNs: 0, sliceNs: 0, extratime: true, weight }),
  responsive: { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: true },
  refused: [
    { periodNs: 0, weight: 0 },
    { periodNs: 9_999, sliceNs: 5_000 },
    { periodNs: 10_000_000_001, sliceNs: 5 * MS },
    { periodNs: 20 * MS, sliceNs: 20 * MS + 1 },
    { periodNs: 20 * MS, sliceNs: 4_999 },
    { extratime: false },
    { periodNs: 20 * MS, sliceNs: 5 * MS, extraweight: 2 },
  ],
  randomParameters: (random) => {
    const extratime = random.integer(0, 1) === 1;
    // Shorter periods of several domains leave gaps that are too short for extra time.
    const periodNs = random.integer(10 * MS, 100 * MS);
    const timed = { periodNs, sliceNs: random.integer(5_000, Math.floor(periodNs / 16)), extratime };
    return random.among([
      timed,
      timed,
      { weight: random.integer(1, 8), extratime },
      { periodNs: 0, sliceNs: 0, extratime: true, weight: random.integer(1, 8) },
    ]);
  },
  takesIdleTime: (parameters) => (parameters as { extratime: boolean }).extratime,
};

/** BVT, held to the paper. */
export const bvtSubject: SchedulerSubject = {
  algorithm: 'bvt',
  create: (host) => schedBvt.createScheduler(host, bvtDefaults),
  promises: {
    conserves: 'pcpu',
    idleGapNs: 0,
    starvationNs: 500 * MS,
    shareWindowNs: 10 * SECOND,
    shareError: 0.005,
    settleNs: 100 * MS,
    wakeLatencyNs: 100_000,
  },
  weighted: (weight) => ({ mcuAdvance: 1680 / weight }),
  responsive: { warpBack: true, warpValue: 2000 },
  refused: [{ mcuAdvance: 0 }, { mcuAdvance: 65_536 }],
  randomParameters: (random) => ({
    mcuAdvance: random.integer(5, 40),
    warpBack: random.integer(0, 2) === 0,
    warpValue: random.integer(0, 5000),
    warpLimitNs: random.integer(0, 50) * MS,
    unwarpNs: random.integer(0, 50) * MS,
  }),
};

/** The credit scheduler. */
export const creditSubject: SchedulerSubject = {
  algorithm: 'credit',
  create: (host) => schedCredit.createScheduler(host, creditDefaults),
  promises: {
    conserves: 'system',
    idleGapNs: 0,
    starvationNs: 2 * SECOND,
    shareWindowNs: 30 * SECOND,
    shareError: 0.02,
    settleNs: 60 * MS,
    wakeLatencyNs: 1 * MS,
  },
  weighted: (weight) => ({ weight: weight * 64 }),
  responsive: { weight: 256 },
  refused: [{ weight: 0 }, { weight: 65_536 }, { cap: 6401 }],
  randomParameters: (random) => ({ weight: random.integer(64, 1024), cap: random.among([0, 0, 0, random.integer(5, 200)]) }),
  takesIdleTime: (parameters) => (parameters as { cap: number }).cap === 0,
};

/** All of them, by name. */
export const subjects: Readonly<Record<'sedf' | 'bvt' | 'credit', SchedulerSubject>> = { sedf: sedfSubject, bvt: bvtSubject, credit: creditSubject };

/** What the slot falls back on: no weights, and nothing that a weight could change. */
export const fallbackSubject: SchedulerSubject = {
  create: createFallbackScheduler,
  promises: { ...creditSubject.promises, starvationNs: 200 * MS },
  weighted: () => ({}),
  responsive: {},
  refused: [],
  randomParameters: () => ({}),
};

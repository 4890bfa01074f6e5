import { bvtCases } from './scheduler/bvt-cases.ts';
import { commonCases } from './scheduler/common-cases.ts';
import { creditCases } from './scheduler/credit-cases.ts';
import { sedfCases } from './scheduler/sedf-cases.ts';
import type { ConformanceCase, SchedulerSubject } from './scheduler/subject.ts';

/** The cases that only hold for one of Xen's schedulers. */
const ALGORITHM_CASES = { sedf: sedfCases, bvt: bvtCases, credit: creditCases } as const;

/**
 * Every property that a scheduler has to have, as cases for any test runner: each throws when it does not hold. They
 * run under a clock of their own, take no real time, and come out the same each time.
 *
 * @example
 * ```ts
 * describe('my scheduler', () => {
 *   for (const { id, title, run } of schedulerSuite(subject)) it(`${id}: ${title}`, () => void run());
 * });
 * ```
 */
export function schedulerSuite(subject: SchedulerSubject): ConformanceCase[] {
  const own = subject.algorithm === undefined ? [] : ALGORITHM_CASES[subject.algorithm](subject);
  return [...commonCases(subject), ...own];
}

import { dataCases } from './backend-block/data-cases.ts';
import { hostileCases } from './backend-block/hostile-cases.ts';
import type { BlockBackendSubject } from './backend-block/subject.ts';
import { type BackendConformanceCase, inTime } from './backend-guest/backend-case.ts';

/**
 * Every property that a block backend has to have, as cases for any test runner: each throws when it does not hold.
 * They play the frontends of a guest that is none, honest ones and others.
 *
 * @example
 * ```ts
 * describe('my backend', () => {
 *   for (const { id, title, run } of blockBackendSuite(subject)) it(`${id}: ${title}`, async () => void (await run()));
 * });
 * ```
 */
export function blockBackendSuite<O extends object>(subject: BlockBackendSubject<O>): BackendConformanceCase[] {
  return [...dataCases(subject), ...hostileCases(subject)].map((one) => ({ ...one, run: () => inTime(one.run(), one.id, subject.patienceSeconds) }));
}

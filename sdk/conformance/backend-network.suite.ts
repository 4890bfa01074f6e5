import { type BackendConformanceCase, inTime } from './backend-guest/backend-case.ts';
import { honestCases } from './backend-network/honest-cases.ts';
import { hostileCases } from './backend-network/hostile-cases.ts';
import type { NetworkBackendSubject } from './backend-network/subject.ts';

/**
 * Every property that a network backend has to have, as cases for any test runner: each throws when it does not hold.
 * They play the frontends of a guest that is none, honest ones and others.
 *
 * @example
 * ```ts
 * describe('my network', () => {
 *   for (const { id, title, run } of networkBackendSuite(subject)) it(`${id}: ${title}`, async () => void (await run()));
 * });
 * ```
 */
export function networkBackendSuite<O extends object>(subject: NetworkBackendSubject<O>): BackendConformanceCase[] {
  return [...honestCases(subject), ...hostileCases(subject)].map((one) => ({ ...one, run: () => inTime(one.run(), one.id) }));
}

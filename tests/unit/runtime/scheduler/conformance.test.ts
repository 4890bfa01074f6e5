import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomScenario, runScenario, type SchedulerScenario, type SchedulerSubject, schedulerSuite } from '#sdk';
import { SchedulerSlot } from '../../../../runtime/scheduler/index.ts';
import { override } from './delegate.ts';
import { fallbackSubject, subjects } from './subjects.ts';

const MS = 1_000_000;

describe.each(Object.entries(subjects))('sched-%s', (_name, subject) => {
  // Together with the other two: more than a million decisions.
  const suite = schedulerSuite({ ...subject, randomDecisions: 350_000, randomPeriods: 1_000_000 });

  it.each(suite.map((one) => [one.id, one.title, one] as const))('%s: %s', (_id, _title, { run }) => {
    expect(run()).not.toBe('');
  });
});

describe.each(Object.entries({ ...subjects, fallback: fallbackSubject }))('%s in the slot', (_name, subject) => {
  const { algorithm: _own, ...common } = subject;
  const suite = schedulerSuite({ ...common, create: (host) => new SchedulerSlot(host, subject.create) });
  const skipped: readonly string[] = subject === fallbackSubject ? ['share', 'S10', 'S12', 'S12-refusal'] : [];

  it.each(suite.filter(({ id }) => !skipped.includes(id)).map((one) => [one.id, one.title, one] as const))('%s: %s', (_id, _title, { run }) => {
    expect(run()).not.toBe('');
  });
});

/** Scenarios that fast-check can make smaller. */
const scenarios: fc.Arbitrary<SchedulerScenario> = fc.record({
  pcpus: fc.integer({ min: 1, max: 4 }),
  lengthNs: fc.integer({ min: 1, max: 1000 * MS }),
  seed: fc.nat(),
  domains: fc.array(
    fc.record({
      fromNs: fc.integer({ min: 0, max: 500 * MS }),
      livesNs: fc.integer({ min: 1, max: 1000 * MS }),
      vcpus: fc.array(fc.record({ runNs: fc.integer({ min: MS, max: 20 * MS }), blockNs: fc.constantFrom(0, MS, 7 * MS, 20 * MS) }), {
        minLength: 1,
        maxLength: 2,
      }),
    }),
    { maxLength: 4 },
  ),
  actions: fc.array(
    fc.record({
      atNs: fc.integer({ min: 0, max: 1000 * MS }),
      what: fc.constantFrom('adjust', 'pin', 'unpin', 'offline', 'online', 'pause', 'unpause'),
      target: fc.nat({ max: 7 }),
    }),
    { maxLength: 12 },
  ),
});

describe.each(Object.entries(subjects))('any scenario under %s', (_name, subject) => {
  it('keeps every promise, and goes the same way again', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        expect(runScenario(subject, scenario)).toEqual(runScenario(subject, scenario));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a scenario', () => {
  it('depends on its seed only', () => {
    expect(randomScenario(7)).toEqual(randomScenario(7));
    expect(randomScenario(7)).not.toEqual(randomScenario(8));
  });

  it('that fails can be made smaller', () => {
    const deaf: SchedulerSubject = { ...subjects.bvt, create: override(subjects.bvt.create, () => ({ wake: () => {} })) };
    const { failed, counterexample } = fc.check(
      fc.property(scenarios, (scenario) => void runScenario(deaf, scenario)),
      { seed: 1, numRuns: 100 },
    );
    expect(failed).toBe(true);
    const [smallest] = counterexample ?? [];
    expect(smallest?.domains.flatMap(({ vcpus }) => vcpus).length).toBe(1);
    expect(smallest?.actions).toEqual([]);
  });
});

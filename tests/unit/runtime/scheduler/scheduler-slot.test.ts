import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  randomScenario,
  runScenario,
  type SchedulerDecision,
  type SchedulerFactory,
  SchedulerSimulator,
  type SchedulerSubject,
  type SimulatedVcpu,
  type SimulatedWorkload,
} from '#sdk';
import { createFallbackScheduler, type SchedulerFailure, SchedulerSlot } from '../../../../runtime/scheduler/index.ts';
import { override, type Overrides } from './delegate.ts';
import { schedCredit } from '../../../../plugins/sched-credit/index.ts';
import { creditDefaults } from '../../../../plugins/sched-credit/options.ts';
import { bvtSubject, creditSubject, fallbackSubject, sedfSubject } from './subjects.ts';

const MS = 1_000_000;
const SECOND = 1000 * MS;

const factories: readonly SchedulerFactory[] = [sedfSubject.create, bvtSubject.create, creditSubject.create, createFallbackScheduler];

function simulate(
  create: SchedulerFactory,
  pcpus: number,
  failed?: (failure: SchedulerFailure) => void,
): { simulator: SchedulerSimulator; slot: SchedulerSlot } {
  const simulator = new SchedulerSimulator((host) => new SchedulerSlot(host, create, failed === undefined ? {} : { failed }), pcpus);
  return { simulator, slot: simulator.scheduler as SchedulerSlot };
}

const blocking =
  (runNs: number, blockNs: number): SimulatedWorkload =>
  () => ({ runNs, then: { blockNs } });

/** Swaps through all schedulers, every so often. */
function swapEvery(simulator: SchedulerSimulator, slot: SchedulerSlot, everyNs: number): void {
  let count = 0;
  const swap = (): void => {
    slot.swap(factories[++count % factories.length] as SchedulerFactory, simulator.nowNs);
    simulator.at(simulator.nowNs + everyNs, swap);
  };
  simulator.at(simulator.nowNs + everyNs, swap);
}

/** The longest that any vCPU waited while it could run. */
function watchWaits(simulator: SchedulerSimulator): () => number {
  let longest = 0;
  simulator.observe({
    settled: (nowNs) => {
      for (const { runnable, runningOn, waitingSinceNs } of simulator.vcpus)
        if (runnable && runningOn === null) longest = Math.max(longest, nowNs - waitingSinceNs);
    },
  });
  return () => longest;
}

function expectAddedUp({ vcpus, busyNs, idleNs, offlineNs, nowNs }: SchedulerSimulator, slot: SchedulerSlot, pcpus: number): void {
  for (const vcpu of vcpus) expect(slot.cpuTimeNs(vcpu, nowNs)).toBe(vcpu.cpuNs);
  const idle = Array.from({ length: pcpus }, (_, pcpu) => slot.idleTimeNs(pcpu, nowNs)).reduce((sum, ns) => sum + ns, 0);
  expect(idle).toBe(idleNs);
  expect(busyNs + idleNs + offlineNs).toBe(nowNs * pcpus);
}

describe('a swap every few milliseconds under load', () => {
  it.each([3, 7, 11])('loses, doubles and stalls nothing (every %i ms)', (everyMs) => {
    const { simulator, slot } = simulate(bvtSubject.create, 2);
    const waits = watchWaits(simulator);
    const hogs = [1, 2, 3, 4].flatMap((domid) => simulator.addDomain(domid, ['hog']));
    const others = [5, 6, 7, 8].flatMap((domid) => simulator.addDomain(domid, [blocking(200_000 * domid, 4 * MS)]));
    const vcpus = [...hogs, ...others];
    swapEvery(simulator, slot, everyMs * MS);
    simulator.runUntil(20 * SECOND);
    expect(waits()).toBeLessThan(50 * MS);
    for (const { cpuNs } of vcpus) expect(cpuNs).toBeGreaterThan(SECOND / 4);
    expect(simulator.idleNs).toBeLessThan(0.02 * 20 * SECOND);
    expectAddedUp(simulator, slot, 2);
  });

  const weights: Readonly<Record<string, (i: number) => Record<string, number>>> = {
    // with weight each has its turn in 100 ms
    sedf: (i) => ({ extraweight: 1 + (i % 3) }),
    bvt: (i) => ({ mcuAdvance: 10 + (i % 3) }),
    credit: (i) => ({ weight: 256 + (i % 3) }),
  };
  // credit's own slice of 30 ms has each of four wait for 90
  const credit: SchedulerFactory = (host) => schedCredit.createScheduler(host, { ...creditDefaults, sliceMs: 10 });
  const pair = { sedf: sedfSubject.create, bvt: bvtSubject.create, credit };
  const names = Object.keys(pair) as (keyof typeof pair)[];

  it.each(names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const)))(
    'has none of 8 vCPUs that compute on 2 pCPUs wait for 50 ms, from %s to %s with new weights',
    (from, to) => {
      const { simulator, slot } = simulate(pair[from], 2);
      const domids = [1, 2, 3, 4, 5, 6, 7, 8];
      const vcpus = domids.flatMap((domid) => simulator.addDomain(domid, ['hog']));
      simulator.runUntil(500 * MS);
      const waits = watchWaits(simulator);
      for (let round = 1; round <= 60; round++) {
        // at all places within slices
        simulator.runUntil(simulator.nowNs + 40 * MS + round * 333_333);
        const name = round % 2 === 0 ? from : to;
        slot.swap(pair[name], simulator.nowNs);
        for (const domid of domids) expect(slot.adjustDomain(domid, weights[name]?.(domid) ?? {}, simulator.nowNs)).toBeUndefined();
      }
      expect(waits()).toBeLessThan(50 * MS);
      for (const { cpuNs } of vcpus) expect(cpuNs).toBeGreaterThan(SECOND / 4);
    },
  );

  it('keeps every promise that all schedulers give, in any scenario', () => {
    const swapping: SchedulerSubject = {
      ...fallbackSubject,
      promises: { ...fallbackSubject.promises, conserves: 'pcpu', idleGapNs: 500_000, starvationNs: 500 * MS },
      create: (host) => {
        const slot: SchedulerSlot = new SchedulerSlot(host, bvtSubject.create);
        let count = 0;
        const timer = host.createTimer((nowNs) => {
          slot.swap(factories[++count % factories.length] as SchedulerFactory, nowNs);
          timer.arm(nowNs + 3_100_000);
        });
        timer.arm(1);
        return slot;
      },
    };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const result = runScenario(swapping, { ...randomScenario(seed), lengthNs: 400 * MS });
        expect(result).toEqual(runScenario(swapping, { ...randomScenario(seed), lengthNs: 400 * MS }));
      }),
      { numRuns: 50 },
    );
  });

  it('keeps pins and pCPUs that went', () => {
    const { simulator, slot } = simulate(creditSubject.create, 3);
    const [pinned] = simulator.addDomain(1, ['hog']) as [SimulatedVcpu];
    simulator.addDomain(2, ['hog', 'hog', blocking(MS, MS)]);
    simulator.pin(pinned, 1n << 2n);
    simulator.setOnline(1, false);
    swapEvery(simulator, slot, 5 * MS);
    simulator.runUntil(SECOND);
    expect(slot.pcpuOf(pinned)).toBe(2);
    expect(slot.currentOf(1)).toBeNull();
    expectAddedUp(simulator, slot, 3);
  });
});

describe('a swap', () => {
  it('counts from the very moment', () => {
    const { simulator, slot } = simulate(createFallbackScheduler, 2);
    for (let domid = 1; domid <= 4; domid++) simulator.addDomain(domid, ['hog']);
    simulator.runUntil(25 * MS);
    const decided = vi.fn();
    simulator.observe({ decided: (pcpu, _decision, nowNs) => decided(pcpu, nowNs) });
    simulator.at(26 * MS, () => slot.swap(sedfSubject.create, 26 * MS));
    simulator.runUntil(26 * MS);
    expect(slot.name).toBe('sedf');
    expect(decided).toHaveBeenCalledWith(0, 26 * MS);
    expect(decided).toHaveBeenCalledWith(1, 26 * MS);
  });

  it('changes shares at once', () => {
    const { simulator, slot } = simulate(createFallbackScheduler, 1);
    const [first, second] = [1, 2].flatMap((domid) => simulator.addDomain(domid, ['hog'])) as [SimulatedVcpu, SimulatedVcpu];
    simulator.runUntil(SECOND);
    expect(first.cpuNs / second.cpuNs).toBeCloseTo(1, 1);
    slot.swap(bvtSubject.create, simulator.nowNs);
    slot.adjustDomain(2, { mcuAdvance: 40 }, simulator.nowNs);
    const before = second.cpuNs;
    simulator.runUntil(2 * SECOND);
    expect((second.cpuNs - before) / SECOND).toBeCloseTo(0.2, 1);
  });

  it('brings the parameters of domains back with the scheduler that had them', () => {
    const { simulator, slot } = simulate(sedfSubject.create, 1);
    for (let domid = 1; domid <= 4; domid++) simulator.addDomain(domid, ['hog']);
    slot.adjustDomain(1, { weight: 3 }, 0);
    slot.adjustDomain(2, { periodNs: 0, sliceNs: 0, extratime: true, weight: 7 }, 0);
    slot.adjustDomain(3, { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false }, 0);
    const before = [1, 2, 3, 4].map((domid) => slot.domainParameters(domid));
    simulator.runUntil(50 * MS);
    slot.swap(creditSubject.create, simulator.nowNs);
    expect(slot.domainParameters(1)).toEqual({ weight: 256, cap: 0 });
    slot.adjustDomain(1, { cap: 20 }, simulator.nowNs);
    slot.swap(sedfSubject.create, simulator.nowNs);
    expect([1, 2, 3, 4].map((domid) => slot.domainParameters(domid))).toEqual(before);
    slot.swap(creditSubject.create, simulator.nowNs);
    expect(slot.domainParameters(1)).toEqual({ weight: 256, cap: 20 });
  });

  it('to a scheduler that cannot be made changes nothing', () => {
    const { simulator, slot } = simulate(bvtSubject.create, 1);
    const [vcpu] = simulator.addDomain(1, ['hog']) as [SimulatedVcpu];
    const failing = [
      () => {
        throw new Error('no such thing');
      },
      override(sedfSubject.create, () => ({ initVcpu: () => raise('too many') })),
    ];
    for (const create of failing) expect(() => slot.swap(create, simulator.nowNs)).toThrow(/no such thing|too many/);
    expect(slot.name).toBe('bvt');
    simulator.runUntil(SECOND);
    expect(vcpu.cpuNs).toBe(SECOND);
  });
});

function raise(message: string): never {
  throw new Error(message);
}

/** What a plugin's scheduler may do that no host may let pass. */
const faults: Readonly<Record<string, Overrides>> = {
  'throws when it is to decide': () => ({ doSchedule: () => raise('broken') }),
  'throws at a wake': (real) => ({ wake: (vcpu, nowNs) => (nowNs > 0 ? raise('broken') : real.wake(vcpu, nowNs)) }),
  'throws when a vCPU sleeps': () => ({ sleep: () => raise('broken') }),
  'throws in a timer': (real, host) => {
    const timer = host.createTimer(() => raise('broken'));
    timer.arm(10 * MS);
    return { name: real.name };
  },
  'runs a vCPU twice': (real) => {
    let first: SchedulerDecision | undefined;
    return {
      doSchedule: (pcpu, nowNs) => {
        const decision = real.doSchedule(pcpu, nowNs);
        first = pcpu === 0 ? decision : first;
        return pcpu === 1 ? (first ?? decision) : decision;
      },
    };
  },
  'runs a vCPU that sleeps': () => ({ sleep: () => {} }),
  'runs a vCPU where it may not run': (real) => ({ setAffinity: () => {}, pcpuOf: (vcpu) => real.pcpuOf(vcpu) }),
  'runs what does not exist': () => ({ doSchedule: () => ({ vcpu: { domid: 9, vcpuId: 9 }, sliceNs: 1, migrated: false }) }),
  'gives a slice that is no time': (real) => ({ doSchedule: (pcpu, nowNs) => ({ ...real.doSchedule(pcpu, nowNs), sliceNs: Number.NaN }) }),
};

describe('a scheduler that fails is replaced, and domains go on, when it', () => {
  it.each(Object.entries(faults))('%s', (_fault, overrides) => {
    const failed = vi.fn<(failure: SchedulerFailure) => void>();
    const { simulator, slot } = simulate(override(creditSubject.create, overrides), 2, failed);
    const waits = watchWaits(simulator);
    const vcpus = [1, 2, 3].flatMap((domid) => simulator.addDomain(domid, ['hog', blocking(MS, 3 * MS)]));
    simulator.at(100 * MS, () => vcpus.slice(0, 2).forEach((vcpu, i) => simulator.pin(vcpu, 1n << BigInt(1 - i))));
    simulator.at(200 * MS, () => vcpus.slice(0, 2).forEach((vcpu, i) => simulator.pin(vcpu, 1n << BigInt(i))));
    simulator.runUntil(2 * SECOND);
    expect(failed).toHaveBeenCalledOnce();
    expect(failed.mock.calls[0]?.[0].scheduler).toBe('credit');
    expect(slot.name).toBe('fallback');
    expect(waits()).toBeLessThan(300 * MS);
    for (const { cpuNs } of vcpus) expect(cpuNs).toBeGreaterThan(SECOND / 20);
    expectAddedUp(simulator, slot, 2);
    slot.swap(bvtSubject.create, simulator.nowNs);
    simulator.runUntil(3 * SECOND);
    expect(slot.name).toBe('bvt');
    expect(failed).toHaveBeenCalledOnce();
    expectAddedUp(simulator, slot, 2);
  });
});

describe('the books of the slot', () => {
  it('know CPU time to the nanosecond, also of what runs', () => {
    const { simulator, slot } = simulate(creditSubject.create, 2);
    const [vcpu] = simulator.addDomain(1, [blocking(1_234_567, 2_000_001)]) as [SimulatedVcpu];
    for (const atNs of [MS, 2_345_678, SECOND + 1]) {
      simulator.runUntil(atNs);
      expect(slot.cpuTimeNs(vcpu, atNs)).toBe(vcpu.cpuNs);
      expect(slot.idleTimeNs(0, atNs) + slot.idleTimeNs(1, atNs)).toBe(simulator.idleNs);
    }
  });

  it('refuse to let a vCPU be destroyed that could run', () => {
    const { simulator, slot } = simulate(creditSubject.create, 1);
    const [vcpu] = simulator.addDomain(1, ['hog']) as [SimulatedVcpu];
    simulator.runUntil(MS);
    expect(() => slot.destroyVcpu(vcpu, MS)).toThrow(/can run/);
    slot.sleep(vcpu, MS);
    expect(() => slot.destroyVcpu(vcpu, MS)).toThrow(/runs on pCPU 0/);
  });

  it('leave nothing behind when domains come and go', () => {
    const { simulator, slot } = simulate(sedfSubject.create, 2);
    for (let round = 0; round < 200; round++) {
      simulator.addDomain(1, ['hog', blocking(MS, MS)]);
      simulator.runUntil(simulator.nowNs + 5 * MS);
      simulator.removeDomain(1);
      slot.swap(factories[round % factories.length] as SchedulerFactory, simulator.nowNs);
    }
    simulator.runUntil(simulator.nowNs + SECOND);
    expect(slot.dump().vcpus).toEqual([]);
    expect(slot.dump().pcpus.map(({ current }) => current)).toEqual(['idle', 'idle']);
    expect(slot.domainParameters(1)).toBeUndefined();
  });
});

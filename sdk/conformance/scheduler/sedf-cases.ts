import { adjust, cpuTimeUntil, measureLatency, MS, must, mustShare, SECOND } from './measure.ts';
import { SeededRandom } from './random.ts';
import type { SimulatedVcpu, SimulatedWorkload } from './simulated.ts';
import { SchedulerSimulator } from './simulator.ts';
import type { ConformanceCase, SchedulerSubject } from './subject.ts';

/** What holds for sEDF. */
export function sedfCases({ create, randomPeriods = 20_000 }: SchedulerSubject): ConformanceCase[] {
  const on = (pcpus: number): SchedulerSimulator => new SchedulerSimulator(create, pcpus);
  return [
    { id: 'S4', title: 'guarantees that fit are kept in every period', run: () => guarantee(on, randomPeriods) },
    { id: 'S5', title: 'a domain without extra time gets its slice and no more, also when nobody else wants it', run: () => limit(on(1)) },
    { id: 'S6', title: 'extra time goes to those that take it, by their weights', run: () => extraTime(on) },
    { id: 'S7', title: 'weights are slices of what the period has left', run: () => weightedSlices(on) },
    { id: 'S8', title: 'time lost in a short block is given back before others get extra time', run: () => penalty(on(1)) },
    { id: 'S9-guarantees', title: 'guarantees for one and a half pCPUs are accepted, and starve nobody', run: () => overbooked(on(1)) },
  ];
}

type OnPcpus = (pcpus: number) => SchedulerSimulator;

function addTimed(simulator: SchedulerSimulator, domid: number, parameters: object, workload: SimulatedWorkload = 'hog'): SimulatedVcpu {
  const [vcpu] = simulator.addDomain(domid, [workload]);
  if (vcpu === undefined) throw new Error('a domain without a vCPU');
  adjust(simulator, domid, parameters);
  return vcpu;
}

/** Random sets of guarantees which together are at most a pCPU, until enough periods have been seen. */
function guarantee(on: OnPcpus, wanted: number): string {
  let periods = 0;
  let seed = 0;
  for (; periods < wanted; seed++) periods += guaranteeOf(on(1), new SeededRandom(seed));
  return `0 of ${periods} periods missed, in ${seed} sets`;
}

function guaranteeOf(simulator: SchedulerSimulator, random: SeededRandom): number {
  const lengthNs = 2 * SECOND;
  let leftOver = 1;
  let periods = 0;
  for (let domid = 1; domid <= 6; domid++) {
    const periodNs = random.integer(1 * MS, random.among([3, 20, 100]) * MS);
    // The last takes all that is left: guarantees for exactly one pCPU have to be kept too.
    const part = domid === 6 ? leftOver : leftOver * random.fraction() * 0.6;
    const sliceNs = Math.floor(periodNs * part);
    if (sliceNs < 5000) continue;
    leftOver -= sliceNs / periodNs;
    const extratime = random.integer(0, 1) === 1;
    const fromNs = random.integer(0, 50 * MS);
    simulator.at(fromNs, () => mustGetSlices(simulator, addTimed(simulator, domid, { periodNs, sliceNs, extratime }), { periodNs, sliceNs, extratime }));
    periods += Math.floor((lengthNs - fromNs) / periodNs);
  }
  simulator.runUntil(lengthNs);
  return periods;
}

/** Looks at the end of each period whether the slice was given in it. */
function mustGetSlices(simulator: SchedulerSimulator, vcpu: SimulatedVcpu, guaranteed: { periodNs: number; sliceNs: number; extratime: boolean }): void {
  const { periodNs, sliceNs, extratime } = guaranteed;
  const fromNs = simulator.nowNs;
  let before = vcpu.cpuNs;
  const check = (): void => {
    const got = vcpu.cpuNs - before;
    before = vcpu.cpuNs;
    const fits = got >= sliceNs && (extratime || got === sliceNs);
    must(fits, () => `domain ${vcpu.domid} got ${got} ns of ${sliceNs} in the period of ${periodNs} from ${simulator.nowNs - periodNs} (begun at ${fromNs})`);
    simulator.at(simulator.nowNs + periodNs, check);
  };
  simulator.at(fromNs + periodNs, check);
}

function limit(simulator: SchedulerSimulator): string {
  const vcpu = addTimed(simulator, 1, { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false });
  const [time = 0] = cpuTimeUntil(simulator, [vcpu], 10 * SECOND);
  must(time === 2.5 * SECOND, `it got ${time} ns of 10 s, and not a quarter`);
  return `${time} ns of 10 s`;
}

function extraTime(on: OnPcpus): string {
  const results: string[] = [];
  for (const [first, second] of [
    [1, 1],
    [1, 3],
    [2, 7],
  ] as const) {
    const simulator = on(1);
    const guaranteed = addTimed(simulator, 1, { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false });
    const vcpus = [first, second].map((weight, i) => addTimed(simulator, 2 + i, { periodNs: 0, sliceNs: 0, extratime: true, weight }));
    const [fixed = 0, ...extra] = cpuTimeUntil(simulator, [guaranteed, ...vcpus], 10 * SECOND);
    must(fixed === 2.5 * SECOND, `the guaranteed domain got ${fixed} ns of 10 s`);
    results.push(mustShare(extra, [first, second], 0.03));
    const all = extra.reduce((sum, time) => sum + time, fixed);
    must(all >= 9.7 * SECOND, `only ${all} ns of 10 s were used`);
  }
  return results.join('; ');
}

function weightedSlices(on: OnPcpus): string {
  const weights = [2, 3, 4, 2];
  const slices = (simulator: SchedulerSimulator): number[] =>
    weights
      .map((weight, i) => {
        addTimed(simulator, i + 1, { weight });
        return i + 1;
      })
      .map((domid) => Number((simulator.scheduler.domainParameters(domid) as { sliceNs: number }).sliceNs));
  const alone = on(1);
  mustEqual(slices(alone), [17_272_727, 25_909_090, 34_545_454, 17_272_727]);
  const vcpus = alone.vcpus;
  const times = cpuTimeUntil(alone, vcpus, SECOND);
  times.forEach((time, i) => must(time >= 10 * ([17_272_727, 25_909_090, 34_545_454, 17_272_727][i] ?? 0), `domain ${i + 1} got ${time} ns in ten periods`));
  const shared = on(1);
  shared.addDomain(0, ['hog']);
  mustEqual(slices(shared), [3_636_363, 5_454_545, 7_272_727, 3_636_363]);
  return times.join(', ');
}

function mustEqual(seen: readonly number[], expected: readonly number[]): void {
  must(JSON.stringify(seen) === JSON.stringify(expected), () => `slices are ${seen.join(', ')}, and not ${expected.join(', ')}`);
}

/**
 * A domain with 5 ms in 20 that blocks again and again: after a short block it is served from L0, so nobody in L1 may
 * run from its wake until it has had what it lost, or blocks.
 */
function penalty(simulator: SchedulerSimulator): string {
  const io = addTimed(simulator, 1, { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: true }, () => ({ runNs: 1_130_000, then: { untilMultipleOfNs: 7 * MS } }));
  for (const domid of [2, 3]) addTimed(simulator, domid, { periodNs: 0, sliceNs: 0, extratime: true, weight: 4 });
  let owedNs = 0;
  let wokenNs = 0;
  let served = 0;
  simulator.observe({
    woken: (vcpu) => {
      if (vcpu !== io) return;
      wokenNs = simulator.nowNs;
      simulator.at(simulator.nowNs, () => {
        owedNs = Number(simulator.scheduler.dump().vcpus.find(({ domid }) => domid === 1)?.values['lostNs']);
      });
    },
    stopped: (vcpu, _pcpu, { fromNs, toNs }) => {
      if (vcpu === io) {
        if (owedNs > 0) served++;
        owedNs = 0;
      } else
        must(
          owedNs === 0 || toNs <= Math.max(fromNs, wokenNs),
          () => `domain ${vcpu.domid} ran from ${fromNs} to ${toNs}, while ${owedNs} ns were owed to domain 1`,
        );
    },
  });
  simulator.runUntil(SECOND);
  const latencies = measureLatency(simulator, io);
  const [time = 0] = cpuTimeUntil(simulator, [io], 8 * SECOND);
  must(served > 10, `time that was lost was given back ${served} times`);
  must(Math.max(...latencies) < 500_000, `it waited ${Math.max(...latencies)} ns after a wake`);
  must(Math.abs(time - 1.13 * SECOND) < MS, `it ran ${time} ns in 7 s, and wants 1.13 ms in each 7`);
  return `given back ${served} times`;
}

function overbooked(simulator: SchedulerSimulator): string {
  const vcpus = [1, 2, 3].map((domid) => addTimed(simulator, domid, { periodNs: 20 * MS, sliceNs: 10 * MS, extratime: false }));
  simulator.addDomain(0, [() => ({ runNs: MS, then: { blockNs: 50 * MS } })]);
  const control = simulator.vcpus.find(({ domid }) => domid === 0);
  if (control === undefined) throw new Error('a domain without a vCPU');
  adjust(simulator, 0, { periodNs: 20 * MS, sliceNs: 1 * MS, extratime: true });
  const latencies = measureLatency(simulator, control);
  const times = cpuTimeUntil(simulator, vcpus, 10 * SECOND);
  must(Math.min(...times) > SECOND, `one of them got ${Math.min(...times)} ns of 10 s`);
  must(latencies.length > 50 && Math.max(...latencies) <= SECOND, `domain 0 waited ${Math.max(...latencies)} ns`);
  return `domain 0 waited at most ${Math.max(...latencies) / MS} ms`;
}

import type { SchedulerDump } from '../../scheduler/dump.ts';
import { adjust, cpuTimeUntil, measureLatency, MS, must, mustShare, SECOND } from './measure.ts';
import { SeededRandom } from './random.ts';
import type { SimulatedVcpu, SimulatedWorkload } from './simulated.ts';
import { SchedulerSimulator } from './simulator.ts';
import type { ConformanceCase, SchedulerSubject } from './subject.ts';

/** The minimum charging unit. */
const MCU_NS = 100_000;

/** What holds for BVT. */
export function bvtCases({ create }: SchedulerSubject): ConformanceCase[] {
  const on = (pcpus: number): SchedulerSimulator => new SchedulerSimulator(create, pcpus);
  return [
    { id: 'S1', title: 'domains with mcuAdvance 10, 20 and 40 share a pCPU as 4 to 2 to 1', run: () => proportions(on(1)) },
    { id: 'S2', title: 'virtual times stay together within the context allowance', run: () => lagBound(on(1)) },
    { id: 'S3-latency', title: 'a domain that warps runs within one charging unit of its wake', run: () => warpLatency(on(1)) },
    { id: 'S3-share', title: 'warp changes no share in the long run', run: () => warpShare(on(1)) },
    { id: 'S3-limit', title: 'the warp limit cuts, and the unwarp time delays the next', run: () => warpLimit(on(1)) },
    { id: 'S3-for-ever', title: 'without an unwarp time the limit ends warping for good', run: () => warpEnds(on(1)) },
    { id: 'wrap', title: 'virtual time goes on when 32 bits of it are full', run: () => wrapAround(on(1)) },
  ];
}

function one(vcpus: readonly SimulatedVcpu[]): SimulatedVcpu {
  const [vcpu] = vcpus;
  if (vcpu === undefined) throw new Error('a domain without a vCPU');
  return vcpu;
}

function proportions(simulator: SchedulerSimulator): string {
  const advances = [10, 20, 40];
  const vcpus = advances.map((mcuAdvance, i) => {
    const vcpu = one(simulator.addDomain(i + 1, ['hog']));
    adjust(simulator, i + 1, { mcuAdvance });
    return vcpu;
  });
  let switches = 0;
  simulator.observe({ decided: () => switches++ });
  const times = cpuTimeUntil(simulator, vcpus, 10 * SECOND);
  const parts = [4, 2, 1];
  const { contextAllowanceNs } = simulator.scheduler.globalParameters() as { contextAllowanceNs: number };
  times.forEach((time, i) => {
    const ideal = (10 * SECOND * (parts[i] ?? 0)) / 7;
    // One unit for each switch is what rounding may cost, and the allowance is how far one may be ahead at the end.
    must(Math.abs(time - ideal) <= switches * MCU_NS + contextAllowanceNs, () => `domain ${i + 1} got ${time} ns instead of ${ideal}`);
  });
  return mustShare(times, parts, 0.01);
}

function lagBound(simulator: SchedulerSimulator): string {
  const random = new SeededRandom(2);
  const blocks: SimulatedWorkload = () => ({ runNs: random.integer(1, 8 * MS), then: { blockNs: random.integer(1, 60 * MS) } });
  const advances = [10, 20, 40, 10, 15];
  const loads: SimulatedWorkload[] = ['hog', 'hog', blocks, blocks, blocks];
  advances.forEach((mcuAdvance, i) => {
    simulator.addDomain(i + 1, [loads[i] ?? 'hog']);
    adjust(simulator, i + 1, { mcuAdvance });
  });
  // Alone for a while, too: its slices are longer then.
  simulator.at(5 * SECOND, () => simulator.vcpus.filter(({ domid }) => domid === 1 || domid === 2).forEach((vcpu) => simulator.pause(vcpu)));
  const { contextAllowanceNs } = simulator.scheduler.globalParameters() as { contextAllowanceNs: number };
  const bound = (contextAllowanceNs / MCU_NS + 1) * Math.max(...advances);
  let widest = 0;
  simulator.observe({
    decided: () => {
      const lag = widestLag(simulator.scheduler.dump());
      widest = Math.max(widest, lag);
      must(lag <= bound, () => `a virtual time is ${lag} from the least, and ${bound} is the bound, at ${simulator.nowNs}`);
    },
  });
  simulator.runUntil(10 * SECOND);
  return `widest lag ${widest} of ${bound}`;
}

function widestLag({ pcpus, vcpus }: SchedulerDump): number {
  const svt = pcpus[0]?.values['svt'] ?? 0;
  return Math.max(0, ...vcpus.filter(({ awake }) => awake).map(({ values }) => Math.abs(Number(values['avt']) - svt)));
}

function warpLatency(simulator: SchedulerSimulator): string {
  for (let domid = 1; domid <= 4; domid++) simulator.addDomain(domid, ['hog']);
  const random = new SeededRandom(3);
  const input: SimulatedWorkload = () => ({ runNs: random.integer(50_000, 500_000), then: { blockNs: random.integer(2 * MS, 15 * MS) } });
  const vcpu = one(simulator.addDomain(5, [input]));
  adjust(simulator, 5, { warpBack: true, warpValue: 2000 });
  const latencies = measureLatency(simulator, vcpu);
  simulator.runUntil(10 * SECOND);
  const longest = Math.max(...latencies);
  must(latencies.length > 500 && longest <= MCU_NS, () => `woken ${latencies.length} times, the slowest took ${longest} ns`);
  return `${latencies.length} wakes, longest ${longest} ns`;
}

function warpShare(simulator: SchedulerSimulator): string {
  const vcpus = [1, 2].map((domid) => one(simulator.addDomain(domid, ['hog'])));
  adjust(simulator, 2, { warpBack: true, warpValue: 1000 });
  return mustShare(cpuTimeUntil(simulator, vcpus, 20 * SECOND), [1, 1], 0.005);
}

/** Warped so far that only the limit can stop it. */
const FAR = { warpBack: true, warpValue: 5_000_000 };

function runsOf(simulator: SchedulerSimulator, domid: number): { fromNs: number; toNs: number }[] {
  const runs: { fromNs: number; toNs: number }[] = [];
  simulator.observe({
    stopped: (vcpu, _pcpu, { fromNs, toNs }) => {
      if (vcpu.domid !== domid || fromNs === toNs) return;
      const last = runs.at(-1);
      if (last?.toNs === fromNs) last.toNs = toNs;
      else runs.push({ fromNs, toNs });
    },
  });
  return runs;
}

function warpLimit(simulator: SchedulerSimulator): string {
  simulator.addDomain(1, ['hog']);
  simulator.addDomain(2, ['hog']);
  adjust(simulator, 2, FAR);
  const runs = runsOf(simulator, 2);
  simulator.runUntil(7 * SECOND + 1);
  const seen = JSON.stringify(runs);
  const expected = JSON.stringify([0, 3].map((second) => ({ fromNs: second * SECOND, toNs: (second + 2) * SECOND })));
  must(seen === expected, () => `it ran ${seen}, and not ${expected}`);
  return 'warped for 2 s, unwarped for 1 s';
}

function warpEnds(simulator: SchedulerSimulator): string {
  simulator.addDomain(1, ['hog']);
  const vcpu = one(simulator.addDomain(2, ['hog']));
  adjust(simulator, 2, { ...FAR, warpLimitNs: 500 * MS, unwarpNs: 0 });
  simulator.runUntil(500 * MS + 1);
  const [rest = 0] = cpuTimeUntil(simulator, [vcpu], 900 * MS);
  must(vcpu.cpuNs <= 500 * MS + 1 && rest <= 1, `it ran for ${vcpu.cpuNs} ns`);
  return `ran for ${vcpu.cpuNs} ns`;
}

function wrapAround(simulator: SchedulerSimulator): string {
  // 65,535 in each 100 us: 32 bits are full after 6.5 s of CPU time, three times in the run.
  const vcpus = [1, 2].map((domid) => {
    const vcpu = one(simulator.addDomain(domid, ['hog']));
    adjust(simulator, domid, { mcuAdvance: 65_535 });
    return vcpu;
  });
  let highest = 0;
  simulator.observe({
    decided: () => {
      for (const { values } of simulator.scheduler.dump().vcpus) highest = Math.max(highest, Number(values['avt']));
    },
  });
  const shares = mustShare(cpuTimeUntil(simulator, vcpus, 45 * SECOND), [1, 1], 0.005);
  must(highest < 2 ** 32 && highest >= 0xe000_0000, `the highest virtual time was ${highest}`);
  return shares;
}

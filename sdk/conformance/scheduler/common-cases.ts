import { affinityOf } from '../../scheduler/affinity.ts';
import { EINVAL, ESRCH } from '../../scheduler/parameters.ts';
import { watchPromises } from './invariants.ts';
import { adjust, cpuTimeUntil, measureLatency, MS, must, mustShare, quantile, SECOND } from './measure.ts';
import { SeededRandom } from './random.ts';
import { mustAddUp, randomScenario, runScenario } from './scenario.ts';
import type { SimulatedWorkload } from './simulated.ts';
import { SchedulerSimulator } from './simulator.ts';
import type { ConformanceCase, SchedulerSubject } from './subject.ts';

const HOGS = (count: number): SimulatedWorkload[] => Array.from({ length: count }, () => 'hog');

/** What holds for every scheduler. */
export function commonCases(subject: SchedulerSubject): ConformanceCase[] {
  return [
    { id: 'share', title: 'weights share a pCPU within the stated bound', run: () => shares(subject) },
    { id: 'S9', title: 'overload starves nobody, and a domain that asks for little is answered within a second', run: () => overload(subject) },
    { id: 'S10', title: 'a responsive domain runs within the promised time of its wake, however many compute', run: () => latency(subject) },
    { id: 'S12', title: 'parameters that change live count soon', run: () => liveChange(subject) },
    { id: 'S12-refusal', title: 'values that are refused change nothing', run: () => refusal(subject) },
    { id: 'S13', title: 'pinned vCPUs stay, and a pCPU that goes is left by all', run: () => hotplug(subject) },
    { id: 'S14', title: 'all time of all pCPUs is accounted for', run: () => accounting(subject) },
    { id: 'replay', title: 'the same story leads to the same decisions', run: () => replay(subject) },
    { id: 'random', title: 'every promise is kept in random scenarios', run: () => randomScenarios(subject) },
  ];
}

function shares(subject: SchedulerSubject): string {
  const { shareWindowNs, shareError, settleNs } = subject.promises;
  const results: string[] = [];
  for (const weights of [
    [1, 1],
    [1, 3],
    [1, 2, 4],
    [8, 1, 4, 2],
  ]) {
    const simulator = new SchedulerSimulator(subject.create, 1);
    const vcpus = weights.flatMap((_, i) => simulator.addDomain(i + 1, HOGS(1)));
    weights.forEach((weight, i) => adjust(simulator, i + 1, subject.weighted(weight)));
    simulator.runUntil(settleNs);
    results.push(mustShare(cpuTimeUntil(simulator, vcpus, settleNs + shareWindowNs), weights, shareError));
  }
  return results.join('; ');
}

function overload(subject: SchedulerSubject): string {
  const simulator = new SchedulerSimulator(subject.create, 1);
  const hogs = Array.from({ length: 12 }, (_, i) => simulator.addDomain(i + 1, HOGS(1))).flat();
  const asks: SimulatedWorkload = () => ({ runNs: MS, then: { blockNs: 99 * MS } });
  const [control] = simulator.addDomain(0, [asks]);
  if (control === undefined) throw new Error('a domain without a vCPU');
  const latencies = measureLatency(simulator, control);
  simulator.runUntil(20 * SECOND);
  const longest = Math.max(...latencies);
  must(latencies.length >= 19 && longest <= SECOND, () => `domain 0 was answered ${latencies.length} times, the slowest took ${longest / MS} ms`);
  for (const { domid, cpuNs } of hogs) must(cpuNs > 0, `domain ${domid} never ran`);
  return `slowest answer ${longest / MS} ms`;
}

function latency(subject: SchedulerSubject): string {
  const simulator = new SchedulerSimulator(subject.create, 1);
  for (let domid = 1; domid <= 6; domid++) simulator.addDomain(domid, HOGS(1));
  const random = new SeededRandom(10);
  const answers: SimulatedWorkload = () => ({ runNs: random.integer(20_000, 400_000), then: { blockNs: random.integer(30 * MS, 90 * MS) } });
  const [responsive] = simulator.addDomain(7, [answers]);
  if (responsive === undefined) throw new Error('a domain without a vCPU');
  adjust(simulator, 7, subject.responsive);
  simulator.runUntil(SECOND);
  const latencies = measureLatency(simulator, responsive);
  simulator.runUntil(21 * SECOND);
  const [half, most, all] = [quantile(latencies, 0.5), quantile(latencies, 0.99), Math.max(...latencies)];
  must(latencies.length > 100 && all <= subject.promises.wakeLatencyNs, () => `p50 ${half} ns, p99 ${most} ns, longest ${all} ns`);
  return `p50 ${half} ns, p99 ${most} ns, longest ${all} ns`;
}

function liveChange(subject: SchedulerSubject): string {
  const { shareWindowNs, shareError, settleNs } = subject.promises;
  const simulator = new SchedulerSimulator(subject.create, 1);
  const vcpus = [1, 2].flatMap((domid) => simulator.addDomain(domid, HOGS(1)));
  const results: string[] = [];
  for (const [first, second] of [
    [1, 1],
    [1, 3],
    [4, 1],
  ] as const) {
    adjust(simulator, 1, subject.weighted(first));
    adjust(simulator, 2, subject.weighted(second));
    simulator.raiseAll();
    simulator.runUntil(simulator.nowNs + settleNs);
    results.push(mustShare(cpuTimeUntil(simulator, vcpus, simulator.nowNs + shareWindowNs), [first, second], shareError));
  }
  return results.join('; ');
}

function refusal(subject: SchedulerSubject): string {
  const simulator = new SchedulerSimulator(subject.create, 1);
  simulator.addDomain(1, HOGS(1));
  simulator.addDomain(2, HOGS(1));
  adjust(simulator, 2, subject.weighted(2));
  simulator.runUntil(SECOND);
  const { scheduler } = simulator;
  const state = (): string => JSON.stringify([scheduler.domainParameters(1), scheduler.domainParameters(2), scheduler.globalParameters(), scheduler.dump()]);
  const before = state();
  const names = Object.keys(scheduler.domainSchema);
  const nonsense = names.flatMap((name) => [Number.NaN, -1, 1.5, 'many', null, Number.POSITIVE_INFINITY].map((value) => ({ [name]: value })));
  const refused = [...subject.refused, { noSuchParameter: 1 }, ...nonsense];
  for (const changes of refused) {
    const answer = scheduler.adjustDomain(1, changes as never, simulator.nowNs);
    must(answer?.errno === -EINVAL, () => `${describe(changes)} was answered with ${answer?.errno ?? 0}, and not -22`);
    must(answer.parameter !== '' && answer.expected !== '', () => `the refusal of ${describe(changes)} does not say what was expected`);
    must(state() === before, () => `${describe(changes)} was refused and changed something all the same`);
  }
  must(scheduler.adjustDomain(99, subject.weighted(1) as never, simulator.nowNs)?.errno === -ESRCH, 'a domain that does not exist was adjusted');
  must(scheduler.domainParameters(99) === undefined, 'a domain that does not exist has parameters');
  return `${refused.length} refused`;
}

const describe = (changes: object): string =>
  Object.entries(changes)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');

function hotplug(subject: SchedulerSubject): string {
  const simulator = new SchedulerSimulator(subject.create, 3);
  watchPromises(simulator, subject, 3);
  const random = new SeededRandom(13);
  const blocks: SimulatedWorkload = () => ({ runNs: random.integer(1, 3 * MS), then: { blockNs: random.integer(1, 5 * MS) } });
  const domains = [1, 2, 3, 4].map((domid) => simulator.addDomain(domid, ['hog', blocks]));
  const pinned = domains[0]?.[0];
  if (pinned === undefined) throw new Error('a domain without a vCPU');
  simulator.runUntil(SECOND);
  simulator.pin(pinned, affinityOf(2));
  simulator.runUntil(2 * SECOND);
  must(pinned.runningOn === null || pinned.runningOn === 2, 'a pinned vCPU runs elsewhere');
  for (const pcpu of [1, 2]) {
    simulator.setOnline(pcpu, false);
    simulator.runUntil(simulator.nowNs + SECOND);
    mustBeEmpty(simulator, pcpu);
  }
  const whileOne = cpuTimeUntil(simulator, simulator.vcpus, simulator.nowNs + 4 * SECOND);
  must(Math.min(...whileOne) > 0, 'a vCPU of a pCPU that went does not run');
  for (const pcpu of [1, 2]) simulator.setOnline(pcpu, true);
  simulator.runUntil(simulator.nowNs + SECOND);
  must(simulator.scheduler.pcpuOf(pinned) === 2, 'a pinned vCPU does not go back when its pCPU comes back');
  simulator.raiseAll();
  mustAddUp(simulator, 3);
  return `${simulator.decisions} decisions`;
}

function mustBeEmpty({ scheduler }: SchedulerSimulator, pcpu: number): void {
  const dump = scheduler.dump();
  const state = dump.pcpus[pcpu];
  const queued = Object.values(state?.queues ?? {}).flat();
  const left = dump.vcpus.filter((vcpu) => vcpu.pcpu === pcpu).map(({ domid, vcpuId }) => `${domid}.${vcpuId}`);
  must(state?.online === false && state.current === 'idle', `pCPU ${pcpu} went and is not idle`);
  must(queued.length === 0 && left.length === 0, `pCPU ${pcpu} went, and still has ${[...queued, ...left].join(', ')}`);
}

function accounting(subject: SchedulerSubject): string {
  const simulator = new SchedulerSimulator(subject.create, 2);
  const random = new SeededRandom(14);
  const blocks: SimulatedWorkload = () => ({ runNs: random.integer(1, 3 * MS), then: { blockNs: random.integer(1, 20 * MS) } });
  for (let domid = 1; domid <= 4; domid++) simulator.addDomain(domid, [blocks, domid === 1 ? 'hog' : blocks]);
  simulator.runUntil(5 * SECOND);
  simulator.raiseAll();
  mustAddUp(simulator, 2);
  return `${simulator.busyNs} ns busy, ${simulator.idleNs} ns idle`;
}

function replay(subject: SchedulerSubject): string {
  let decisions = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const [first, second] = [runScenario(subject, randomScenario(seed)), runScenario(subject, randomScenario(seed))];
    must(first.fingerprint === second.fingerprint && first.decisions === second.decisions, `scenario ${seed} went differently the second time`);
    decisions += first.decisions;
  }
  return `${decisions} decisions twice`;
}

function randomScenarios(subject: SchedulerSubject): string {
  const wanted = subject.randomDecisions ?? 20_000;
  let decisions = 0;
  let seed = 1;
  for (; decisions < wanted; seed++) {
    try {
      decisions += runScenario(subject, randomScenario(seed)).decisions;
    } catch (cause) {
      throw new Error(`in scenario ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  return `${decisions} decisions in ${seed - 1} scenarios`;
}

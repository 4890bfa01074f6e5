import { ANY_PCPU, affinityOf } from '../../scheduler/affinity.ts';
import { watchPromises } from './invariants.ts';
import { adjust, MS, must } from './measure.ts';
import { SeededRandom } from './random.ts';
import type { SimulatedVcpu, SimulatedWorkload } from './simulated.ts';
import { SchedulerSimulator } from './simulator.ts';
import type { SchedulerSubject } from './subject.ts';

/** A vCPU of a {@link SchedulerScenario}. */
export interface ScenarioVcpu {
  /** It runs for up to this long at a time. */
  readonly runNs: number;
  /** It blocks for up to this long then; 0 for one that never blocks. */
  readonly blockNs: number;
}

/** A domain of a {@link SchedulerScenario}. */
export interface ScenarioDomain {
  /** When it comes. */
  readonly fromNs: number;
  /** For how long it lives. */
  readonly livesNs: number;
  /** Its vCPUs. */
  readonly vcpus: readonly ScenarioVcpu[];
}

/** Something that an operator does in a {@link SchedulerScenario}. */
export interface ScenarioAction {
  /** When. */
  readonly atNs: number;
  /** What. */
  readonly what: 'adjust' | 'pin' | 'unpin' | 'offline' | 'online' | 'pause' | 'unpause';
  /** To which vCPU, in the order in which they came; more than there are begin again. */
  readonly target: number;
}

/** A story that is told to a scheduler: plain data, so that it can be made at random and made smaller. */
export interface SchedulerScenario {
  /** Number of pCPUs. */
  readonly pcpus: number;
  /** How long it goes. */
  readonly lengthNs: number;
  /** Begin of the random numbers for parameters and bursts. */
  readonly seed: number;
  /** Domains, at most eight with at most eight vCPUs together. */
  readonly domains: readonly ScenarioDomain[];
  /** What is done to them. */
  readonly actions: readonly ScenarioAction[];
}

/** What {@link runScenario} saw. */
export interface ScenarioResult {
  /** Decisions that were made. */
  readonly decisions: number;
  /** A number that depends on every decision and its time. */
  readonly fingerprint: number;
}

/** A scenario that depends on the seed only. */
export function randomScenario(seed: number): SchedulerScenario {
  const random = new SeededRandom(seed);
  const lengthNs = random.integer(300, 3500) * MS;
  const vcpus = (): ScenarioVcpu[] =>
    Array.from({ length: random.integer(1, 2) }, () => ({ runNs: random.integer(1, 20 * MS), blockNs: random.among([0, 0, random.integer(1, 30 * MS)]) }));
  const kinds = ['adjust', 'adjust', 'pin', 'unpin', 'offline', 'online', 'pause', 'unpause'] as const;
  return {
    pcpus: random.integer(1, 4),
    lengthNs,
    seed,
    domains: Array.from({ length: random.integer(2, 4) }, () => ({
      fromNs: random.among([0, 0, random.integer(0, lengthNs)]),
      livesNs: random.among([lengthNs, lengthNs, random.integer(1, lengthNs)]),
      vcpus: vcpus(),
    })),
    actions: Array.from({ length: random.integer(4, 24) }, () => ({
      ...{ atNs: random.integer(0, lengthNs), what: random.among(kinds), target: random.integer(0, 7) },
    })),
  };
}

/**
 * Tells a scheduler a story, with every promise watched.
 * @throws ConformanceFailure when one is broken
 */
export function runScenario(subject: SchedulerSubject, scenario: SchedulerScenario): ScenarioResult {
  const { pcpus, lengthNs, seed } = scenario;
  const simulator = new SchedulerSimulator(subject.create, pcpus);
  const random = new SeededRandom(seed ^ 0x5eed);
  let fingerprint = 0;
  watchPromises(simulator, subject, pcpus);
  simulator.observe({
    decided: (pcpu, { vcpu, sliceNs }, nowNs) => {
      const words = [pcpu, vcpu?.domid ?? -1, vcpu?.vcpuId ?? -1, sliceNs % 2 ** 31, nowNs % 2 ** 31];
      for (const word of words) fingerprint = (Math.imul(fingerprint, 31) + word) | 0;
    },
  });
  scenario.domains.forEach((domain, i) => plan(simulator, subject, { domain, domid: i + 1, random }));
  for (const action of scenario.actions) simulator.at(action.atNs, () => act(simulator, subject, { ...action, pcpus, random }));
  simulator.runUntil(lengthNs);
  simulator.raiseAll();
  mustAddUp(simulator, pcpus);
  return { decisions: simulator.decisions, fingerprint };
}

function plan(
  simulator: SchedulerSimulator,
  subject: SchedulerSubject,
  { domain, domid, random }: { domain: ScenarioDomain; domid: number; random: SeededRandom },
): void {
  const parameters = subject.randomParameters(random);
  const workloads = domain.vcpus.map((vcpu) => workload(vcpu, new SeededRandom(random.integer(0, 2 ** 31))));
  simulator.at(domain.fromNs, () => {
    simulator.addDomain(domid, workloads);
    adjust(simulator, domid, parameters);
  });
  simulator.at(domain.fromNs + Math.max(1, domain.livesNs), () => simulator.removeDomain(domid));
}

function workload({ runNs, blockNs }: ScenarioVcpu, random: SeededRandom): SimulatedWorkload {
  if (blockNs === 0) return 'hog';
  return () => ({ runNs: random.integer(1, Math.max(1, runNs)), then: random.integer(0, 7) === 0 ? 'yield' : { blockNs: random.integer(1, blockNs) } });
}

function act(simulator: SchedulerSimulator, subject: SchedulerSubject, action: ScenarioAction & { pcpus: number; random: SeededRandom }): void {
  const { what, target, pcpus, random } = action;
  const { vcpus } = simulator;
  const vcpu: SimulatedVcpu | undefined = vcpus[target % Math.max(1, vcpus.length)];
  // Not by the target, or vCPUs would mostly be pinned to where they are.
  const pcpu = random.integer(0, pcpus - 1);
  const isLast = Array.from({ length: pcpus }, (_, i) => i).every((other) => other === pcpu || !simulator.isOnline(other));
  if (what === 'online' || (what === 'offline' && !isLast)) simulator.setOnline(pcpu, what === 'online');
  if (vcpu === undefined) return;
  if (what === 'adjust') adjust(simulator, vcpu.domid, subject.randomParameters(random));
  else if (what === 'pin') simulator.pin(vcpu, affinityOf(pcpu));
  else if (what === 'unpin') simulator.pin(vcpu, ANY_PCPU);
  else if (what === 'pause') simulator.pause(vcpu);
  else if (what === 'unpause') simulator.unpause(vcpu);
}

/** All time of all pCPUs went somewhere, and the scheduler has charged each vCPU for what it had. */
export function mustAddUp(simulator: SchedulerSimulator, pcpus: number): void {
  const charged = new Map(simulator.scheduler.dump().vcpus.map(({ domid, vcpuId, ranNs }) => [`${domid}.${vcpuId}`, ranNs]));
  for (const { domid, vcpuId, cpuNs } of simulator.vcpus) {
    const seen = charged.get(`${domid}.${vcpuId}`);
    must(seen === cpuNs, () => `vCPU ${domid}.${vcpuId} ran ${cpuNs} ns, and was charged for ${seen}`);
  }
  const { nowNs, busyNs, idleNs, offlineNs } = simulator;
  must(busyNs + idleNs + offlineNs === nowNs * pcpus, () => `${busyNs} ns busy, ${idleNs} idle and ${offlineNs} offline are not ${nowNs} on ${pcpus} pCPUs`);
}

import { adjust, cpuTimeUntil, must, mustShare, SECOND } from './measure.ts';
import { SchedulerSimulator } from './simulator.ts';
import type { ConformanceCase, SchedulerSubject } from './subject.ts';

/** What holds for the credit scheduler. */
export function creditCases({ create }: SchedulerSubject): ConformanceCase[] {
  return [
    { id: 'S11-weight', title: 'weights 256, 512 and 1024 share a pCPU as 1 to 2 to 4 over 30 s', run: () => weights(new SchedulerSimulator(create, 1)) },
    { id: 'S11-cap', title: 'a cap of 50 is half of a pCPU, also when nobody else wants it', run: () => caps(create) },
    { id: 'S11-steal', title: 'pCPUs take work from each other until none idles', run: () => steals(new SchedulerSimulator(create, 2)) },
  ];
}

function weights(simulator: SchedulerSimulator): string {
  const all = [256, 512, 1024];
  const vcpus = all.flatMap((weight, i) => {
    const added = simulator.addDomain(i + 1, ['hog']);
    adjust(simulator, i + 1, { weight });
    return added;
  });
  return mustShare(cpuTimeUntil(simulator, vcpus, 30 * SECOND), all, 0.02);
}

function caps(create: SchedulerSubject['create']): string {
  const shares: string[] = [];
  for (const { cap, vcpus, pcpus, rivals } of [
    { cap: 50, vcpus: 1, pcpus: 1, rivals: 0 },
    { cap: 50, vcpus: 1, pcpus: 1, rivals: 1 },
    { cap: 150, vcpus: 2, pcpus: 2, rivals: 0 },
    { cap: 10, vcpus: 1, pcpus: 2, rivals: 0 },
  ]) {
    const simulator = new SchedulerSimulator(create, pcpus);
    const capped = simulator.addDomain(
      1,
      Array.from({ length: vcpus }, () => 'hog' as const),
    );
    adjust(simulator, 1, { cap });
    for (let i = 0; i < rivals; i++) simulator.addDomain(2 + i, ['hog']);
    const times = cpuTimeUntil(simulator, capped, 30 * SECOND);
    const share = (100 * times.reduce((sum, time) => sum + time, 0)) / (30 * SECOND);
    must(Math.abs(share - cap) <= 1, `a domain with cap ${cap} got ${share} %`);
    shares.push(`${cap}: ${share.toFixed(2)} %`);
  }
  return shares.join('; ');
}

function steals(simulator: SchedulerSimulator): string {
  // The third has to go back and forth, or two would get a half and one a whole.
  const vcpus = [1, 2, 3].flatMap((domid) => simulator.addDomain(domid, ['hog']));
  const shares = mustShare(cpuTimeUntil(simulator, vcpus, 30 * SECOND), [1, 1, 1], 0.02);
  must(simulator.idleNs === 0, `pCPUs idled for ${simulator.idleNs} ns`);
  return shares;
}

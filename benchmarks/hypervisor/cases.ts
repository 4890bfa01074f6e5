import { once } from 'node:events';
import { createHypervisor, type Domain, type Hypervisor } from '#runtime';
import { type HypervisorCase, quantile, sleep } from './figure.ts';
import { eventTimes } from './event-times.ts';
import { answering, busy, hello } from './guests.ts';
import { linuxCases } from './linux-cases.ts';
import { shares } from './shares.ts';
import { overhead, parallel } from './work.ts';

const SMALL_MIB = 4;

/** Creates domains that compute. */
function computing(hypervisor: Hypervisor, count: number, memory = SMALL_MIB): Promise<Domain[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => hypervisor.createDomain({ name: `busy-${i}`, kernel: busy, memory })));
}

const creation: HypervisorCase = {
  name: 'creation',
  run: async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const times: number[] = [];
    for (let i = 0; i < 30; i++) {
      const start = performance.now();
      const domain = await hypervisor.createDomain({ name: 'hello', kernel: hello, memory: 32 });
      await once(domain.console, 'readable');
      times.push(performance.now() - start);
      await domain.ended;
    }
    return [{ name: 'create to first output, median', value: quantile(times, 0.5), unit: 'ms', goal: '<= 30' }];
  },
};

const event: HypervisorCase = {
  name: 'event',
  run: async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const domain = await hypervisor.createDomain({ name: 'answering', kernel: answering, memory: SMALL_MIB });
    await once(domain.console, 'readable');
    const { there, back } = await eventTimes(domain, 500);
    return [
      { name: "event to a halted guest's interrupt handler, median", value: quantile(there, 0.5), unit: 'us', goal: '<= 60' },
      { name: 'event to a halted guest and its answer, median', value: quantile(back, 0.5), unit: 'us' },
      { name: 'the same, 99 %', value: quantile(back, 0.99), unit: 'us' },
    ];
  },
};

const swap: HypervisorCase = {
  name: 'swap',
  run: async () => {
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const domains = await computing(hypervisor, 8);
    const names = ['sedf', 'bvt', 'credit'];
    for (const name of names) await hypervisor.setScheduler(name);
    const swaps: number[] = [];
    const stalls: number[] = [];
    for (let i = 0; i < 30; i++) {
      const before = domains.map(({ cpuTimeNs }) => cpuTimeNs);
      const start = performance.now();
      await hypervisor.setScheduler(names[i % names.length] ?? 'sedf');
      swaps.push(performance.now() - start);
      while (domains.some(({ cpuTimeNs }, at) => cpuTimeNs === before[at])) await sleep(1);
      stalls.push(performance.now() - start);
    }
    return [
      { name: 'change of the scheduler under load, longest', value: Math.max(...swaps), unit: 'ms', goal: '<= 20' },
      { name: 'until each of 8 vCPUs on 2 pCPUs has run since, median', value: quantile(stalls, 0.5), unit: 'ms' },
    ];
  },
};

const many: HypervisorCase = {
  name: 'many',
  run: async () => {
    await using hypervisor = await createHypervisor();
    const rss = (): number => process.memoryUsage.rss() / 2 ** 20;
    const create = async (i: number): Promise<Domain> => {
      const domain = await hypervisor.createDomain({ name: `guest-${i}`, kernel: answering, memory: 32 });
      await once(domain.console, 'readable');
      return domain;
    };
    const domains = [await create(0)];
    const first = rss();
    for (let i = 1; i < 64; i++) domains.push(await create(i));
    const answers = domains.map(async (domain) => {
      const answer = new Promise<void>((resolve) => {
        if (domain.life !== undefined) domain.life.onConsole = resolve;
      });
      domain.console.write('x');
      await answer;
    });
    await Promise.all(answers);
    return [
      { name: 'domains of 32 MiB at once that answer', value: answers.length, unit: '', goal: '64' },
      { name: 'host memory of each further one', value: (rss() - first) / 63, unit: 'MiB', goal: '<= 12 beside what its guest uses' },
    ];
  },
};

/** All cases, in the order in which they are run. */
export const hypervisorCases: readonly HypervisorCase[] = [parallel, overhead, creation, event, swap, shares, many, ...linuxCases];

import { once } from 'node:events';
import { createHypervisor, type Domain } from '#runtime';
import { eventTimes } from './event-times.ts';
import { type HypervisorCase, quantile } from './figure.ts';
import { answering, hello } from './guests.ts';
import { linuxCases } from './linux-cases.ts';
import { shares } from './shares.ts';
import { swap } from './swap.ts';
import { overhead, parallel } from './work.ts';

const SMALL_MIB = 4;

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

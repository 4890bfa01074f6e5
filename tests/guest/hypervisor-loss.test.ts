import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHypervisor, type Domain, type Hypervisor } from '#runtime';
import { answering, busy } from '../../benchmarks/hypervisor/guests.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const { on } = Worker.prototype;
/** All threads, in the order in which they were started. */
const threads = new Set<Worker>();

beforeAll(() => {
  Worker.prototype.on = function (this: Worker, ...args: Parameters<typeof on>) {
    threads.add(this);
    return on.apply(this, args);
  } as typeof on;
});
afterAll(() => {
  Worker.prototype.on = on;
});

/** A hypervisor of two pCPUs, and their threads: before them is the builder's. */
async function twoPcpus(): Promise<{ readonly hypervisor: Hypervisor; readonly pcpus: readonly Worker[] }> {
  threads.clear();
  const hypervisor = await createHypervisor({ pcpus: 2, scheduler: 'credit' });
  return { hypervisor, pcpus: [...threads].slice(1, 3) };
}

/** Whether a domain that waits answers an event. */
async function answers(domain: Domain): Promise<boolean> {
  const { life } = domain;
  if (life === undefined) return false;
  const answer = new Promise<boolean>((resolve) => {
    life.onConsole = () => resolve(true);
  });
  domain.console.write('x');
  return Promise.race([answer, sleep(5000).then(() => false)]);
}

describe('a pCPU whose thread dies', () => {
  it('takes only the domain with it that it ran; those that waited there go on', async () => {
    const { hypervisor, pcpus } = await twoPcpus();
    await using _closed = hypervisor;
    const warnings: string[] = [];
    hypervisor.on('warning', ({ message }) => warnings.push(message));
    const create = (name: string, kernel: Uint8Array): Promise<Domain> => hypervisor.createDomain({ name, kernel, memory: 4, cpus: '1' });
    const sleeper = await create('sleeper', answering);
    await once(sleeper.console, 'readable');
    expect(await answers(sleeper)).toBe(true);
    const computing = [await create('a', busy), await create('b', busy)];
    await sleep(200);
    expect(sleeper.life?.board.homeOf(0)).toBe(1);
    await pcpus[1]?.terminate();
    const ended = await Promise.race(computing.map(async (domain) => ({ domain, end: await domain.ended })));
    expect(ended.end).toMatchObject({ reason: 'failed', error: { code: 'HV_ERR_PCPU_FAILED' } });
    expect(ended.end.report?.join()).toMatch(/pCPU 1 was lost: .*; its vCPU was running/);
    const [left] = computing.filter((domain) => domain !== ended.domain);
    expect(warnings).toHaveLength(1);
    expect(await answers(sleeper)).toBe(true);
    const before = left?.cpuTimeNs ?? 0;
    await sleep(1000);
    expect(left?.cpuTimeNs).toBeGreaterThan(before + 1e8);
    expect(hypervisor.domains.map(({ name }) => name).sort()).toEqual(['sleeper', left?.name].sort());
    // the one that took its place
    const later = await create('later', busy);
    await sleep(500);
    expect(later.cpuTimeNs).toBeGreaterThan(0);
  });
});

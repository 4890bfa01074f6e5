import { afterAll, describe, expect, it } from 'vitest';
import { createHypervisor, type Domain } from '#runtime';
import { readFileSync } from 'node:fs';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { Hypercall } from '#sdk';
import { debianFiles } from '../support/debian-guest.ts';
import { halt } from '../support/tiny-guest.ts';
import { pvhGuest, set, store, vmcall } from '../support/pvh-guest.ts';
import { Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const DATA = 0x150000;
const words = (address: number, ...values: readonly number[]) => ({ address, bytes: new Uint8Array(Uint32Array.from(values).buffer) });
const shutdownFor = (reason: number) => [...set('eax', reason), ...store(DATA + 0x100), ...vmcall(Hypercall.sched_op, 2, DATA + 0x100), ...halt];
/** Writes a text and ends itself. */
const hello = (text: string, reason = 0): Uint8Array =>
  pvhGuest([...vmcall(Hypercall.console_io, 0, text.length, DATA), ...shutdownFor(reason)], { address: DATA, bytes: new TextEncoder().encode(text) });
/** Computes for ever. */
const busy = pvhGuest([0x40, 0xeb, 0xfd], words(DATA, 0));
/** Waits for ever. */
const asleep = pvhGuest([0xfb, 0xf4, 0xeb, 0xfd]);

/** CPU time of one domain over that of another: the median of spells, since a busy host may keep the scheduler from running in one. */
async function shareOf(one: Domain, two: Domain): Promise<number> {
  const shares: number[] = [];
  for (let spell = 0; spell < 5; spell++) {
    const [first, second] = [one.cpuTimeNs, two.cpuTimeNs];
    await sleep(300);
    shares.push((one.cpuTimeNs - first) / Math.max(1, two.cpuTimeNs - second));
  }
  return shares.sort((a, b) => a - b)[2] ?? 0;
}

/** All that a console writes until something is matched. */
function until(domain: Domain, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const seen = (bytes: Buffer): void => {
      text += bytes.toString('latin1').replaceAll('\r', '');
      if (!pattern.test(text)) return;
      domain.console.off('data', seen);
      resolve(text);
    };
    domain.console.on('data', seen);
    domain.console.once('end', () => reject(new Error(`the console ended after ${JSON.stringify(text.slice(-400))}`)));
  });
}

/** Of the guest's shell, which asks the terminal where its cursor is. */
const PROMPT = /# (\x1b\[6n)?$/;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a hypervisor', () => {
  it('runs domains side by side and tells how they ended', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const domains = await Promise.all(['one', 'two', 'three'].map((name) => hypervisor.createDomain({ name, kernel: hello(`I am ${name}`), memory: 4 })));
    expect(domains.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
    const ends = await Promise.all(domains.map(({ ended }) => ended));
    expect(ends.map(({ reason }) => reason)).toEqual(['poweroff', 'poweroff', 'poweroff']);
    const texts = await Promise.all(domains.map(async ({ console }) => Buffer.concat(await console.toArray()).toString()));
    expect(texts).toEqual(['I am one', 'I am two', 'I am three']);
    expect(hypervisor.domains).toEqual([]);
  });

  it('shares a pCPU among domains that compute, shows their states, and pauses them', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const [one, two, idle] = await Promise.all([
      hypervisor.createDomain({ name: 'one', kernel: busy, memory: 4 }),
      hypervisor.createDomain({ name: 'two', kernel: busy, memory: 4 }),
      hypervisor.createDomain({ name: 'idle', kernel: asleep, memory: 4 }),
    ]);
    await sleep(300);
    const share = await shareOf(one, two);
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(1.4);
    expect([one.state, two.state].sort()).toEqual(['------', 'r-----']);
    expect(idle.state).toBe('-b----');
    await one.pause();
    const paused = one.cpuTimeNs;
    await sleep(100);
    expect([one.state, one.cpuTimeNs, two.state]).toEqual(['--p---', paused, 'r-----']);
    one.unpause();
    await sleep(100);
    expect(one.cpuTimeNs).toBeGreaterThan(paused);
  });

  it('changes schedulers while domains run', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const [one, two] = await Promise.all([
      hypervisor.createDomain({ name: 'one', kernel: busy, memory: 4 }),
      hypervisor.createDomain({ name: 'two', kernel: busy, memory: 4 }),
    ]);
    await hypervisor.setScheduler('bvt');
    expect(hypervisor.scheduler).toBe('bvt');
    two.setScheduling({ mcuAdvance: 30 });
    expect(await shareOf(one, two)).toBeGreaterThan(2);
    await hypervisor.setScheduler('credit', { sliceMs: 5 });
    one.setScheduling({ weight: 64 });
    expect(await shareOf(one, two)).toBeLessThan(0.6);
    expect(() => one.setScheduling({ weight: -1 })).toThrow(/weight: expected was a whole number/);
    await expect(hypervisor.setScheduler('lottery')).rejects.toMatchObject({ code: 'HV_ERR_SCHEDULER_UNKNOWN' });
    expect(hypervisor.scheduler).toBe('credit');
  });

  it('begins a domain anew when it reboots, and keeps one that is to be preserved', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const again = await hypervisor.createDomain({ name: 'again', kernel: hello('.', 1), memory: 4 });
    let restarts = 0;
    await new Promise<void>((resolve) => again.on('restarted', () => ++restarts === 3 && resolve()));
    expect(again.id).toBeGreaterThanOrEqual(4);
    await again.destroy();
    expect((await again.ended).reason).toBe('destroyed');
    expect(Buffer.concat(await again.console.toArray()).length).toBeGreaterThanOrEqual(3);
    const kept = await hypervisor.createDomain({ name: 'kept', kernel: hello('', 3), memory: 4, on_crash: 'preserve' });
    const [end] = await new Promise<Parameters<Parameters<typeof kept.on<'stopped'>>[1]>>((resolve) => kept.on('stopped', (...args) => resolve(args)));
    expect(end.reason).toBe('crash');
    expect(end.report?.join('\n')).toMatch(/crashed after \d+ instructions, and said so[\s\S]*RIP/);
    expect([kept.state, hypervisor.domain('kept')]).toEqual(['----c-', kept]);
    await kept.destroy();
    expect(hypervisor.domains).toEqual([]);
  });
});

describe('two Debian domains', async () => {
  const files = await debianFiles('amd64');

  it.skipIf('missing' in files)('run at once, each with its console, and talk over a switch', async () => {
    if ('missing' in files) return;
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const ramdisk = buildInitramfs({ busybox: readFileSync(files.busybox), modules: readFileSync(files.modules) });
    const create = (name: string, ip: string): Promise<Domain> =>
      hypervisor.createDomain({
        name,
        kernel: files.kernel,
        ramdisk,
        memory: 128,
        extra: `console=hvc0 quiet mitigations=off ip=${ip}`,
        vif: ['bridge=xenbr0'],
      });
    const [server, client] = await Promise.all([create('server', '10.1.0.1'), create('client', '10.1.0.2')]);
    await Promise.all([until(server, PROMPT), until(client, PROMPT)]);
    server.console.write("head -c 4000000 /dev/urandom > /tmp/file; sha256sum < /tmp/file | cut -d' ' -f1 | sed 's/^/sum=/'; nc -l -p 5000 < /tmp/file\n");
    const [, sum] = /sum=([0-9a-f]{64})\n/.exec(await until(server, /sum=[0-9a-f]{64}\n/)) ?? [];
    client.console.write("sleep 1; nc 10.1.0.1 5000 | sha256sum | cut -d' ' -f1 | sed 's/^/got=/'\n");
    expect(await until(client, /got=[0-9a-f]{64}\n/)).toContain(`got=${sum}`);
    client.shutdown();
    expect((await client.ended).reason).toBe('poweroff');
    server.console.write('poweroff\n');
    expect((await server.ended).reason).toBe('poweroff');
  });
});

import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createHypervisor, type Domain, type DomainConfig } from '#runtime';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { pvhGuest } from '../support/pvh-guest.ts';

const busy = pvhGuest([0x40, 0xeb, 0xfd]);
const small = (name: string, rest: Partial<DomainConfig> = {}): DomainConfig => ({ name, kernel: busy, memory: 4, ...rest });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const COMPLAINT = /BUG:|WARNING:|Oops|\bstall|soft lockup|TSC warp|unstable|general protection|segfault/;

/** The part that each domain has of what all of them get in some time. */
async function shares(domains: readonly Domain[], ms: number): Promise<number[]> {
  const before = domains.map(({ cpuTimeNs }) => cpuTimeNs);
  await sleep(ms);
  const had = domains.map(({ cpuTimeNs }, i) => cpuTimeNs - (before[i] ?? 0));
  const all = had.reduce((sum, each) => sum + each, 0);
  return had.map((each) => each / all);
}

describe('three domains of one vCPU on two pCPUs', () => {
  it.each([
    ['credit', [256, 256, 256], [1 / 3, 1 / 3, 1 / 3]],
    ['credit', [512, 256, 256], [1 / 2, 1 / 4, 1 / 4]],
  ])('share them under %s by their weights %j', async (scheduler, weights, expected) => {
    await using hypervisor = await createHypervisor({ pcpus: 2, scheduler });
    const domains = await Promise.all(weights.map((weight, i) => hypervisor.createDomain(small(`d${i}`, { scheduling: { weight } }))));
    // what they had while the others were being built is settled first
    await sleep(1500);
    // a host that has other work gives one of them less for a while
    const spells: (readonly number[])[] = [];
    for (let spell = 0; spell < 5; spell++) spells.push(await shares(domains, 1500));
    const measured = weights.map((_, i) => spells.map((spell) => spell[i] ?? 0).sort((a, b) => a - b)[2] ?? 0);
    measured.forEach((share, i) => expect(Math.abs(share - (expected[i] ?? 0))).toBeLessThan(0.08));
  });
});

describe('pCPUs of a domain', () => {
  it('are those of its configuration, and can be changed while it runs', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 3, scheduler: 'credit' });
    const domain = await hypervisor.createDomain(small('a', { cpus: '0-2,^1' }));
    expect(domain.affinity).toEqual(['0,2']);
    const home = (): number => domain.life?.board.homeOf(0) ?? -1;
    for (const pcpu of [1, 2, 0, 1]) {
      domain.setAffinity(0, `${pcpu}`);
      const before = domain.cpuTimeNs;
      await sleep(50);
      expect(domain.affinity).toEqual([`${pcpu}`]);
      // between two slices it is nowhere
      for (let looks = 0; home() !== pcpu && looks < 500; looks++) await sleep(1);
      expect(home()).toBe(pcpu);
      expect(domain.cpuTimeNs).toBeGreaterThan(before);
    }
    domain.setAffinity('all', 'all');
    expect(() => domain.setAffinity(0, '3-5')).toThrow(/cpus: expected was one of the pCPUs 0 to 2 at least; seen was "3-5"/);
    expect(() => domain.setAffinity(0, '5-3')).toThrow(/cpus: expected was pCPUs such as all, 1, or 0-3,\^1; seen was "5-3"/);
    expect(() => domain.setAffinity(1, '0')).toThrow(/domain a has no vCPU 1; it has 1/);
    await expect(hypervisor.createDomain(small('b', { cpus: '7' }))).rejects.toMatchObject({ code: 'HV_ERR_DOMAIN_CONFIG' });
    await expect(hypervisor.createDomain(small('b', { cpus: 'x' }))).rejects.toThrow(/config\.cpus: expected was pCPUs/);
  });
});

describe('Debian with two vCPUs that are moved all the time', async () => {
  const files = await debianFiles('amd64');
  const work =
    'for k in 1 2 3; do (j=0; while [ $j -lt 10 ]; do j=$((j+1)); ls /bin | md5sum >> /tmp/o$k; usleep 2000; done) & done; wait; sort /tmp/o? | uniq | wc -l; cat /tmp/o? | wc -l';

  it.skipIf('missing' in files)('computes what it would', async () => {
    if ('missing' in files) return;
    await using hypervisor = await createHypervisor({ pcpus: 2, scheduler: 'credit' });
    const domain = await hypervisor.createDomain({
      name: 'moved',
      kernel: files.kernel,
      ramdisk: buildInitramfs({ busybox: readFileSync(files.busybox) }),
      memory: 192,
      vcpus: 2,
      extra: 'console=hvc0 mitigations=off',
    });
    let text = '';
    let moves = 0;
    const commands = ['nproc', work, "grep '^cpu[0-9]' /proc/stat", 'poweroff'];
    domain.console.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1').replaceAll('\r', '');
      if (/root@xylem:~# (\x1b\[6n)?$/.test(text)) domain.console.write(`${commands.shift()}\n`);
    });
    const mover = setInterval(() => {
      domain.setAffinity(moves % 2, String(Math.floor(moves / 2) % 2));
      moves++;
    }, 7);
    domain.once('stopped', () => clearInterval(mover));
    const [{ reason }] = (await once(domain, 'ended')) as [{ reason: string }];
    expect(`${reason} ${text.slice(-300)}`).toMatch(/^poweroff/);
    expect(text).not.toMatch(COMPLAINT);
    expect(text).toMatch(/\n2\n/);
    expect(text).toMatch(/\n1\n30\n/);
    expect(moves).toBeGreaterThan(100);
  });
});

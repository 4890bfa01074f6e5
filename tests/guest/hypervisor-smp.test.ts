import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createHypervisor, type Domain } from '#runtime';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { pvhGuest } from '../support/pvh-guest.ts';

/** The shell asks where the cursor is behind its prompt. */
const PROMPT = /root@xylem:~# (\x1b\[6n)?$/;
/** What kernels say when vCPUs, clocks or memory do not behave. */
const COMPLAINT = /BUG:|WARNING:|Oops|\bstall|soft lockup|TSC warp|unstable|general protection|segfault/;
/** Forks and pipes on all vCPUs; every sum is of the same bytes. */
const WORK =
  'for k in 1 2 3 4; do (j=0; while [ $j -lt 12 ]; do j=$((j+1)); ls /bin | md5sum >> /tmp/o$k; done) & done; wait; sort /tmp/o? | uniq | wc -l; cat /tmp/o? | wc -l';

/** Types commands, one at each prompt; all that was written, when the domain is gone. */
async function session(domain: Domain, ...commands: readonly string[]): Promise<string> {
  let text = '';
  let seen = 0;
  const left = [...commands];
  domain.console.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1').replaceAll('\r', '');
    if (!PROMPT.test(text) || text.length === seen) return;
    seen = text.length;
    const command = left.shift();
    if (command !== undefined) domain.console.write(`${command}\n`);
  });
  const { reason } = await domain.ended;
  expect(`${reason} ${text.slice(-300)}`).toMatch(/^poweroff/);
  expect(text).not.toMatch(COMPLAINT);
  return text;
}

function expectBothUsed(text: string): void {
  expect(text).toMatch(/\n2\n/);
  expect(text).toMatch(/\n1\n48\n/);
  const ticks = [...text.matchAll(/^cpu\d+ (\d+) \d+ (\d+)/gm)].map(([, user, system]) => Number(user) + Number(system));
  expect(ticks).toHaveLength(2);
  for (const each of ticks) expect(each).toBeGreaterThan(0);
}

const COMMANDS = ['nproc', WORK, "grep '^cpu[0-9]' /proc/stat", 'poweroff'];

describe.each([
  ['amd64', 2],
  ['amd64', 1],
  ['i386', 2],
] as const)('Debian %s with two vCPUs on %i pCPU(s)', async (flavour, pcpus) => {
  const files = await debianFiles(flavour);

  it.skipIf('missing' in files)('uses both of them', async () => {
    if ('missing' in files) return;
    await using hypervisor = await createHypervisor({ pcpus });
    const domain = await hypervisor.createDomain({
      name: 'two',
      kernel: files.kernel,
      ramdisk: buildInitramfs({ busybox: readFileSync(files.busybox) }),
      memory: 192,
      vcpus: 2,
      extra: 'console=hvc0 mitigations=off',
    });
    expectBothUsed(await session(domain, ...COMMANDS));
    expect(hypervisor.domains).toEqual([]);
  });
});

describe('Debian with two vCPUs beside a domain that computes', async () => {
  const files = await debianFiles('amd64');
  /** Code comes from the disk into memory over and over, written by the main thread. */
  const fromDisk =
    'cp /bin/busybox /mnt/; for k in 1 2 3 4 5 6; do sync; echo 3 > /proc/sys/vm/drop_caches; (/mnt/busybox uname; /mnt/busybox seq 1 3 | /mnt/busybox md5sum) & /mnt/busybox echo $k; wait; done | sort | uniq -c';

  it.skipIf('missing' in files)('runs programs from a disk', async () => {
    if ('missing' in files) return;
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const busy = await hypervisor.createDomain({ name: 'busy', kernel: pvhGuest([0x40, 0xeb, 0xfd]), memory: 4 });
    const domain = await hypervisor.createDomain({
      name: 'two',
      kernel: files.kernel,
      ramdisk: buildInitramfs({ busybox: readFileSync(files.busybox), modules: readFileSync(files.modules) }),
      memory: 192,
      vcpus: 2,
      disk: ['memory:64M,xvda,w'],
      extra: 'console=hvc0 mitigations=off xylem.disk=xvda',
    });
    const text = await session(domain, 'nproc', fromDisk, 'poweroff');
    expect(text).toMatch(/\n2\n/);
    expect(text).toMatch(/\n +6 Linux\n/);
    for (const k of [1, 2, 3, 4, 5, 6]) expect(text).toMatch(new RegExp(`\\n +1 ${k}\n`));
    expect(text).toMatch(/\n +6 [0-9a-f]{32} /);
    expect(hypervisor.domains).toEqual([busy]);
  });
});

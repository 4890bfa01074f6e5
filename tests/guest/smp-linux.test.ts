import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { buildInitramfs } from '../../runtime/image/index.ts';
import type { GuestFlavour } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { SmpDomain } from '../support/smp-domain.ts';

/** The shell asks where the cursor is behind its prompt. */
const PROMPT = /root@xylem:~# (\x1b\[6n)?$/;
const LIMIT_MS = 150_000;
/** What kernels say when vCPUs, clocks or memory do not behave. */
const COMPLAINT = /BUG:|WARNING:|Oops|\bstall|soft lockup|TSC warp|unstable|general protection|segfault/;

/** Forks and pipes on all vCPUs; every sum is of the same bytes. */
const WORK =
  'for k in 1 2 3 4; do (j=0; while [ $j -lt 20 ]; do j=$((j+1)); ls /bin | md5sum >> /tmp/o$k; done) & done; wait; sort /tmp/o? | uniq | wc -l; cat /tmp/o? | wc -l';

/** Boots and types commands, one at each prompt; what was written from the first command on. */
async function session(
  flavour: GuestFlavour,
  vcpus: number,
  files: { kernel: string; busybox: string },
  steps: readonly (string | ((domain: SmpDomain) => void))[],
): Promise<string> {
  let at = 0;
  let from = 0;
  let seen = 0;
  const domain = new SmpDomain({
    interpreter: await loadInterpreter(),
    vcpus,
    memoryMib: flavour === 'amd64' ? 256 : 192,
    isTranslated: true,
    kernel: new Uint8Array(readFileSync(files.kernel)),
    kernelName: 'vmlinuz',
    ramdisk: buildInitramfs({ busybox: readFileSync(files.busybox) }),
    commandLine: 'console=hvc0 mitigations=off',
    onOutput: (text, running) => {
      if (!PROMPT.test(text) || text.length === seen) return;
      seen = text.length;
      if (at === 0) from = text.length;
      for (let step = steps[at++]; step !== undefined; step = steps[at++]) {
        if (typeof step === 'string') return running.type(`${step}\n`);
        step(running);
      }
      running.stop();
    },
  });
  const timer = setTimeout(() => domain.stop(), LIMIT_MS);
  const ends = await domain.ends;
  clearTimeout(timer);
  expect(ends.map((end) => end.how)).toEqual(ends.map(() => 'stopped'));
  expect(domain.output).not.toMatch(COMPLAINT);
  return domain.output.slice(from).replaceAll('\r', '');
}

describe.each([
  ['amd64', 2],
  ['amd64', 4],
  ['i386', 2],
] as const)('Debian %s with %i vCPUs', async (flavour, vcpus) => {
  const files = await debianFiles(flavour);

  it.skipIf('missing' in files)('uses all of them', async () => {
    if ('missing' in files) return;
    const output = await session(flavour, vcpus, files, ['nproc', WORK, "grep '^cpu[0-9]' /proc/stat"]);
    expect(output).toMatch(new RegExp(`nproc\n${vcpus}\n`));
    expect(output).toMatch(/\n1\n80\n/);
    const users = [...output.matchAll(/^cpu\d+ (\d+) \d+ (\d+)/gm)].map(([, user, system]) => Number(user) + Number(system));
    expect(users).toHaveLength(vcpus);
    for (const ticks of users) expect(ticks).toBeGreaterThan(0);
  });
});

describe('CPU hotplug by XenStore', async () => {
  const files = await debianFiles('amd64');

  it.skipIf('missing' in files)('takes a vCPU away and gives it back', async () => {
    if ('missing' in files) return;
    const offer = (state: string) => (domain: SmpDomain) => {
      const nodes = domain.store.store.session();
      nodes.write('/local/domain/1/cpu/1/availability', state);
      nodes.close();
    };
    const gone = 'while [ $(nproc) != 1 ]; do sleep 0.1; done; echo now $(nproc)';
    // who makes it go online is the guest, when it has seen it come
    const back = 'cd /sys/devices/system/cpu/cpu1; until echo 1 > online; do sleep 0.1; done 2>/dev/null; cd; echo now $(nproc)';
    const output = await session('amd64', 2, files, [offer('offline'), gone, offer('online'), back, WORK]);
    expect(output).toMatch(/\nnow 1\n/);
    expect(output).toMatch(/\nnow 2\n/);
    expect(output).toMatch(/\n1\n80\n/);
  });
});

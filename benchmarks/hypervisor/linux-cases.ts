import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHypervisor } from '#runtime';
import { timeOfLine } from '../measure/parse-cases.ts';
import { runProcess } from '../measure/run-process.ts';
import { XM } from '../../tests/support/xm.ts';
import { type Figure, type HypervisorCase, quantile } from './figure.ts';
import { LinuxSession } from './linux-session.ts';
import { type PeerGuest, preparePeerGuest } from './peer-guest.ts';
import { hasQemu, type QemuRun, runQemu } from './qemu-session.ts';

const MIB = 1 << 20;
const BLOCK_MIB = 128;
const TCP_MIB = 64;
const ROUNDS = 3;
/** Runs of a transfer before those that count, in each peer: until what is hot is translated. */
const WARM_RUNS = 8;

const mibPerSecond = (mib: number, ms: number): number => (mib * 1000) / ms;
/** What a transfer takes, once or in the middle of several times. */
interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Ours beside QEMU's, where there is one. On a host with other work the CPU time says more: who has more threads gets more of it. */
function againstQemu(name: string, ours: Cost, theirs: Cost | undefined): Figure[] {
  if (theirs === undefined) return [];
  return [
    { name, value: theirs.ms / ours.ms, unit: '', goal: '>= 1' },
    { name: 'CPU time over that of QEMU', value: ours.cpuMs / theirs.cpuMs, unit: '' },
  ];
}

/** Boots to the line of init, by the command line. */
async function boot(machine: string, { kernel, ramdisk, readyLine }: PeerGuest): Promise<{ readonly ms: number; readonly cpuSeconds: number }> {
  const [command = '', ...first] = XM;
  const line = `console=${machine === 'pvh' ? 'hvc0' : 'ttyS0'} quiet mitigations=off`;
  const words = ['run', '--no-code-cache', '--machine', machine, '--kernel', kernel, '--ramdisk', ramdisk, '--memory', '256', '--extra', line];
  const { lines, cpuSeconds, failure } = await runProcess({
    command,
    arguments: [...first, ...words],
    silenceMs: 60_000,
    graceMs: 5000,
    asksToEnd: true,
    isLast: (text) => text.startsWith(readyLine),
  });
  if (failure !== null) throw new Error(`the boot with --machine ${machine} failed: ${failure}`);
  return { ms: timeOfLine(lines, readyLine) ?? Number.NaN, cpuSeconds: cpuSeconds ?? Number.NaN };
}

const boots: HypervisorCase = {
  name: 'boot',
  run: async () => {
    const guest = await preparePeerGuest();
    const runs = { pvh: [] as Awaited<ReturnType<typeof boot>>[], pc: [] as Awaited<ReturnType<typeof boot>>[] };
    for (let round = 0; round < ROUNDS; round++) for (const machine of ['pvh', 'pc'] as const) runs[machine].push(await boot(machine, guest));
    const median = (machine: 'pvh' | 'pc', of: 'ms' | 'cpuSeconds'): number =>
      quantile(
        runs[machine].map((run) => run[of]),
        0.5,
      );
    return [
      { name: 'boot of amd64 by PVH to init', value: median('pvh', 'ms'), unit: 'ms' },
      { name: 'the same over that of --machine pc', value: median('pvh', 'ms') / median('pc', 'ms'), unit: '', goal: '<= 1' },
      { name: 'CPU time of both, likewise', value: median('pvh', 'cpuSeconds') / median('pc', 'cpuSeconds'), unit: '' },
    ];
  },
};

/** Times a command in a domain: medians of some runs after those that warm it up. */
async function timed(session: LinuxSession, command: string): Promise<Cost> {
  for (let i = 0; i < WARM_RUNS; i++) await session.run(command);
  const runs: Cost[] = [];
  for (let i = 0; i < ROUNDS; i++) runs.push(await session.run(command));
  const median = (of: keyof Cost): number =>
    quantile(
      runs.map((run) => run[of]),
      0.5,
    );
  return { ms: median('ms'), cpuMs: median('cpuMs') };
}

/** The same in QEMU, which gets a device and a command that prepares it. What a run costs is what more runs add to the whole. */
async function timedInQemu(guest: PeerGuest, devices: readonly string[], prepare: string, command: string): Promise<Cost | undefined> {
  if (!(await hasQemu())) return undefined;
  const names = (runs: number): string[] => Array.from({ length: runs }, (_, i) => `run-${i}`);
  const run = (runs: number): Promise<QemuRun> =>
    runQemu(guest, devices, [{ name: 'prepare', command: prepare }, ...names(runs).map((name) => ({ name, command }))]);
  const warm = await run(WARM_RUNS);
  const more = await run(2 * WARM_RUNS);
  const measured = names(2 * WARM_RUNS).slice(WARM_RUNS);
  return {
    ms: quantile(
      measured.map((name) => more.ms[name] ?? Number.NaN),
      0.5,
    ),
    cpuMs: (more.cpuMs - warm.cpuMs) / WARM_RUNS,
  };
}

/** Reads the whole disk, nothing of which is left in the guest's memory. */
const readAll = (disk: string): string => `echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/${disk} of=/dev/null bs=1M count=${BLOCK_MIB} 2>/dev/null`;

/** A file with something in each block, which is in the host's memory once it was written. */
function makeDisk(path: string): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, BLOCK_MIB * MIB);
  for (let at = 0; at < BLOCK_MIB; at++) writeSync(file, Buffer.alloc(MIB, at + 1));
  closeSync(file);
}

const block: HypervisorCase = {
  name: 'block',
  run: async () => {
    const guest = await preparePeerGuest();
    const folder = mkdtempSync(join(tmpdir(), 'xylem-bench-'));
    try {
      const image = join(folder, 'disk.img');
      makeDisk(image);
      await using hypervisor = await createHypervisor({ pcpus: 1 });
      const session = await LinuxSession.begin(hypervisor, guest, { name: 'reader', disk: [`file:${image},xvda,r`] });
      const ours = await timed(session, readAll('xvda'));
      const drive = ['-drive', `file=${image},format=raw,if=virtio,readonly=on`];
      const theirs = await timedInQemu(guest, drive, 'modprobe virtio_pci; modprobe virtio_blk', readAll('vda'));
      return [
        { name: 'sequential read by xen-blkfront', value: mibPerSecond(BLOCK_MIB, ours.ms), unit: 'MiB/s' },
        { name: 'its CPU time, all threads', value: ours.cpuMs / BLOCK_MIB, unit: 'ms/MiB' },
        ...againstQemu("the same over QEMU TCG's virtio-blk", ours, theirs),
      ];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

const fetchFrom = (host: string): string => `wget -q -O /dev/null http://${host}/file`;

/** QEMU's guest fetches from a server on the host, by its user network. */
async function qemuTcp(guest: PeerGuest): Promise<Cost | undefined> {
  const content = Buffer.alloc(TCP_MIB * MIB);
  const server = createServer((_request, response) => response.end(content));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const prepare = 'modprobe virtio_pci; modprobe virtio_net; sleep 1; ifconfig eth0 10.0.2.15 up; sleep 1';
  try {
    return await timedInQemu(guest, ['-nic', 'user,model=virtio-net-pci'], prepare, fetchFrom(`10.0.2.2:${port}`));
  } finally {
    server.close();
  }
}

const tcp: HypervisorCase = {
  name: 'tcp',
  run: async () => {
    const guest = await preparePeerGuest();
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const begin = (name: string, ip: string): Promise<LinuxSession> =>
      LinuxSession.begin(hypervisor, guest, { name, extra: `ip=${ip}`, vif: ['bridge=xenbr0'] });
    const [server, client] = await Promise.all([begin('server', '10.1.0.1'), begin('client', '10.1.0.2')]);
    await server.run(`head -c ${TCP_MIB}m /dev/zero > /tmp/file; httpd -p 80 -h /tmp`);
    const ours = await timed(client, fetchFrom('10.1.0.1'));
    const theirs = await qemuTcp(guest);
    return [
      { name: 'TCP between two domains', value: mibPerSecond(TCP_MIB, ours.ms), unit: 'MiB/s' },
      { name: 'its CPU time, all threads', value: ours.cpuMs / TCP_MIB, unit: 'ms/MiB' },
      ...againstQemu("the same over QEMU TCG's user network", ours, theirs),
    ];
  },
};

const smp: HypervisorCase = {
  name: 'smp',
  run: async () => {
    const guest = await preparePeerGuest();
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const session = await LinuxSession.begin(hypervisor, guest, { name: 'smp', vcpus: 2 });
    const work = 'head -c 32000000 /dev/zero | sha1sum > /dev/null';
    const both = `(${work}) & (${work}) & wait`;
    await session.run(both);
    await session.run(both);
    const alone: number[] = [];
    const together: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      alone.push((await session.run(work)).ms);
      together.push((await session.run(both)).ms);
    }
    return [
      { name: 'work of two processes on 2 vCPUs over that of one', value: (2 * quantile(alone, 0.5)) / quantile(together, 0.5), unit: '', goal: '>= 1.8' },
    ];
  },
};

/** What is measured with Debian, in part against QEMU. */
export const linuxCases: readonly HypervisorCase[] = [smp, boots, block, tcp];

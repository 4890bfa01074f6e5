import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { GUEST_GROUPS } from '../../../benchmarks/cases.ts';
import { planGuestJobs } from '../../../benchmarks/measure/plan.ts';
import { choosePeers } from '../../../benchmarks/peers/all-peers.ts';
import { native } from '../../../benchmarks/peers/native.ts';
import type { LinuxJob } from '../../../benchmarks/peers/job.ts';
import { qemuArguments } from '../../../benchmarks/peers/qemu.ts';
import { v86, v86Request } from '../../../benchmarks/peers/v86.ts';
import { xylemArguments } from '../../../benchmarks/peers/xylem.ts';

const jobs = planGuestJobs({ only: /./, repetitions: 2, silenceMs: 1 }).map(({ job, cases }) => job(cases));
const linux: LinuxJob = {
  kind: 'linux',
  architecture: 'amd64',
  kernel: '/k',
  ramdisk: '/r',
  commandLine: 'console=ttyS0',
  memoryMib: 256,
  silenceMs: 1,
  readyLine: 'ready',
  steps: [],
};

test('a guest job names its cases and repetitions on the command line', () => {
  const job = jobs.find(({ architecture }) => architecture === 'i386');
  if (job === undefined) throw new Error('no i386 job in the plan');
  const line = 'run=alu,sieve,imatmul,bits,sha256,crc32 reps=2';
  expect(qemuArguments(job)).toContain(line);
  expect(xylemArguments(job)).toContain(line);
  expect(v86Request(job, '/b').commandLine).toBe(line);
});

test('a Linux job passes kernel, initramfs, memory and command line', () => {
  expect(qemuArguments(linux).slice(-8)).toEqual(['-m', '256', '-kernel', '/k', '-initrd', '/r', '-append', 'console=ttyS0']);
  expect(xylemArguments(linux)).toEqual(expect.arrayContaining(['--kernel', '/k', '--ramdisk', '/r']));
  expect(v86Request(linux, '/b')).toMatchObject({ kernel: '/k', ramdisk: '/r', memoryMib: 256 });
});

test('peers refuse what they cannot do by nature', () => {
  expect(v86.refuses(linux)).toBe('has no 64-bit mode');
  expect(native.refuses(linux)).toBe('boots nothing');
});

test('an unknown peer is refused with the names of the known', () => {
  expect(choosePeers(['v86', 'xylem']).map(({ name }) => name)).toEqual(['xylem', 'v86']);
  expect(() => choosePeers(['bochs'])).toThrow(/no peer 'bochs'; there are xylem, warm, qemu, v86, native/);
});

test.each(['i386', 'amd64'])('the %s image is multiboot 1, 32-bit ELF, small, and holds every case', (architecture) => {
  const path = new URL(`../../../benchmarks/guests/images/bench-${architecture}.elf`, import.meta.url);
  const image = readFileSync(path);
  expect(statSync(path).size).toBeLessThan(100 * 1024);
  expect([...image.subarray(0, 5)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1]);
  const offsets = Array.from({ length: 2048 }, (_, i) => i * 4);
  const header = offsets.find((at) => image.readUInt32LE(at) === 0x1badb002) ?? -1;
  expect((image.readUInt32LE(header) + image.readUInt32LE(header + 4) + image.readUInt32LE(header + 8)) >>> 0).toBe(0);
  for (const name of GUEST_GROUPS.flatMap(({ checksums }) => Object.keys(checksums))) {
    expect(image.includes(`${name}\0`), name).toBe(true);
  }
});

test('the checksums of the hashes are those of other implementations', () => {
  const message = Buffer.alloc(256 * 1024);
  for (let i = 0, seed = 99; i < message.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    message[i] = seed >>> 24;
  }
  const sha256 = createHash('sha256');
  for (let i = 0; i < 80; i++) sha256.update(message);
  const digest = sha256.digest();
  let sum = 2166136261;
  for (let i = 0; i < 8; i++) sum = Math.imul(sum ^ digest.readUInt32BE(i * 4), 16777619) >>> 0;
  const crc = Array.from({ length: 100 }).reduce((value: number) => crc32(message, value), 0);
  const { checksums } = GUEST_GROUPS[0] ?? { checksums: {} };
  expect(checksums).toMatchObject({ sha256: sum.toString(16), crc32: crc.toString(16).padStart(8, '0') });
});

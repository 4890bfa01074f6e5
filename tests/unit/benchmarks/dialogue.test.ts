import { expect, test } from 'vitest';
import { linuxDialogue, stepCommand } from '../../../benchmarks/peers/guest-run.ts';
import type { LinuxJob } from '../../../benchmarks/peers/job.ts';

const job: LinuxJob = {
  kind: 'linux',
  architecture: 'amd64',
  kernel: 'k',
  ramdisk: 'r',
  commandLine: '',
  memoryMib: 256,
  silenceMs: 1,
  readyLine: 'guest: ready',
  steps: [
    { name: 'a', command: 'true' },
    { name: 'b', command: 'false' },
  ],
};

test('a typed command holds no marker that its echo could be taken for', () => {
  expect(stepCommand({ name: 'a', command: 'true' })).not.toMatch(/BEGIN|END/);
});

test('each step is typed at the prompt behind the end of the one before', () => {
  const say = linuxDialogue(job);
  expect(say(['booting # 1'], 'root@guest:~# ')).toBeNull();
  expect(say(['guest: ready (Linux)', ''], '')).toBeNull();
  expect(say([], 'root@guest:~# ')).toBe(stepCommand({ name: 'a', command: 'true' }));
  expect(say(['root@guest:~# echo', 'BEGIN a'], '')).toBeNull();
  expect(say(['END a 0'], 'root@guest:~# ')).toBe(stepCommand({ name: 'b', command: 'false' }));
  expect(say(['END b 1'], 'root@guest:~# ')).toBeNull();
});

test('a prompt whose line a kernel message ended is still seen', () => {
  const say = linuxDialogue(job);
  expect(say(['guest: ready', 'root@guest:~# [    2.0] tsc: refined'], '')).not.toBeNull();
});

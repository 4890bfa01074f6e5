import { expect, test } from 'vitest';
import { type ProcessRequest, runProcess } from '../../../benchmarks/measure/run-process.ts';

const shell = (script: string, more: Partial<ProcessRequest> = {}) =>
  runProcess({
    command: 'sh',
    arguments: ['-c', script],
    isLast: (line) => line === 'DONE',
    silenceMs: 5000,
    graceMs: 100,
    ...more,
  });

test('lines carry the time of their arrival', async () => {
  const { lines, failure } = await shell('echo one; sleep 0.2; echo DONE');
  expect(failure).toBeNull();
  expect(lines.map(({ text }) => text)).toEqual(['one', 'DONE']);
  const [first, last] = lines;
  expect((last?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(150);
});

test('a process that does not end after its last line is ended', async () => {
  const { failure } = await shell('echo DONE; sleep 60');
  expect(failure).toBeNull();
});

test('an early end is a failure with the reason from standard error', async () => {
  const { failure } = await shell('echo one; echo "cannot find it" >&2; exit 3');
  expect(failure).toBe('exit code 3: cannot find it');
});

test('silence is a failure', async () => {
  const { failure, lines } = await shell('echo one; sleep 60', { silenceMs: 150 });
  expect(failure).toBe('silent for 0.15 s');
  expect(lines).toHaveLength(1);
});

test('a line that means failure ends the run', async () => {
  const { failure } = await shell('echo FAULT 6; sleep 60', { isFailure: (line) => line.startsWith('FAULT') });
  expect(failure).toBe('FAULT 6');
});

test('a program that cannot be started is a failure', async () => {
  const { failure } = await runProcess({
    command: '/nonexistent/program',
    arguments: [],
    isLast: () => false,
    silenceMs: 5000,
    graceMs: 0,
  });
  expect(failure).toMatch(/ENOENT/);
});

test('a dialogue answers a prompt', async () => {
  const { lines } = await shell('printf "name? "; read name; echo "hello $name"; echo DONE', {
    dialogue: (_, tail) => (tail === 'name? ' ? 'guest\n' : null),
  });
  expect(lines.at(-2)?.text).toBe('name? hello guest');
});

test.runIf(process.platform === 'linux')('CPU time of the process and its children is counted', async () => {
  const busy = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done';
  const { cpuSeconds, maxRssBytes } = await shell(`echo one; (${busy}); ${busy}; echo DONE`);
  expect(cpuSeconds).toBeGreaterThan(0.05);
  expect(maxRssBytes).toBeGreaterThan(100_000);
});

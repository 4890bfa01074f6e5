import { readFileSync } from 'node:fs';
import { startXm } from './xm.ts';

/**
 * A long run of forks and `find` in Debian, with the host's memory over time: what grows without end shows here.
 *
 *     node --conditions=source tests/support/soak.ts [minutes] [words for xm boot...]
 *
 * Prints a line a minute: rounds done so far, resident memory of the process, CPU seconds. Exit code 1 when the last
 * quarter's memory is more than a tenth above that of the second quarter.
 */
const [minutes = '20', ...words] = process.argv.slice(2);
const SCRIPT =
  'n=0; while true; do i=0; while [ $i -lt 100 ]; do /bin/busybox true; i=$((i+1)); done; find /sys /proc >/tmp/found 2>/dev/null; n=$((n+1)); echo "ROUND"" $n"; done\n';
const TICKS = 100;

const child = startXm(['boot', ...words]);
let rounds = 0;
let tail = '';
let started = false;
child.stdout.setEncoding('latin1').on('data', (text: string) => {
  tail = (tail + text).slice(-200);
  if (!started && /:~# /.test(tail)) {
    started = true;
    child.stdin.write(SCRIPT);
  }
  for (const [, n] of tail.matchAll(/ROUND (\d+)/g)) rounds = Number(n);
});

const samples: number[] = [];
const report = (): void => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const rss = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  const times = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  samples.push(rss);
  console.log(`${samples.length} min  ${rounds} rounds  ${rss.toFixed(0)} MiB  ${((Number(times[11]) + Number(times[12])) / TICKS).toFixed(0)} s CPU`);
};
const timer = setInterval(() => {
  report();
  if (samples.length < Number(minutes)) return;
  clearInterval(timer);
  child.kill('SIGTERM');
}, 60_000);

child.on('exit', (code) => {
  clearInterval(timer);
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  const growth = mean(samples.slice(-quarter)) / mean(samples.slice(quarter, 2 * quarter));
  console.log(`exit code ${code}, ${rounds} rounds, memory of the last quarter ${growth.toFixed(3)} times that of the second`);
  process.exitCode = code === 143 && rounds > 0 && growth <= 1.1 ? 0 : 1;
});

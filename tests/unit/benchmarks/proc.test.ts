import { expect, test } from 'vitest';
import { parseChildCpuSeconds, parsePeakRss } from '../../../benchmarks/measure/proc.ts';

test('CPU time of children is read behind a name with spaces and parentheses', () => {
  // Fields 14 to 17: utime, stime, cutime, cstime.
  const stat = '42 (a) b (c) R 1 42 42 0 -1 0 0 0 0 0 700 800 123 45 20 0 11 0';
  expect(parseChildCpuSeconds(stat)).toBeCloseTo(1.68);
  expect(parseChildCpuSeconds('42 (short) R')).toBeNull();
});

test('peak memory is in the status of a living process only', () => {
  expect(parsePeakRss('Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n')).toBe(2048 * 1024);
  expect(parsePeakRss('Name:\tx\nState:\tZ (zombie)\n')).toBe(0);
});

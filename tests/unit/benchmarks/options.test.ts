import { expect, test } from 'vitest';
import { parseOptions } from '../../../benchmarks/options.ts';

test('by default everything is measured five times', () => {
  expect(parseOptions([])).toMatchObject({ rounds: 5, peers: null, repetitions: 1, isComplete: true });
});

test('--quick is one round, and --rounds wins over it', () => {
  expect(parseOptions(['--quick']).rounds).toBe(1);
  expect(parseOptions(['--quick', '--rounds', '3']).rounds).toBe(3);
});

test('a selection is not complete', () => {
  expect(parseOptions(['--only', 'i386/alu$'])).toMatchObject({ only: /i386\/alu$/, isComplete: false });
  expect(parseOptions(['--peers', 'qemu, v86'])).toMatchObject({ peers: ['qemu', 'v86'], isComplete: false });
});

test.each([
  [['--rounds', '0'], /--rounds takes a whole number above 0, not '0'/],
  [['--timeout', 'soon'], /--timeout takes a whole number/],
  [['--only', '('], /--only takes a regular expression/],
  [['--faster'], /--faster/],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

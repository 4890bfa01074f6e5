import { expect, test } from 'vitest';
import { geometricMean, median, spread } from '../../../benchmarks/measure/stats.ts';

test('the median does not depend on the order of the samples', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
});

test('the median sorts by value, not by text', () => {
  expect(median([10, 9, 100])).toBe(10);
});

test('no samples have no median', () => {
  expect(median([])).toBeNaN();
});

test('the geometric mean of a ratio and its inverse is 1', () => {
  expect(geometricMean([4, 0.25])).toBeCloseTo(1);
  expect(geometricMean([2, 8])).toBeCloseTo(4);
  expect(geometricMean([])).toBeNull();
});

test('the spread is half the range over the median', () => {
  expect(spread([90, 100, 110])).toBeCloseTo(0.1);
});

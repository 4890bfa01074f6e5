/**
 * The middle of a list of samples; of an even number, the mean of the two in the middle.
 *
 * @returns `NaN` for no samples
 */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * The geometric mean, which is right for ratios: the mean of `r` and `1/r` is 1.
 *
 * @returns `null` for no values
 */
export function geometricMean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Half the distance between smallest and largest sample, as a part of the median. */
export function spread(samples: readonly number[]): number {
  return (Math.max(...samples) - Math.min(...samples)) / 2 / median(samples);
}

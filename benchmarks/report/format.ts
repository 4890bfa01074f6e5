/** Stands where there is nothing to show. */
export const NONE = '–';

/** Milliseconds with three digits or so. */
export function formatMs(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2);
}

/** A ratio with two digits behind the point, or three below 0.1. */
export function formatRatio(ratio: number | null): string {
  if (ratio === null) return NONE;
  return ratio >= 10 ? ratio.toFixed(1) : ratio >= 0.1 ? ratio.toFixed(2) : ratio.toFixed(3);
}

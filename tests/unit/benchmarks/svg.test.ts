import { expect, test } from 'vitest';
import { escapeXml, logScale, renderSvg } from '../../../benchmarks/report/svg.ts';
import { sampleReport } from './sample-report.ts';

test('the scale covers all values by whole powers of ten', () => {
  const scale = logScale([0.5, 3000], 500);
  expect(scale.ticks).toEqual([0.1, 1, 10, 100, 1000, 10000]);
  expect(scale.at(0.1)).toBeCloseTo(0);
  expect(scale.at(10)).toBeCloseTo(200);
  expect(scale.at(10000)).toBeCloseTo(500);
});

test('no values still give a scale', () => {
  expect(logScale([], 100).ticks).toEqual([1, 10]);
});

test('text is escaped', () => {
  expect(escapeXml('a<b & "c"')).toBe('a&#60;b &#38; &#34;c&#34;');
});

test('the chart has a bar for each time and a word for each failure', () => {
  const svg = renderSvg(sampleReport);
  const bars = svg.match(/<rect x="190"[^>]*height="8"/g) ?? [];
  expect(bars).toHaveLength(6);
  expect(svg).toContain('xylem failed');
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  expect(svg.match(/<(?!\/)\w+[^>]*[^/]>/g)?.length).toBe(svg.match(/<\/\w+>/g)?.length);
});

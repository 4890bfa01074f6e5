import { expect, test } from 'vitest';
import { presentPeers, ratioOf, summarize } from '../../../benchmarks/report/ratios.ts';
import { renderResults, replaceResults } from '../../../benchmarks/report/readme.ts';
import { formatMs, formatRatio } from '../../../benchmarks/report/format.ts';
import { renderMarkdown, renderText } from '../../../benchmarks/report/render-table.ts';
import { caseTable, costTable, failureLines, summaryTable } from '../../../benchmarks/report/table.ts';
import { sampleReport } from './sample-report.ts';

test('ours comes first, and a peer that is not there has no column', () => {
  expect(presentPeers(sampleReport)).toEqual(['xylem', 'qemu']);
  expect(caseTable(sampleReport)[0]).toEqual(['case', 'xylem ms', 'qemu ms', '/ qemu']);
});

test('a ratio is our time over theirs, where both have one', () => {
  expect(sampleReport.rows.map((row) => ratioOf(row, 'qemu'))).toEqual([0.5, 2, null, null]);
});

test('groups are summed up by geometric means with goals', () => {
  const [integer, memory, boot, cpu] = summarize(sampleReport);
  expect(integer?.ratios.qemu).toEqual({ ratio: expect.closeTo(1), count: 2, goal: 0.8 });
  expect(memory?.ratios.qemu).toEqual({ ratio: null, count: 0, goal: null });
  expect(boot?.ratios.qemu).toEqual({ ratio: null, count: 0, goal: 1 });
  // A job of 10 ms is left out: that is one tick of the clock.
  expect(cpu?.ratios.qemu).toEqual({ ratio: expect.closeTo(2), count: 1, goal: null });
});

test('the summary says whether a goal is met', () => {
  const rows = summaryTable(sampleReport).slice(1);
  expect(rows[0]?.slice(1)).toEqual(['1.00', '<= 0.8 missed']);
  expect(rows[1]?.slice(1)).toEqual(['–', '–']);
  expect(rows[2]?.slice(1)).toEqual(['–', '<= 1']);
});

test('rows are in the order of the groups; failures and refusals differ', () => {
  const rows = caseTable(sampleReport).slice(1);
  expect(rows).toEqual([
    ['i386/alu', '50.0', '100', '0.50'],
    ['amd64/alu', '200', '100', '2.00'],
    ['i386/chase', '0.50', '–', '–'],
    ['i386/boot', 'failed', '3000', '–'],
  ]);
  expect(failureLines(sampleReport)).toEqual(['i386/boot on xylem failed: exit | 1']);
});

test('costs show what is known', () => {
  expect(costTable(sampleReport)[1]).toEqual(['i386/integer', '3.00', '1.50', '1', '–']);
});

test('numbers keep about three digits', () => {
  expect([0.123, 12.34, 123.4].map(formatMs)).toEqual(['0.12', '12.3', '123']);
  expect([0.0123, 0.123, 1.234, 12.34, null].map(formatRatio)).toEqual(['0.012', '0.12', '1.23', '12.3', '–']);
});

test('text columns line up, the first to the left', () => {
  expect(
    renderText([
      ['case', 'ms'],
      ['a', '1.00'],
      ['long name', '100'],
    ]),
  ).toBe(['case         ms', '---------------', 'a          1.00', 'long name   100'].join('\n'));
});

test('Markdown escapes bars', () => {
  expect(
    renderMarkdown([
      ['a', 'b'],
      ['x|y', '1'],
    ]),
  ).toBe('| a | b |\n| --- | ---: |\n| x\\|y | 1 |');
});

test('results replace what stands between the markers', () => {
  const readme = 'top\n<!-- results:begin -->\nold\n<!-- results:end -->\nbottom\n';
  const once = replaceResults(readme, 'new');
  expect(once).toBe('top\n<!-- results:begin -->\n\nnew\n\n<!-- results:end -->\nbottom\n');
  expect(replaceResults(once, 'new')).toBe(once);
  expect(() => replaceResults('nothing', 'new')).toThrow(/has no <!-- results:begin -->/);
});

test('the results name host, peers, absences and failures', () => {
  const text = renderResults(sampleReport, 'results/x.svg');
  expect(text).toContain('medians of 5');
  expect(text).toContain('- native: not there (no gcc)');
  expect(text).toContain('- i386/boot on xylem failed');
  expect(text).toContain('](results/x.svg)');
});

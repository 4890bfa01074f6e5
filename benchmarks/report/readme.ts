import { renderMarkdown } from './render-table.ts';
import type { BenchReport } from './report.ts';
import { caseTable, costTable, failureLines, summaryTable } from './table.ts';

const BEGIN = '<!-- results:begin -->';
const END = '<!-- results:end -->';

/** The section that a run writes into the README. */
export function renderResults(report: BenchReport, chartPath: string): string {
  const { host } = report;
  const failures = failureLines(report);
  return [
    `Measured ${report.date}: ${host.cpu}, ${host.cores} cores, Linux ${host.kernel}, Node ${host.node}; ` +
      `medians of ${report.rounds}; load before the run ${host.load}.`,
    '',
    ...report.peers.map(({ name, version, missing }) => `- ${name}: ${version ?? `not there (${missing})`}`),
    '',
    renderMarkdown(summaryTable(report)),
    '',
    renderMarkdown(caseTable(report)),
    '',
    renderMarkdown(costTable(report)),
    '',
    ...(failures.length > 0 ? [...failures.map((line) => `- ${line}`), ''] : []),
    `![Milliseconds per case](${chartPath})`,
  ].join('\n');
}

/**
 * Puts new results between the markers of a README.
 *
 * @throws Error when the markers are missing
 */
export function replaceResults(readme: string, results: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`the README has no ${BEGIN} with ${END} behind it`);
  }
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${results}\n\n${readme.slice(end)}`;
}

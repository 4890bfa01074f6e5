import { REPORT_GROUPS } from '../cases.ts';
import { formatMs, formatRatio, NONE } from './format.ts';
import { OURS, presentPeers, ratioOf, summarize } from './ratios.ts';
import type { TextTable } from './render-table.ts';
import type { BenchReport, Cell } from './report.ts';

function formatCell(cell: Cell | undefined): string {
  if (cell === undefined || cell.kind === 'refused') return NONE;
  return cell.kind === 'time' ? formatMs(cell.medianMs) : 'failed';
}

/** Times of all cases and our ratio to each peer. */
export function caseTable(report: BenchReport): TextTable {
  const peers = presentPeers(report);
  const others = peers.includes(OURS) ? peers.filter((name) => name !== OURS) : [];
  const head = ['case', ...peers.map((name) => `${name} ms`), ...others.map((name) => `/ ${name}`)];
  // By group, since a group's 32-bit and 64-bit cases are judged together.
  const rows = REPORT_GROUPS.flatMap(({ name }) => report.rows.filter(({ group }) => group === name));
  return [head, ...rows.map((row) => [row.id, ...peers.map((name) => formatCell(row.cells[name])), ...others.map((name) => formatRatio(ratioOf(row, name)))])];
}

/** Geometric means of our ratios by group, each with the goal and whether it is met. */
export function summaryTable(report: BenchReport): TextTable {
  const others = presentPeers(report).filter((name) => name !== OURS);
  const head = ['group (geometric mean of our time / theirs)', ...others.flatMap((name) => [`/ ${name}`, 'goal'])];
  return [
    head,
    ...summarize(report).map(({ title, ratios }) => [
      title,
      ...others.flatMap((name) => {
        const { ratio = null, goal = null } = ratios[name] ?? {};
        if (goal === null) return [formatRatio(ratio), NONE];
        const verdict = ratio === null ? '' : ratio <= goal ? ' met' : ' missed';
        return [formatRatio(ratio), `<= ${goal}${verdict}`];
      }),
    ]),
  ];
}

/** CPU seconds of all threads and peak memory of whole runs. */
export function costTable(report: BenchReport): TextTable {
  const peers = presentPeers(report);
  const head = ['run', ...peers.map((name) => `${name} CPU s`), ...peers.map((name) => `${name} MiB`)];
  return [
    head,
    ...report.costs.map(({ id, cpuSeconds, maxRssBytes }) => [
      id,
      ...peers.map((name) => cpuSeconds[name]?.toFixed(2) ?? NONE),
      ...peers.map((name) => formatMebibytes(maxRssBytes[name])),
    ]),
  ];
}

function formatMebibytes(bytes: number | undefined): string {
  return bytes === undefined ? NONE : (bytes / 1024 / 1024).toFixed(0);
}

/** One line `case on peer failed: reason` for every failure. */
export function failureLines(report: BenchReport): string[] {
  return report.rows.flatMap(({ id, cells }) =>
    Object.entries(cells).flatMap(([peer, cell]) => (cell.kind === 'failed' ? [`${id} on ${peer} failed: ${cell.reason}`] : [])),
  );
}

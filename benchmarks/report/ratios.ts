import { type CaseGroup, REPORT_GROUPS } from '../cases.ts';
import { geometricMean } from '../measure/stats.ts';
import type { BenchReport, ReportRow } from './report.ts';

/** The peer that is ours: ratios are its time over another peer's. */
export const OURS = 'xylem';

/** Bounds for the CPU time of all threads together. */
const CPU_GOALS: CaseGroup['goals'] = { v86: 0.6 };

/** How a group stands against one peer. */
interface GroupRatio {
  /** Geometric mean over the cases that both finished, or `null` if there is none. */
  readonly ratio: number | null;
  /** Of how many cases that mean is. */
  readonly count: number;
  /** The bound set for the ratio, or `null`. */
  readonly goal: number | null;
}

/** A group's standing against each other peer. */
export interface GroupSummary {
  readonly title: string;
  readonly ratios: Readonly<Record<string, GroupRatio>>;
}

/** Our time over the peer's, or `null` when one of them is missing. */
export function ratioOf(row: ReportRow, peer: string): number | null {
  const ours = row.cells[OURS];
  const theirs = row.cells[peer];
  return ours?.kind === 'time' && theirs?.kind === 'time' ? ours.medianMs / theirs.medianMs : null;
}

/** Names of the peers that were there, ours first. */
export function presentPeers(report: BenchReport): string[] {
  const names = report.peers.filter(({ missing }) => missing === null).map(({ name }) => name);
  return names.toSorted((a, b) => Number(b === OURS) - Number(a === OURS));
}

/** Geometric means by group that has rows, and of the CPU time of whole jobs at the end. */
export function summarize(report: BenchReport): GroupSummary[] {
  const others = presentPeers(report).filter((name) => name !== OURS);
  const groups = REPORT_GROUPS.flatMap(({ name, title, goals }) => {
    const rows = report.rows.filter(({ group }) => group === name);
    if (rows.length === 0) return [];
    return [summary(title, others, (peer) => ({ values: rows.map((row) => ratioOf(row, peer)), goal: goals[peer] }))];
  });
  const cpu = summary('CPU of all threads together', others, (peer) => ({
    values: report.costs.map(({ cpuSeconds }) => quotient(cpuSeconds[OURS], cpuSeconds[peer])),
    goal: CPU_GOALS[peer],
  }));
  return [...groups, cpu];
}

function summary(
  title: string,
  peers: readonly string[],
  of: (peer: string) => { values: readonly (number | null)[]; goal: number | undefined },
): GroupSummary {
  const ratios = Object.fromEntries(
    peers.map((peer): [string, GroupRatio] => {
      const { values, goal } = of(peer);
      const known = values.filter((value) => value !== null);
      return [peer, { ratio: geometricMean(known), count: known.length, goal: goal ?? null }];
    }),
  );
  return { title, ratios };
}

function quotient(a: number | undefined, b: number | undefined): number | null {
  // Process times come in steps of 10 ms: a quotient of less than a few of them says nothing.
  return a === undefined || b === undefined || b < 0.05 ? null : a / b;
}

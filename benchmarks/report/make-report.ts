import type { Collection } from '../measure/collect.ts';
import type { PlannedJob } from '../measure/plan.ts';
import { median, spread } from '../measure/stats.ts';
import type { BenchReport, Cell, HostFacts, PeerFacts, ReportRow } from './report.ts';

/** What a report is made of: facts, and the measurements of all jobs. */
export interface ReportRequest {
  readonly date: string;
  readonly rounds: number;
  readonly host: HostFacts;
  readonly peers: readonly PeerFacts[];
  readonly jobs: readonly PlannedJob[];
  readonly collection: Collection;
}

/** Puts the measurements into rows. */
export function makeReport({ jobs, collection, ...facts }: ReportRequest): BenchReport {
  const names = facts.peers.filter(({ missing }) => missing === null).map(({ name }) => name);
  const rows = jobs.flatMap(({ cases }) =>
    cases.map(
      ({ id, group }): ReportRow => ({
        id,
        group,
        cells: Object.fromEntries(names.map((name) => [name, cellOf(collection, id, name)])),
      }),
    ),
  );
  const costs = jobs.map(({ id }): BenchReport['costs'][number] => ({
    id,
    cpuSeconds: medians(names, (name) => collection.costOf(id, name).cpuSeconds),
    maxRssBytes: medians(names, (name) => collection.costOf(id, name).maxRssBytes),
  }));
  return { ...facts, rows, costs };
}

function cellOf(collection: Collection, id: string, peer: string): Cell {
  const { samplesMs, failure, isRefused } = collection.of(id, peer);
  if (failure !== null) return { kind: isRefused ? 'refused' : 'failed', reason: failure };
  if (samplesMs.length === 0) return { kind: 'failed', reason: 'was not run' };
  return { kind: 'time', medianMs: median(samplesMs), spread: spread(samplesMs), samplesMs: [...samplesMs] };
}

function medians(names: readonly string[], samplesOf: (name: string) => readonly number[]): Record<string, number> {
  const pairs = names.map((name) => [name, median(samplesOf(name))] as const);
  return Object.fromEntries(pairs.filter(([, value]) => !Number.isNaN(value)));
}

/** The host, as far as it explains the figures. */
export interface HostFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** Runnable processes in the minute before the run: above 0, others were using the host too. */
  readonly load: number;
}

/** A peer that was looked for. */
export interface PeerFacts {
  readonly name: string;
  /** `null` for a peer that cannot run here. */
  readonly version: string | null;
  /** Why it cannot run here, or `null`. */
  readonly missing: string | null;
}

/** A case on a peer: a time, or why there is none. */
export type Cell =
  | { readonly kind: 'time'; readonly medianMs: number; readonly spread: number; readonly samplesMs: readonly number[] }
  | { readonly kind: 'failed' | 'refused'; readonly reason: string };

/** A row of the report. */
export interface ReportRow {
  readonly id: string;
  readonly group: string;
  readonly cells: Readonly<Record<string, Cell>>;
}

/** What a job cost on each peer, as medians. */
interface CostRow {
  readonly id: string;
  readonly cpuSeconds: Readonly<Record<string, number>>;
  readonly maxRssBytes: Readonly<Record<string, number>>;
}

/** All that a benchmark run found out; this is what is written as JSON. */
export interface BenchReport {
  readonly date: string;
  readonly rounds: number;
  readonly host: HostFacts;
  readonly peers: readonly PeerFacts[];
  readonly rows: readonly ReportRow[];
  readonly costs: readonly CostRow[];
}

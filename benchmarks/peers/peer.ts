import type { Job } from './job.ts';

/** A line of the guest's console and when it reached the host, counted from the start of the process. */
export interface TimedLine {
  readonly text: string;
  readonly atMs: number;
}

/** What came out of one run. */
export interface RunRecord {
  readonly lines: readonly TimedLine[];
  /** User and system time of all threads and child processes, or `null` where the host cannot tell. */
  readonly cpuSeconds: number | null;
  /** Peak resident memory, or `null` where the host cannot tell. */
  readonly maxRssBytes: number | null;
  /** Why the run ended before its time, or `null`. */
  readonly failure: string | null;
}

/** Something that runs the guests: an emulator, the hypervisor itself, or the bare host. */
export interface Peer {
  readonly name: string;
  /** `null` when the peer can run here, otherwise the reason why it cannot. */
  available(): Promise<string | null>;
  /** Which version it is; asked only of available peers. */
  version(): Promise<string>;
  /** Why the peer cannot do this job by its nature (no 64-bit mode, say), or `null`. */
  refuses(job: Job): string | null;
  /** Runs the job; a job that fails is a record with a `failure`, not an exception. */
  run(job: Job): Promise<RunRecord>;
}

import type { Job } from '../peers/job.ts';
import type { Peer, RunRecord } from '../peers/peer.ts';
import { type CaseTime, parseCases, timeOfLine } from './parse-cases.ts';
import type { PlannedCase, PlannedJob } from './plan.ts';
import { BOOT_CASE } from './plan-linux.ts';

/** All that was measured of one case on one peer. */
export interface Measurement {
  readonly samplesMs: number[];
  /** Why there is no time, if there is none: the first failure. */
  failure: string | null;
  /** True when the peer cannot run this by its nature: not a failure. */
  isRefused: boolean;
}

/** What whole runs of a job cost on one peer; only runs without failure count. */
export interface JobCost {
  readonly cpuSeconds: number[];
  readonly maxRssBytes: number[];
}

/** Measurements by case and peer, costs by job and peer. */
export class Collection {
  readonly #measurements = new Map<string, Measurement>();
  readonly #costs = new Map<string, JobCost>();

  /** The measurement of a case on a peer, empty at first. */
  of(caseId: string, peer: string): Measurement {
    return entry(this.#measurements, `${caseId} ${peer}`, () => ({ samplesMs: [], failure: null, isRefused: false }));
  }

  /** The cost of a job on a peer, empty at first. */
  costOf(jobId: string, peer: string): JobCost {
    return entry(this.#costs, `${jobId} ${peer}`, () => ({ cpuSeconds: [], maxRssBytes: [] }));
  }

  /**
   * Runs a job once on a peer. After a failure the cases behind the failed one are run again without
   * it; what failed once is not tried in later rounds.
   */
  async run(planned: PlannedJob, peer: Peer): Promise<void> {
    let left = planned.cases.filter((one) => this.#isWanted(one, planned, peer));
    while (left.length > 0) {
      const job = planned.job(left);
      const record = await peer.run(job);
      const done = this.#note(left, timesOf(job, record), peer.name);
      if (record.failure === null) {
        if (left.length === planned.cases.length) this.#noteCost(planned.id, record, peer.name);
        this.#failAll(
          left.filter((one) => !done.has(one)),
          'printed no result',
          peer.name,
        );
        return;
      }
      const rest = left.filter((one) => !done.has(one));
      const culprit = rest.find(({ name }) => name === parseCases(record.lines).unfinished);
      // Without a culprit the machine itself does not come up: trying again would only take time.
      this.#failAll(culprit ? [culprit] : rest, record.failure, peer.name);
      left = culprit ? rest.filter((one) => one !== culprit) : [];
    }
  }

  #isWanted(one: PlannedCase, planned: PlannedJob, peer: Peer): boolean {
    const measurement = this.of(one.id, peer.name);
    const refusal = peer.refuses(planned.job([one]));
    if (refusal !== null) {
      measurement.failure = refusal;
      measurement.isRefused = true;
    }
    return measurement.failure === null;
  }

  /** Takes the times of the cases that finished and returns those cases. */
  #note(cases: readonly PlannedCase[], times: readonly CaseTime[], peer: string): Set<PlannedCase> {
    const done = new Set<PlannedCase>();
    for (const one of cases) {
      const time = times.find(({ name }) => name === one.name);
      if (time === undefined) continue;
      done.add(one);
      const measurement = this.of(one.id, peer);
      if (one.checksum === null || one.checksum === time.checksum) measurement.samplesMs.push(time.ms);
      else measurement.failure = `wrong result ${time.checksum}, expected ${one.checksum}`;
    }
    return done;
  }

  #noteCost(jobId: string, record: RunRecord, peer: string): void {
    const cost = this.costOf(jobId, peer);
    if (record.cpuSeconds !== null) cost.cpuSeconds.push(record.cpuSeconds);
    if (record.maxRssBytes !== null) cost.maxRssBytes.push(record.maxRssBytes);
  }

  #failAll(cases: readonly PlannedCase[], reason: string, peer: string): void {
    for (const { id } of cases) this.of(id, peer).failure ??= reason;
  }
}

/** The finished cases of a run; of a Linux run, the boot is one of them. */
function timesOf(job: Job, record: RunRecord): readonly CaseTime[] {
  const { finished } = parseCases(record.lines);
  const bootMs = job.kind === 'linux' ? timeOfLine(record.lines, job.readyLine) : null;
  return bootMs === null ? finished : [{ name: BOOT_CASE, ms: bootMs, checksum: '' }, ...finished];
}

function entry<V>(map: Map<string, V>, key: string, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

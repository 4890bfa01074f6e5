import { join } from 'node:path';
import { GUEST_GROUPS } from '../cases.ts';
import type { Architecture, Job } from '../peers/job.ts';

const IMAGES = join(import.meta.dirname, '../guests/images');

/** Architectures in the order of the report. */
export const ARCHITECTURES: readonly Architecture[] = ['i386', 'amd64'];

/** One case in a plan: a row of the report. */
export interface PlannedCase {
  /** `architecture/name`. */
  readonly id: string;
  readonly name: string;
  readonly group: string;
  /** What the END line must say, or `null` for the boot, which has none. */
  readonly checksum: string | null;
}

/** Cases that are measured in one run of a peer. */
export interface PlannedJob {
  readonly id: string;
  readonly architecture: Architecture;
  readonly cases: readonly PlannedCase[];
  /** The job for a peer to run, reduced to the cases given. */
  job(cases: readonly PlannedCase[]): Job;
}

/** What a plan is made for. */
export interface PlanRequest {
  readonly only: RegExp;
  readonly repetitions: number;
  readonly silenceMs: number;
}

/** Every guest job that has a chosen case, reduced to the chosen cases. */
export function planGuestJobs({ only, repetitions, silenceMs }: PlanRequest): PlannedJob[] {
  return ARCHITECTURES.flatMap((architecture) =>
    GUEST_GROUPS.map(
      (group): PlannedJob => ({
        id: `${architecture}/${group.name}`,
        architecture,
        cases: Object.entries(group.checksums)
          .map(([name, checksum]) => ({ id: `${architecture}/${name}`, name, group: group.name, checksum }))
          .filter(({ id }) => only.test(id)),
        job: (cases) => ({
          kind: 'guest',
          architecture,
          image: join(IMAGES, `bench-${architecture}.elf`),
          cases: cases.map(({ name }) => name),
          repetitions,
          silenceMs,
        }),
      }),
    ),
  ).filter(({ cases }) => cases.length > 0);
}

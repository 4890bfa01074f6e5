import type { SchedulerFactory } from '../../scheduler/define-scheduler.ts';
import type { SeededRandom } from './random.ts';

/** What a scheduler promises, in figures that the suite holds it to. */
export interface SchedulerPromises {
  /** Whose waiting vCPUs a pCPU that idles must take: those that belong to it, or any that may run on it. */
  readonly conserves: 'pcpu' | 'system';
  /** For how long a pCPU may idle all the same. */
  readonly idleGapNs: number;
  /** The longest that a vCPU which can run waits in the random scenarios. */
  readonly starvationNs: number;
  /** Time over which shares are as wanted. */
  readonly shareWindowNs: number;
  /** By how much a share may be off then, of the whole. */
  readonly shareError: number;
  /** Time after a change of parameters until shares count. */
  readonly settleNs: number;
  /** The longest that a domain with {@link SchedulerSubject.responsive} waits after it was woken. */
  readonly wakeLatencyNs: number;
}

/** A scheduler that is put to the suite. */
export interface SchedulerSubject {
  /** Makes it, with the options that it is to be tested with. */
  readonly create: SchedulerFactory;
  /** What it promises. */
  readonly promises: SchedulerPromises;
  /** Parameters of a domain that gets this many parts, 1 to 16, of what domains with other weights get. */
  weighted(weight: number): object;
  /** Parameters of a domain that is to be answered at once, and is not to be given much time. */
  readonly responsive: object;
  /** Changes that it must refuse for a new domain. */
  readonly refused: readonly object[];
  /** Any parameters that eight domains may have together, without asking for more than half of a pCPU. */
  randomParameters(random: SeededRandom): object;
  /** Whether a domain with these parameters takes part in time that would be idle; when left out, all do. */
  takesIdleTime?(parameters: object): boolean;
  /** Runs the tests of Xen's scheduler of this name as well, whose parameters it must have. */
  readonly algorithm?: 'sedf' | 'bvt' | 'credit';
  /** Decisions to be made in random scenarios, 20,000 when left out. */
  readonly randomDecisions?: number;
  /** Periods in which sEDF's guarantee is checked, 20,000 when left out. */
  readonly randomPeriods?: number;
}

/** One property of the suite. */
export interface ConformanceCase {
  /** Its short name: `S4` and the like for those of the scheduler reference, a word for others. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly title: string;
  /**
   * Runs it, and returns what was measured.
   * @throws ConformanceFailure when the property does not hold
   */
  run(): string;
}

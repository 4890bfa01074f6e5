import { AsyncSeriesHook, SyncHook } from 'tapable';
import type { HypervisorStats } from '../observe/hypervisor-stats.ts';
import type { LogRecord } from '../observe/log-record.ts';
import type { TraceRecord } from '../observe/trace-record.ts';
import type { SchedulerFactory } from '../scheduler/define-scheduler.ts';

/** How a run of the hypervisor ended. */
export interface Shutdown {
  /** `power-off` by the guest, `stopped` from outside, `crashed` or `failed`. */
  readonly reason: 'power-off' | 'stopped' | 'crashed' | 'failed' | 'exit';
  /** The exit code of the process. */
  readonly exitCode: number;
}

/** Where plugins offer schedulers. */
export interface SchedulerOffers {
  /**
   * Offers a scheduler by the name with which an operator chooses it.
   * @throws HypervisorError `HV_ERR_SCHEDULER_TAKEN` when another plugin has offered one of that name
   */
  offer(name: string, create: SchedulerFactory): void;
}

/** The hooks whose life is the hypervisor's. */
export interface HypervisorHooks {
  /**
   * Which schedulers there are is asked for: those of plugins that do more than offer one; for the others there is `defineScheduler`.
   *
   * @kind provider
   * @thread main
   * @fires once, before the first pCPU takes orders
   * @previous none
   * @next {@link HypervisorHooks.booted}
   */
  readonly scheduler: SyncHook<[SchedulerOffers]>;
  /**
   * The first vCPU is about to run.
   *
   * @kind event
   * @thread main
   * @fires once, when the pCPU has built the guest's machine
   * @previous {@link PcpuHooks.platformCreated}
   * @next {@link HypervisorHooks.shutdown}
   */
  readonly booted: AsyncSeriesHook<[]>;
  /**
   * The last vCPU has stopped and its output is written.
   *
   * @kind event
   * @thread main
   * @fires once, also after a failure, before the process ends
   * @previous {@link HypervisorHooks.booted}
   * @next none
   */
  readonly shutdown: AsyncSeriesHook<[Shutdown]>;
  /**
   * Something happened that a trace shows: a vCPU was ordered to run, left guest code, blocked, was woken; a domain sent an
   * event, began or ended. Nothing is recorded while nobody taps this.
   *
   * @kind event
   * @thread main
   * @fires for each record; those of a pCPU's thread come in batches, late by up to some milliseconds
   * @previous {@link HypervisorHooks.booted}
   * @next {@link HypervisorHooks.shutdown}
   */
  readonly traced: SyncHook<[TraceRecord]>;
  /**
   * There is a message for the operator: of a backend, about a domain, a plugin or a pCPU.
   *
   * @kind event
   * @thread main
   * @fires for each message
   * @previous {@link HypervisorHooks.booted}
   * @next {@link HypervisorHooks.shutdown}
   */
  readonly logged: SyncHook<[LogRecord]>;
  /**
   * What the hypervisor has counted, for metrics. Nothing is collected while nobody taps this.
   *
   * @kind event
   * @thread main
   * @fires at first, every second, and before the shutdown
   * @previous {@link HypervisorHooks.booted}
   * @next {@link HypervisorHooks.shutdown}
   */
  readonly statsCollected: SyncHook<[HypervisorStats]>;
}

/** Makes the hooks of one hypervisor. */
export function createHypervisorHooks(): HypervisorHooks {
  return Object.freeze({
    scheduler: new SyncHook<[SchedulerOffers]>(['offers'], 'scheduler'),
    booted: new AsyncSeriesHook<[]>([], 'booted'),
    shutdown: new AsyncSeriesHook<[Shutdown]>(['shutdown'], 'shutdown'),
    traced: new SyncHook<[TraceRecord]>(['record'], 'traced'),
    logged: new SyncHook<[LogRecord]>(['record'], 'logged'),
    statsCollected: new SyncHook<[HypervisorStats]>(['stats'], 'statsCollected'),
  });
}

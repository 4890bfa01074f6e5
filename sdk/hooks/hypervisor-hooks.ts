import { AsyncSeriesHook } from 'tapable';

/** How a run of the hypervisor ended. */
export interface Shutdown {
  /** `power-off` by the guest, `stopped` from outside, `crashed` or `failed`. */
  readonly reason: 'power-off' | 'stopped' | 'crashed' | 'failed' | 'exit';
  /** The exit code of the process. */
  readonly exitCode: number;
}

/** The hooks whose life is the hypervisor's. */
export interface HypervisorHooks {
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
}

/** Makes the hooks of one hypervisor. */
export function createHypervisorHooks(): HypervisorHooks {
  return Object.freeze({ booted: new AsyncSeriesHook<[]>([], 'booted'), shutdown: new AsyncSeriesHook<[Shutdown]>(['shutdown'], 'shutdown') });
}

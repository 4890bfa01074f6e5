import type { BackendStats } from '../backend/backend.ts';
import type { AnyParameters, SchedulerVcpu } from '../scheduler/scheduler.ts';

/** What is known of a pCPU. */
export interface PcpuStats {
  /** Its number. */
  readonly pcpu: number;
  /** The vCPU that it was ordered to run, or undefined when it idles. */
  readonly current: SchedulerVcpu | undefined;
  /** Orders that it was given. */
  readonly orders: number;
  /** Steps of its loop: as long as they grow, its thread is alive. */
  readonly heartbeat: number;
}

/** What is known of a domain. */
export interface DomainStats {
  /** Its number. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
  /** Its state as `xm list` shows it. */
  readonly state: string;
  /** Its memory, in bytes. */
  readonly memoryBytes: number;
  /** CPU time of all its vCPUs, over all its lives. */
  readonly cpuTimeNs: number;
  /** CPU time of each of its vCPUs, of this life. */
  readonly vcpuTimesNs: readonly number[];
  /** The scheduler's parameters for it. */
  readonly scheduling: AnyParameters;
  /** What its devices have counted, by name: `vbd-51712`. */
  readonly devices: Readonly<Record<string, BackendStats>>;
}

/** What a hypervisor has counted until a moment. */
export interface HypervisorStats {
  /** The moment, in nanoseconds of the host's clock that schedulers see too. */
  readonly atNs: number;
  /** How long the hypervisor has run. */
  readonly uptimeNs: number;
  /** The scheduler that is in charge. */
  readonly scheduler: string;
  /** Domains created so far. */
  readonly domainsCreated: number;
  /** Each pCPU. */
  readonly pcpus: readonly PcpuStats[];
  /** Each domain that there is. */
  readonly domains: readonly DomainStats[];
}

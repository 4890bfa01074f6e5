import type { Affinity } from './affinity.ts';
import type { SchedulerDump } from './dump.ts';
import type { ParameterRefusal, ParameterSchema, ParameterValue } from './parameters.ts';

/**
 * A vCPU as schedulers know it: an identity, and nothing of what it computes.
 * The same object stands for the same vCPU in every call, so that it can be the key of a map.
 */
export interface SchedulerVcpu {
  /** Number of its domain. */
  readonly domid: number;
  /** Its number in the domain, from 0. */
  readonly vcpuId: number;
}

/** What a pCPU is to do next. */
export interface SchedulerDecision {
  /** The vCPU to run, or null to idle. */
  readonly vcpu: SchedulerVcpu | null;
  /** For how long at most: a positive integer. The host calls `doSchedule` again when it is over. */
  readonly sliceNs: number;
  /** The vCPU ran on another pCPU before. */
  readonly migrated: boolean;
}

/** A one-shot timer of a scheduler. It lives as long as the scheduler, and may be armed again at any time. */
export interface SchedulerTimer {
  /** Arms (or re-arms) the timer for the moment `atNs`; a moment that has passed means at once. */
  arm(atNs: number): void;
  /** Disarms the timer; harmless when it is not armed. */
  cancel(): void;
}

/** What a scheduler gets from whoever hosts it: the only way to learn of time and to ask for a decision. */
export interface SchedulerHost {
  /** Number of pCPUs. They are called 0 to `pcpus - 1`, and all are online when the scheduler is made. */
  readonly pcpus: number;
  /**
   * Asks that `doSchedule(pcpu)` be called: as soon as may be, or when the moment `atNs` has come and nothing led to
   * it before. Returns before that call is made, so that it may be used anywhere in a scheduler.
   */
  raise(pcpu: number, atNs?: number): void;
  /** Makes a disarmed timer that calls `fire` when its moment has come. */
  createTimer(fire: (nowNs: number) => void): SchedulerTimer;
}

/** The type that stands for parameters when nothing is known of the scheduler. */
export type AnyParameters = Readonly<Record<string, ParameterValue>>;

/**
 * A policy for who runs where and for how long: Xen's `struct scheduler`.
 *
 * Times are integers of nanoseconds on one clock of the host that never goes back; a `number` holds 104 days of them
 * exactly. A scheduler reads no other clock and no random source: the same calls give the same decisions.
 *
 * The host keeps these rules:
 * - A vCPU begins asleep. `wake` and `sleep` may come at any time, also twice, and also for a vCPU that is running.
 * - A vCPU that runs goes on until `doSchedule` is called for its pCPU, which means that it has stopped there.
 * - After `sleep` or `yield` of a running vCPU the host calls `doSchedule` for its pCPU by itself, as it does when a slice
 *   is over and when a pCPU begins; all else is asked for by `raise`.
 * - A vCPU is destroyed when it sleeps and runs nowhere, a domain when its vCPUs are destroyed.
 * - Methods are never called from within `raise` or from within each other.
 *
 * There is no export of state: when schedulers are changed at run time, the new one is told of all domains and vCPUs
 * as if they were new, and those that can run are woken.
 *
 * @typeParam P - parameters of a domain
 * @typeParam G - parameters of the scheduler as a whole
 */
export interface Scheduler<P extends object = AnyParameters, G extends object = AnyParameters> {
  /** The name by which an operator chooses it: `sedf`. */
  readonly name: string;
  /** What may be set for a domain. */
  readonly domainSchema: ParameterSchema<P>;
  /** What may be set for the scheduler as a whole. */
  readonly globalSchema: ParameterSchema<G>;

  /** Takes note of a domain, with the parameters that a new one has. */
  initDomain(domid: number): void;
  /** Forgets a domain, which has no vCPU left. */
  destroyDomain(domid: number): void;
  /** Takes note of a vCPU, which sleeps, and gives it to a pCPU that its affinity allows. */
  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void;
  /** Forgets a vCPU, which sleeps and runs nowhere. */
  destroyVcpu(vcpu: SchedulerVcpu, nowNs: number): void;

  /** The vCPU can run from now on. */
  wake(vcpu: SchedulerVcpu, nowNs: number): void;
  /** The vCPU blocked or was paused. */
  sleep(vcpu: SchedulerVcpu, nowNs: number): void;
  /** The vCPU, which is running, would let others go first. */
  yield(vcpu: SchedulerVcpu, nowNs: number): void;
  /** Charges the pCPU's last vCPU for the time since the last call, and chooses what comes next. */
  doSchedule(pcpu: number, nowNs: number): SchedulerDecision;

  /** The pCPU on which a new vCPU with the affinity of this one would be put now. */
  pickPcpu(vcpu: SchedulerVcpu): number;
  /** The pCPU that the vCPU runs on, waits for, or would wait for when it wakes. */
  pcpuOf(vcpu: SchedulerVcpu): number;
  /** Changes the pCPUs that a vCPU may run on. When none of them is online, it may run on any. */
  setAffinity(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void;
  /** A pCPU goes or comes. One that goes loses its vCPUs to others; at least one is left. */
  setPcpuOnline(pcpu: number, online: boolean, nowNs: number): void;

  /** The parameters of a domain, or undefined when there is no such domain. */
  domainParameters(domid: number): P | undefined;
  /** Changes some parameters of a domain, or refuses and changes nothing. */
  adjustDomain(domid: number, changes: Partial<P>, nowNs: number): ParameterRefusal | undefined;
  /** The parameters of the scheduler. */
  globalParameters(): G;
  /** Changes some parameters of the scheduler, or refuses and changes nothing. */
  adjustGlobal(changes: Partial<G>, nowNs: number): ParameterRefusal | undefined;

  /** Its state, for people. Changes nothing. */
  dump(): SchedulerDump;
}

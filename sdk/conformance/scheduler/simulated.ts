import type { Affinity } from '../../scheduler/affinity.ts';
import type { SchedulerDecision, SchedulerVcpu } from '../../scheduler/scheduler.ts';

/** What a simulated vCPU does next, once it has been given the CPU time for it. */
export interface SimulatedBurst {
  /** CPU time that it needs. */
  readonly runNs: number;
  /** What it does then. */
  readonly then: SimulatedBlock | SimulatedAlarm | 'yield';
}

/** Blocks for a time. */
export interface SimulatedBlock {
  /** How long. */
  readonly blockNs: number;
}

/** Blocks until a timer fires that does so again and again. */
export interface SimulatedAlarm {
  /** It fires at each multiple of this. */
  readonly untilMultipleOfNs: number;
}

/** What a simulated vCPU does: a burst after the other, or `hog` to compute for ever. */
export type SimulatedWorkload = 'hog' | ((nowNs: number) => SimulatedBurst);

/** A vCPU of the {@link SchedulerSimulator}. */
export interface SimulatedVcpu extends SchedulerVcpu {
  /** The pCPUs that it may run on. */
  affinity: Affinity;
  /** It can run: neither blocked nor paused. */
  runnable: boolean;
  /** The pCPU that runs it. */
  runningOn: number | null;
  /** CPU time that it had. */
  cpuNs: number;
  /** Since when it could run and did not. */
  waitingSinceNs: number;
}

/** A rule of the contract was broken. */
export class ConformanceFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConformanceFailure';
  }
}

/** What the simulator tells of. */
export interface SimulatorObserver {
  /** A pCPU has been given a vCPU or nothing. */
  decided?(pcpu: number, decision: SchedulerDecision, nowNs: number): void;
  /** A vCPU was taken off a pCPU. */
  stopped?(vcpu: SimulatedVcpu, pcpu: number, span: { readonly fromNs: number; readonly toNs: number }): void;
  /** A vCPU has become able to run. */
  woken?(vcpu: SimulatedVcpu, nowNs: number): void;
  /** Everything that belongs to a moment has happened. */
  settled?(nowNs: number): void;
}

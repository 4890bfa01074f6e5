import { type Affinity, type SchedulerTimer, type SchedulerVcpu, vcpuName } from '#sdk';
import { type BvtParameters, MCU_NS } from './parameters.ts';

/** When the least virtual time of a pCPU gets here, it is set back: Xen keeps 32 bits of it. */
const WRAP_AT = 0xf000_0000;
/** By how much it is set back. */
const WRAP_BY = 0xe000_0000;

/** What the scheduler keeps of a vCPU. */
export interface BvtVcpu {
  readonly vcpu: SchedulerVcpu;
  affinity: Affinity;
  pcpu: number;
  lastPcpu: number;
  awake: boolean;
  running: boolean;
  hasRunBefore: boolean;
  parameters: BvtParameters;
  /** Actual virtual time. */
  avt: number;
  /** It may warp at present: neither switched off nor over the limit. */
  warping: boolean;
  /** The limit of its warp is being timed. */
  isLimited: boolean;
  startedNs: number;
  ranNs: number;
  readonly warpTimer: SchedulerTimer;
  readonly unwarpTimer: SchedulerTimer;
}

/** Effective virtual time: who has the least of it runs. */
export const effectiveTime = ({ avt, warping, parameters }: BvtVcpu): number => avt - (warping ? parameters.warpValue : 0);

/** Virtual time that a vCPU has used since it was started, in whole charging units. */
export const advanceSince = ({ startedNs, parameters }: BvtVcpu, nowNs: number): number =>
  Math.ceil(Math.max(0, nowNs - startedNs) / MCU_NS) * parameters.mcuAdvance;

/** Those of one pCPU that can run, with the one that does. */
export class BvtPcpu {
  /** All that can run, also the one that does; who waited longest is first among equals. */
  readonly queue: BvtVcpu[] = [];
  /** What runs, or null. */
  current: BvtVcpu | null = null;
  /** The least virtual time of those that can run, or that of the last that could. */
  svt = 0;

  /** Takes a vCPU out, if it is in. */
  remove(state: BvtVcpu): void {
    const at = this.queue.indexOf(state);
    if (at >= 0) this.queue.splice(at, 1);
  }

  /** Brings the least virtual time up to now, with what the running vCPU has used. */
  updateSvt(nowNs: number): void {
    if (this.queue.length === 0) return;
    let least = Number.POSITIVE_INFINITY;
    for (const state of this.queue) {
      const avt = state.running ? state.avt + advanceSince(state, nowNs) : state.avt;
      if (avt < least) least = avt;
    }
    this.svt = least;
  }

  /** Sets virtual times back before they would not fit into Xen's 32 bits. `all` are the vCPUs of this pCPU. */
  setBackIfNeeded(all: Iterable<BvtVcpu>): void {
    if (this.svt < WRAP_AT) return;
    this.svt -= WRAP_BY;
    for (const state of all) state.avt = Math.max(0, state.avt - WRAP_BY);
  }

  /** The two with the least effective virtual time. */
  firstTwo(): readonly [BvtVcpu | undefined, BvtVcpu | undefined] {
    let first: BvtVcpu | undefined;
    let second: BvtVcpu | undefined;
    for (const state of this.queue) {
      if (first === undefined || effectiveTime(state) < effectiveTime(first)) {
        second = first;
        first = state;
      } else if (second === undefined || effectiveTime(state) < effectiveTime(second)) second = state;
    }
    return [first, second];
  }

  /** The queue as a dump writes it. */
  names(): string[] {
    return this.queue.map(({ vcpu }) => vcpuName(vcpu));
  }
}

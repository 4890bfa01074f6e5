import { type Affinity, type SchedulerVcpu, vcpuName } from '#sdk';

/** As what a vCPU runs: by its deadline, in its penalty queue (L0), or in the utilisation queue (L1). */
export type SedfRunKind = 'edf' | 'penalty' | 'utilisation';

/** What the scheduler keeps of a vCPU. */
export interface SedfVcpu {
  readonly vcpu: SchedulerVcpu;
  readonly domid: number;
  affinity: Affinity;
  pcpu: number;
  lastPcpu: number;
  awake: boolean;
  periodNs: number;
  sliceNs: number;
  extratime: boolean;
  extraweight: number;
  weight: number;
  /** End of the period that it is in; its next begins there. */
  deadlineNs: number;
  /** What it has had of its slice. */
  cputimeNs: number;
  /** As what it runs now, or null. */
  running: SedfRunKind | null;
  startedNs: number;
  ranNs: number;
  /** Lost in a short block, and owed to it as extra time. */
  lostNs: number;
  /** It is owed time: it belongs into the penalty queue. */
  wantsPenalty: boolean;
  penaltyScore: number;
  utilisationScore: number;
  hasRunBefore: boolean;
  misses: number;
}

/** The moment at which a vCPU's period begins, or began. */
export const periodBegin = (vcpu: SedfVcpu): number => vcpu.deadlineNs - vcpu.periodNs;

/** Points that a turn in the utilisation queue costs: 1024 for a whole pCPU's worth of guarantee or weight 128. */
export const utilisationCost = ({ sliceNs, periodNs, extraweight }: SedfVcpu): number =>
  sliceNs > 0 ? Math.floor((periodNs * 1024) / sliceNs) : Math.floor(131_072 / Math.max(extraweight, 1));

/** vCPUs in the order of a key, low first; among equals in the order in which they came. */
export class SortedQueue {
  readonly #key: (vcpu: SedfVcpu) => number;
  readonly #entries: SedfVcpu[] = [];

  constructor(key: (vcpu: SedfVcpu) => number) {
    this.#key = key;
  }

  /** The queue in order. */
  get entries(): readonly SedfVcpu[] {
    return this.#entries;
  }

  /** The first, if there is any. */
  get head(): SedfVcpu | undefined {
    return this.#entries[0];
  }

  /** Puts a vCPU in its place. It must not be in the queue. */
  insert(vcpu: SedfVcpu): void {
    const key = this.#key(vcpu);
    let at = this.#entries.length;
    while (at > 0 && this.#key(this.#entries[at - 1] as SedfVcpu) > key) at--;
    this.#entries.splice(at, 0, vcpu);
  }

  /** Puts a vCPU ahead of those with the same key. */
  insertAhead(vcpu: SedfVcpu): void {
    const key = this.#key(vcpu);
    const at = this.#entries.findIndex((other) => this.#key(other) >= key);
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, vcpu);
  }

  /** Takes a vCPU out, if it is in. */
  remove(vcpu: SedfVcpu): void {
    const at = this.#entries.indexOf(vcpu);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  /** The queue as a dump writes it. */
  names(): string[] {
    return this.#entries.map(({ vcpu }) => vcpuName(vcpu));
  }
}

/** The queues of one pCPU. */
export class SedfPcpu {
  /** Has something left of its slice, by deadline. */
  readonly run = new SortedQueue((vcpu) => vcpu.deadlineNs);
  /** Has used its slice up, by the begin of its next period. */
  readonly wait = new SortedQueue(periodBegin);
  /** L0: is owed time that it lost. */
  readonly penalty = new SortedQueue((vcpu) => vcpu.penaltyScore);
  /** L1: would like more. */
  readonly utilisation = new SortedQueue((vcpu) => vcpu.utilisationScore);
  /** What runs, or null. */
  current: SedfVcpu | null = null;
  /** End of the slice that was given last. */
  expiresNs = 0;

  /** Takes a vCPU out of every queue. */
  remove(vcpu: SedfVcpu): void {
    this.run.remove(vcpu);
    this.wait.remove(vcpu);
    this.penalty.remove(vcpu);
    this.utilisation.remove(vcpu);
  }

  /** Puts a vCPU that has a guarantee among those that run or wait for their next period. */
  insertByDeadline(vcpu: SedfVcpu, nowNs: number): void {
    if (vcpu.sliceNs === 0) return;
    if (periodBegin(vcpu) > nowNs) this.wait.insert(vcpu);
    else this.run.insert(vcpu);
  }

  /** Puts a vCPU into the queues for extra time that it belongs to and is not in. */
  insertExtra(vcpu: SedfVcpu): void {
    if (!vcpu.extratime) return;
    this.penalty.remove(vcpu);
    this.utilisation.remove(vcpu);
    if (vcpu.wantsPenalty) this.penalty.insert(vcpu);
    this.utilisation.insert(vcpu);
  }
}

import { type Affinity, type SchedulerVcpu, vcpuName } from '#sdk';

/** Just woken with credit to spend. */
export const PRIORITY_BOOST = 0;
/** Has credit. */
export const PRIORITY_UNDER = -1;
/** Has spent more than it had. */
export const PRIORITY_OVER = -2;
/** Below all that can run. */
export const PRIORITY_IDLE = -64;

/** Names of the priorities, for dumps. */
export const PRIORITY_NAMES: Readonly<Record<number, string>> = { [PRIORITY_BOOST]: 'BOOST', [PRIORITY_UNDER]: 'UNDER', [PRIORITY_OVER]: 'OVER' };

/** What the scheduler keeps of a vCPU. Credit is counted in nanoseconds of CPU time: Xen's unit is 100 us of it. */
export interface CreditVcpu {
  readonly vcpu: SchedulerVcpu;
  readonly domain: CreditDomain;
  affinity: Affinity;
  pcpu: number;
  lastPcpu: number;
  awake: boolean;
  running: boolean;
  hasRunBefore: boolean;
  priority: number;
  creditNs: number;
  /** It was seen running at a tick, and so takes part in accounting. */
  active: boolean;
  /** Its domain is over its cap. */
  parked: boolean;
  yielded: boolean;
  /** Last time it was charged. */
  chargedNs: number;
  /** Since when it runs without a break. */
  startedNs: number;
  ranNs: number;
}

/** What the scheduler keeps of a domain. */
export interface CreditDomain {
  readonly domid: number;
  weight: number;
  cap: number;
  readonly vcpus: Set<CreditVcpu>;
}

/** The queue of a pCPU: by priority, and by arrival within one. What runs is not in it. */
export class RunQueue {
  #entries: CreditVcpu[] = [];
  /** What runs, or null. */
  current: CreditVcpu | null = null;

  /** The queue in order. */
  get entries(): readonly CreditVcpu[] {
    return this.#entries;
  }

  /** The first, if there is any. */
  get head(): CreditVcpu | undefined {
    return this.#entries[0];
  }

  /** Priority of what runs. */
  get currentPriority(): number {
    return this.current?.priority ?? PRIORITY_IDLE;
  }

  /** Puts a vCPU behind all of its priority; one that yielded behind the next lower ones as well. */
  insert(state: CreditVcpu): void {
    const priority = state.yielded ? PRIORITY_OVER : state.priority;
    let at = this.#entries.length;
    while (at > 0 && (this.#entries[at - 1] as CreditVcpu).priority < priority) at--;
    this.#entries.splice(at, 0, state);
  }

  /** Takes a vCPU out, if it is in. */
  remove(state: CreditVcpu): void {
    const at = this.#entries.indexOf(state);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  /** Restores the order after priorities have changed. */
  sort(): void {
    this.#entries = [...this.#entries].sort((a, b) => b.priority - a.priority);
  }

  /** The queue as a dump writes it. */
  names(): string[] {
    return this.#entries.map(({ vcpu }) => vcpuName(vcpu));
  }
}

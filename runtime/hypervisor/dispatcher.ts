import { type Affinity, allowsPcpu, type AnyParameters, type SchedulerFactory, type SchedulerHost, type SchedulerTimer, type SchedulerVcpu } from '#sdk';
import { hostNow } from '../machine/clock.ts';
import { SchedulerSlot, type SchedulerSlotOptions } from '../scheduler/index.ts';

/** A pCPU as far as decisions go. */
export interface OrderTaker {
  /** Gives an order and returns its number; domid -1 = idle. */
  order(domid: number, vcpu: number, untilNs: number): number;
  /** Has it ask for the next order earlier. */
  hasten(untilNs: number): void;
}

interface PcpuState {
  /** Number of the order in force. */
  order: number;
  untilNs: number;
  isOnline: boolean;
  /** Orders given to it so far. */
  orders: number;
}

interface VcpuState {
  blocked: boolean;
  paused: boolean;
  awake: boolean;
  /** The last order to run it: on which pCPU, and its number. */
  pcpu: number;
  order: number;
}

const NOBODY = -1;
const MOST_TIMER_MS = 2 ** 31 - 1;

/**
 * Brings together the scheduler and the pCPUs: asks the one and orders the others. A pCPU goes on with its order until
 * it gets the next, so that the time that this takes here is nobody's loss.
 */
export class Dispatcher {
  readonly slot: SchedulerSlot;
  readonly #takers: readonly OrderTaker[];
  readonly #pcpus: readonly PcpuState[];
  readonly #vcpus = new Map<SchedulerVcpu, VcpuState>();
  readonly #raised = new Set<number>();
  /** Orders given so far. */
  orders = 0;

  constructor(takers: readonly OrderTaker[], create: SchedulerFactory, options: SchedulerSlotOptions) {
    this.#takers = takers;
    this.#pcpus = takers.map(() => ({ order: 0, untilNs: Number.POSITIVE_INFINITY, isOnline: true, orders: 0 }));
    const host: SchedulerHost = {
      pcpus: takers.length,
      raise: (pcpu, atNs) => this.#raise(pcpu, atNs),
      createTimer,
    };
    this.slot = new SchedulerSlot(host, create, options);
  }

  /** Lets pCPUs begin: until then they idle without asking. */
  start(): void {
    for (let pcpu = 0; pcpu < this.#pcpus.length; pcpu++) this.#raise(pcpu);
  }

  /** Takes note of a vCPU, which waits; returns the pCPU that it is put on. */
  add(vcpu: SchedulerVcpu, affinity: Affinity): number {
    this.slot.initVcpu(vcpu, affinity, hostNow());
    this.#vcpus.set(vcpu, { blocked: false, paused: true, awake: false, pcpu: NOBODY, order: 0 });
    return this.slot.pcpuOf(vcpu);
  }

  /** Changes where a vCPU may run, from now on. */
  setAffinity(vcpu: SchedulerVcpu, affinity: Affinity): void {
    if (!this.#vcpus.has(vcpu)) return;
    this.slot.setAffinity(vcpu, affinity, hostNow());
    const pcpu = this.placeOf(vcpu);
    if (pcpu !== undefined && !allowsPcpu(affinity, pcpu)) this.#decide(pcpu);
  }

  /** Forgets a vCPU; it stops where it runs. */
  remove(vcpu: SchedulerVcpu): void {
    if (!this.#vcpus.has(vcpu)) return;
    this.#change(vcpu, (state) => {
      state.paused = true;
    });
    this.#vcpus.delete(vcpu);
    this.slot.destroyVcpu(vcpu, hostNow());
  }

  /**
   * The vCPU that runs by an order waits for something. When another order has been given for it meanwhile that is not known: what it
   * waited for may have come, and nobody would say so again.
   */
  blocked(vcpu: SchedulerVcpu, pcpu: number, order: number): void {
    const state = this.#vcpus.get(vcpu);
    if (state === undefined || state.pcpu !== pcpu || state.order !== order) return;
    this.#change(vcpu, (state) => {
      state.blocked = true;
    });
  }

  /** The vCPU that runs by an order would let others go first. */
  yielded(vcpu: SchedulerVcpu): void {
    const pcpu = this.placeOf(vcpu);
    if (pcpu === undefined) return;
    this.slot.yield(vcpu, hostNow());
    this.#decide(pcpu);
  }

  /** What a vCPU waited for has come, or may have. */
  woken(vcpu: SchedulerVcpu): void {
    this.#change(vcpu, (state) => {
      state.blocked = false;
    });
  }

  /** Keeps a vCPU from running, or lets it run again. */
  setPaused(vcpu: SchedulerVcpu, paused: boolean): void {
    this.#change(vcpu, (state) => {
      state.paused = paused;
    });
  }

  /** Whether a vCPU waits for something, as far as is known here. */
  isBlocked(vcpu: SchedulerVcpu): boolean {
    return this.#vcpus.get(vcpu)?.blocked ?? true;
  }

  /** Whether a vCPU has been ordered to run. */
  isRunning(vcpu: SchedulerVcpu): boolean {
    return this.placeOf(vcpu) !== undefined;
  }

  /** The pCPU that has been ordered to run a vCPU. */
  placeOf(vcpu: SchedulerVcpu): number | undefined {
    const pcpu = this.#pcpus.findIndex((_, each) => this.slot.currentOf(each) === vcpu);
    return pcpu < 0 ? undefined : pcpu;
  }

  /** The time of an order is over. */
  expired(pcpu: number, order: number): void {
    if (this.#pcpus[pcpu]?.order === order) this.#decide(pcpu);
  }

  /** A pCPU is gone, or begins anew and has no order. The last one that is left is never given up. */
  setOnline(pcpu: number, online: boolean): void {
    const state = this.#pcpus[pcpu];
    if (state === undefined) return;
    if (state.isOnline !== online && (online || this.#pcpus.filter(({ isOnline }) => isOnline).length > 1)) {
      state.isOnline = online;
      this.slot.setPcpuOnline(pcpu, online, hostNow());
    }
    this.#raise(pcpu);
  }

  /** CPU time of a vCPU, up to now. */
  cpuTimeNs(vcpu: SchedulerVcpu): number {
    return this.#vcpus.has(vcpu) ? this.slot.cpuTimeNs(vcpu, hostNow()) : 0;
  }

  /** Orders given to a pCPU so far. */
  ordersOf(pcpu: number): number {
    return this.#pcpus[pcpu]?.orders ?? 0;
  }

  /** Puts another scheduler in charge; all pCPUs get an order by it before this returns. */
  swap(create: SchedulerFactory): void {
    this.slot.swap(create, hostNow());
    this.#flush();
  }

  /** Changes parameters of a domain; the reason when they are refused. */
  adjust(domid: number, changes: AnyParameters): ReturnType<SchedulerSlot['adjustDomain']> {
    return this.slot.adjustDomain(domid, changes, hostNow());
  }

  #change(vcpu: SchedulerVcpu, change: (state: VcpuState) => void): void {
    const state = this.#vcpus.get(vcpu);
    if (state === undefined) return;
    change(state);
    const awake = !state.blocked && !state.paused;
    if (awake === state.awake) return;
    state.awake = awake;
    const now = hostNow();
    if (awake) {
      this.slot.wake(vcpu, now);
      this.#flush();
      return;
    }
    this.slot.sleep(vcpu, now);
    const pcpu = this.placeOf(vcpu);
    if (pcpu !== undefined) this.#decide(pcpu);
  }

  #raise(pcpu: number, atNs?: number): void {
    const state = this.#pcpus[pcpu];
    if (state === undefined) return;
    if (atNs === undefined || atNs <= hostNow()) {
      // Not within the call of the scheduler that asks.
      if (this.#raised.size === 0) queueMicrotask(() => this.#flush());
      this.#raised.add(pcpu);
    } else if (atNs < state.untilNs) {
      state.untilNs = atNs;
      this.#takers[pcpu]?.hasten(atNs);
    }
  }

  #flush(): void {
    const raised = [...this.#raised];
    this.#raised.clear();
    for (const pcpu of raised) this.#decide(pcpu);
  }

  #decide(pcpu: number): void {
    const state = this.#pcpus[pcpu];
    const taker = this.#takers[pcpu];
    if (state === undefined || taker === undefined) return;
    this.#raised.delete(pcpu);
    const now = hostNow();
    const { vcpu, sliceNs } = this.slot.doSchedule(pcpu, now);
    this.orders++;
    state.orders++;
    state.untilNs = now + sliceNs;
    state.order = taker.order(vcpu?.domid ?? NOBODY, vcpu?.vcpuId ?? 0, state.untilNs);
    const ordered = vcpu === null ? undefined : this.#vcpus.get(vcpu);
    if (ordered !== undefined) Object.assign(ordered, { pcpu, order: state.order });
  }
}

/** A timer of Node's event loop, which keeps no process alive. */
function createTimer(fire: (nowNs: number) => void): SchedulerTimer {
  let timer: NodeJS.Timeout | undefined;
  const arm = (atNs: number): void => {
    clearTimeout(timer);
    const now = hostNow();
    const check = (): void => {
      const at = hostNow();
      if (at < atNs) arm(atNs);
      else fire(at);
    };
    timer = setTimeout(check, Math.min(MOST_TIMER_MS, Math.max(0, Math.ceil((atNs - now) / 1e6))));
    timer.unref();
  };
  return { arm, cancel: () => clearTimeout(timer) };
}

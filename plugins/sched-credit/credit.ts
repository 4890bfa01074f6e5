import {
  type Affinity,
  checkParameters,
  type ParameterRefusal,
  PcpuPlacement,
  parameterDefaults,
  refuseUnknownDomain,
  type Scheduler,
  type SchedulerDecision,
  type SchedulerDump,
  type SchedulerHost,
  type SchedulerTimer,
  type SchedulerVcpu,
} from '#sdk';
import { account } from './accounting.ts';
import { dumpCredit } from './dump.ts';
import { type CreditGlobals, type CreditParameters, creditDomainSchema, creditGlobalSchema, mergeGlobals, TICKS_PER_SLICE } from './parameters.ts';
import { type CreditDomain, type CreditVcpu, PRIORITY_BOOST, PRIORITY_IDLE, PRIORITY_OVER, PRIORITY_UNDER, RunQueue } from './run-queue.ts';

/** The next multiple of a step. */
const nextOnGrid = (nowNs: number, stepNs: number): number => (Math.floor(nowNs / stepNs) + 1) * stepNs;

/** Weights and caps over all pCPUs, as Xen's credit scheduler has them. */
export class CreditScheduler implements Scheduler<CreditParameters, CreditGlobals> {
  readonly name = 'credit';
  readonly domainSchema = creditDomainSchema;
  readonly globalSchema = creditGlobalSchema;
  readonly #host: SchedulerHost;
  readonly #placement: PcpuPlacement;
  readonly #queues: readonly RunQueue[];
  readonly #ticks: readonly SchedulerTimer[];
  readonly #ticking = new Set<number>();
  readonly #accounting: SchedulerTimer;
  readonly #domains = new Map<number, CreditDomain>();
  readonly #vcpus = new Map<SchedulerVcpu, CreditVcpu>();
  #globals: CreditGlobals;
  #isAccounting = false;
  #balanceNs = 0;

  constructor(host: SchedulerHost, globals: CreditGlobals) {
    this.#host = host;
    this.#globals = globals;
    this.#placement = new PcpuPlacement(host.pcpus);
    this.#queues = Array.from({ length: host.pcpus }, () => new RunQueue());
    this.#ticks = this.#queues.map((queue, pcpu) => host.createTimer((nowNs) => this.#tick(queue, pcpu, nowNs)));
    this.#accounting = host.createTimer((nowNs) => this.#account(nowNs));
  }

  initDomain(domid: number): void {
    this.#domains.set(domid, { domid, ...parameterDefaults(creditDomainSchema), vcpus: new Set() });
  }

  destroyDomain(domid: number): void {
    this.#domains.delete(domid);
  }

  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void {
    const domain = this.#domains.get(vcpu.domid);
    if (domain === undefined) throw new Error(`the scheduler does not know domain ${vcpu.domid}`);
    const pcpu = this.#placement.pick(affinity);
    const state: CreditVcpu = {
      ...{ vcpu, domain, affinity, pcpu, lastPcpu: pcpu, awake: false, running: false, hasRunBefore: false },
      ...{ priority: PRIORITY_UNDER, creditNs: 0, active: false, parked: false, yielded: false },
      ...{ chargedNs: nowNs, startedNs: nowNs, ranNs: 0 },
    };
    domain.vcpus.add(state);
    this.#vcpus.set(vcpu, state);
    this.#placement.count(pcpu, 1);
  }

  destroyVcpu(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    state.domain.vcpus.delete(state);
    this.#vcpus.delete(vcpu);
    this.#queueAt(state.pcpu).remove(state);
    this.#placement.count(state.pcpu, -1);
  }

  wake(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    if (state.awake) return;
    state.awake = true;
    if (state.running || state.parked) return;
    if (state.priority === PRIORITY_UNDER) state.priority = PRIORITY_BOOST;
    this.#enqueue(state);
  }

  sleep(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    state.awake = false;
    if (!state.running) this.#queueAt(state.pcpu).remove(state);
  }

  yield(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    state.yielded = state.running;
  }

  doSchedule(pcpu: number, nowNs: number): SchedulerDecision {
    const queue = this.#queueAt(pcpu);
    const previous = queue.current;
    queue.current = null;
    if (previous !== null) this.#charge(previous, nowNs);
    const goesOn = previous !== null && this.#goesOn(previous, nowNs);
    if (previous !== null && !goesOn) this.#deschedule(queue, previous);
    const next = goesOn ? previous : this.#take(queue, pcpu);
    if (previous !== null) previous.yielded = false;
    queue.current = next;
    if (next === null) {
      return { vcpu: null, sliceNs: this.#globals.sliceNs, migrated: false };
    }
    const migrated = this.#start(next, { pcpu, nowNs, again: next === previous });
    this.#wakeIdlers();
    const { sliceNs, ratelimitNs } = this.#globals;
    return { vcpu: next.vcpu, sliceNs: goesOn ? next.startedNs + ratelimitNs - nowNs : sliceNs, migrated };
  }

  pickPcpu(vcpu: SchedulerVcpu): number {
    return this.#placement.pick(this.#stateOf(vcpu).affinity);
  }

  pcpuOf(vcpu: SchedulerVcpu): number {
    return this.#stateOf(vcpu).pcpu;
  }

  setAffinity(vcpu: SchedulerVcpu, affinity: Affinity): void {
    const state = this.#stateOf(vcpu);
    state.affinity = affinity;
    this.#moveIfNeeded(state);
    this.#wakeIdlers();
  }

  setPcpuOnline(pcpu: number, online: boolean): void {
    this.#placement.setOnline(pcpu, online);
    for (const state of this.#vcpus.values()) this.#moveIfNeeded(state);
    this.#host.raise(pcpu);
  }

  domainParameters(domid: number): CreditParameters | undefined {
    const domain = this.#domains.get(domid);
    return domain && { weight: domain.weight, cap: domain.cap };
  }

  adjustDomain(domid: number, changes: Partial<CreditParameters>): ParameterRefusal | undefined {
    const domain = this.#domains.get(domid);
    if (domain === undefined) return refuseUnknownDomain(domid);
    const refusal = checkParameters(creditDomainSchema, changes);
    if (refusal !== undefined) return refusal;
    domain.weight = changes.weight ?? domain.weight;
    domain.cap = changes.cap ?? domain.cap;
    if (domain.cap === 0) for (const state of domain.vcpus) this.#unpark(state);
    return undefined;
  }

  globalParameters(): CreditGlobals {
    return this.#globals;
  }

  adjustGlobal(changes: Partial<CreditGlobals>): ParameterRefusal | undefined {
    const merged = mergeGlobals(this.#globals, changes);
    if ('errno' in merged) return merged;
    this.#globals = merged;
    for (let pcpu = 0; pcpu < this.#queues.length; pcpu++) this.#host.raise(pcpu);
    return undefined;
  }

  dump(): SchedulerDump {
    return dumpCredit(this.#queues, [...this.#vcpus.values()], (pcpu) => this.#placement.isOnline(pcpu));
  }

  #enqueue(state: CreditVcpu): void {
    const queue = this.#queueAt(state.pcpu);
    queue.insert(state);
    if (queue.current === null || state.priority > queue.currentPriority) this.#host.raise(state.pcpu);
    if (queue.current !== null) this.#wakeIdlers();
  }

  /** The rate limit: who just began may go on, whoever comes. */
  #goesOn(state: CreditVcpu, nowNs: number): boolean {
    const { ratelimitNs } = this.#globals;
    return state.awake && !state.parked && !state.yielded && nowNs - state.startedNs < ratelimitNs && this.#placement.isWell(state);
  }

  #charge(state: CreditVcpu, nowNs: number): void {
    const ranNs = Math.max(0, nowNs - state.chargedNs);
    state.chargedNs = nowNs;
    state.ranNs += ranNs;
    state.creditNs -= ranNs;
    // Whoever is charged more than it has must be able to earn, also when no tick ever sees it.
    if (state.creditNs < 0) state.active = true;
  }

  #deschedule(queue: RunQueue, state: CreditVcpu): void {
    state.running = false;
    if (state.yielded && state.priority === PRIORITY_BOOST) state.priority = PRIORITY_UNDER;
    this.#moveIfNeeded(state);
    if (state.awake && !state.parked && this.#queueAt(state.pcpu) === queue) queue.insert(state);
  }

  /** The first of the queue, or from another pCPU what has a better priority than it. */
  #take(queue: RunQueue, pcpu: number): CreditVcpu | null {
    if (!this.#placement.isOnline(pcpu)) return null;
    const { head } = queue;
    if (head !== undefined && head.priority > PRIORITY_OVER) {
      queue.remove(head);
      return head;
    }
    const stolen = this.#steal(pcpu, head?.priority ?? PRIORITY_IDLE);
    if (stolen !== undefined) {
      this.#queueAt(stolen.pcpu).remove(stolen);
      this.#place(stolen, pcpu);
      return stolen;
    }
    if (head !== undefined) queue.remove(head);
    return head ?? null;
  }

  #steal(pcpu: number, above: number): CreditVcpu | undefined {
    const { length } = this.#queues;
    for (let i = 1; i < length; i++) {
      for (const state of this.#queueAt((pcpu + i) % length).entries) {
        if (state.priority <= above) break;
        if (this.#placement.allows(state.affinity, pcpu)) return state;
      }
    }
    return undefined;
  }

  #start(state: CreditVcpu, { pcpu, nowNs, again }: { pcpu: number; nowNs: number; again: boolean }): boolean {
    const migrated = state.hasRunBefore && state.lastPcpu !== pcpu;
    if (!again) state.startedNs = nowNs;
    state.chargedNs = nowNs;
    state.running = true;
    state.lastPcpu = pcpu;
    state.hasRunBefore = true;
    this.#armTick(pcpu, nowNs);
    if (!this.#isAccounting) {
      this.#isAccounting = true;
      this.#accounting.arm(nextOnGrid(nowNs, this.#globals.sliceNs));
    }
    return migrated;
  }

  /** Ticks keep their rhythm whatever runs, or nobody would be seen who always blocks in time. */
  #armTick(pcpu: number, nowNs: number): void {
    if (this.#ticking.has(pcpu)) return;
    this.#ticking.add(pcpu);
    this.#ticks[pcpu]?.arm(nextOnGrid(nowNs, Math.floor(this.#globals.sliceNs / TICKS_PER_SLICE)));
  }

  /** Who runs at a tick loses its boost, and takes part in accounting. */
  #tick({ current }: RunQueue, pcpu: number, nowNs: number): void {
    this.#ticking.delete(pcpu);
    if (current === null) return;
    this.#charge(current, nowNs);
    if (current.priority === PRIORITY_BOOST) current.priority = PRIORITY_UNDER;
    current.active = true;
    this.#armTick(pcpu, nowNs);
  }

  #account(nowNs: number): void {
    for (const { current } of this.#queues) if (current !== null) this.#charge(current, nowNs);
    const { onlineCount } = this.#placement;
    const { parked, unparked, balanceNs } = account({
      ...{ domains: this.#domains.values(), pcpus: onlineCount, sliceNs: this.#globals.sliceNs, balanceNs: this.#balanceNs },
    });
    this.#balanceNs = balanceNs;
    for (const state of parked) this.#park(state);
    for (const queue of this.#queues) queue.sort();
    for (const state of unparked) if (state.awake && !state.running) this.#enqueue(state);
    this.#queues.forEach((queue, pcpu) => {
      if (queue.head !== undefined && queue.head.priority > queue.currentPriority) this.#host.raise(pcpu);
    });
    this.#isAccounting = [...this.#vcpus.values()].some((state) => state.active || state.running);
    if (this.#isAccounting) this.#accounting.arm(nextOnGrid(nowNs, this.#globals.sliceNs));
  }

  #park(state: CreditVcpu): void {
    if (state.running) this.#host.raise(state.pcpu);
    else this.#queueAt(state.pcpu).remove(state);
  }

  #unpark(state: CreditVcpu): void {
    if (!state.parked) return;
    state.parked = false;
    if (state.awake && !state.running) this.#enqueue(state);
  }

  /** Lets pCPUs that idle look for what waits and may run on them. */
  #wakeIdlers(): void {
    this.#queues.forEach((idle, pcpu) => {
      if (idle.current !== null || !this.#placement.isOnline(pcpu)) return;
      const waits = this.#queues.some((queue) => queue.entries.some((state) => this.#placement.allows(state.affinity, pcpu)));
      if (waits) this.#host.raise(pcpu);
    });
  }

  /** Takes a vCPU away from a pCPU that it may not run on; one that runs is only asked for. */
  #moveIfNeeded(state: CreditVcpu): void {
    if (this.#placement.isWell(state)) return;
    if (state.running) {
      this.#host.raise(state.pcpu);
      return;
    }
    this.#queueAt(state.pcpu).remove(state);
    this.#place(state, this.#placement.pick(state.affinity));
    if (state.awake && !state.parked) this.#enqueue(state);
  }

  #place(state: CreditVcpu, pcpu: number): void {
    this.#placement.count(state.pcpu, -1);
    state.pcpu = pcpu;
    this.#placement.count(pcpu, 1);
  }

  #queueAt(pcpu: number): RunQueue {
    const queue = this.#queues[pcpu];
    if (queue === undefined) throw new Error(`there is no pCPU ${pcpu}`);
    return queue;
  }

  #stateOf(vcpu: SchedulerVcpu): CreditVcpu {
    const state = this.#vcpus.get(vcpu);
    if (state === undefined) throw new Error(`the scheduler does not know vCPU ${vcpu.domid}.${vcpu.vcpuId}`);
    return state;
  }
}

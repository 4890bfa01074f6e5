import { type Affinity, ANY_PCPU, allowsPcpu } from '../../scheduler/affinity.ts';
import type { SchedulerFactory } from '../../scheduler/define-scheduler.ts';
import { vcpuName } from '../../scheduler/dump.ts';
import type { Scheduler, SchedulerDecision, SchedulerHost, SchedulerTimer, SchedulerVcpu } from '../../scheduler/scheduler.ts';
import { EventQueue, type SimulatedEvent } from './event-queue.ts';
import { ConformanceFailure, type SimulatedBurst, type SimulatedVcpu, type SimulatedWorkload, type SimulatorObserver } from './simulated.ts';

interface Pcpu {
  current: SimulatedVcpu | null;
  sinceNs: number;
  idleNs: number;
  online: boolean;
  raised: boolean;
  sliceEnd: SimulatedEvent | undefined;
  burstEnd: SimulatedEvent | undefined;
  decisionsNow: number;
}

interface Life {
  readonly workload: SimulatedWorkload;
  burst: SimulatedBurst | undefined;
  leftNs: number;
  paused: boolean;
  blocked: boolean;
  alarm: SimulatedEvent | undefined;
}

/** More decisions than this on one pCPU within a moment are taken for a loop. */
const MAX_DECISIONS_PER_MOMENT = 1000;

/**
 * pCPUs and vCPUs under a clock that jumps from event to event, which drive a scheduler exactly as a host must, and
 * check each of its answers. Time costs nothing, so that results are exact to the nanosecond.
 */
export class SchedulerSimulator {
  /** The scheduler under test. */
  readonly scheduler: Scheduler;
  /** Decisions so far. */
  decisions = 0;
  readonly #events = new EventQueue();
  readonly #pcpus: Pcpu[];
  readonly #lives = new Map<SimulatedVcpu, Life>();
  readonly #observers: SimulatorObserver[] = [];
  readonly #lastStart = new Map<SimulatedVcpu, number>();
  #nowNs = 0;
  #offlineNs = 0;
  #busyNs = 0;

  constructor(create: SchedulerFactory, pcpus: number) {
    this.#pcpus = Array.from({ length: pcpus }, () => ({
      ...{ current: null, sinceNs: 0, idleNs: 0, online: true, raised: true, sliceEnd: undefined, burstEnd: undefined, decisionsNow: 0 },
    }));
    this.scheduler = create(this.#host());
  }

  /** Simulated time. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /** The vCPUs that there are. */
  get vcpus(): readonly SimulatedVcpu[] {
    return [...this.#lives.keys()];
  }

  /** The vCPU that a pCPU runs. */
  currentOf(pcpu: number): SimulatedVcpu | null {
    return this.#pcpuAt(pcpu).current;
  }

  /** Whether a pCPU takes part. */
  isOnline(pcpu: number): boolean {
    return this.#pcpuAt(pcpu).online;
  }

  /** Time that all pCPUs idled while they took part. */
  get idleNs(): number {
    return this.#pcpus.reduce((sum, { idleNs }) => sum + idleNs, 0);
  }

  /** CPU time of all vCPUs that there are and were. */
  get busyNs(): number {
    return this.#busyNs;
  }

  /** Time that pCPUs did not take part, summed. */
  get offlineNs(): number {
    return this.#offlineNs;
  }

  /** Has the observer told from now on. */
  observe(observer: SimulatorObserver): void {
    this.#observers.push(observer);
  }

  /** Adds a domain with one vCPU for each workload, which can run at once. */
  addDomain(domid: number, workloads: readonly SimulatedWorkload[], affinity: Affinity = ANY_PCPU): SimulatedVcpu[] {
    this.scheduler.initDomain(domid);
    const vcpus = workloads.map((workload, vcpuId) => this.#addVcpu({ domid, vcpuId }, workload, affinity));
    for (const vcpu of vcpus) this.#unblock(vcpu);
    return vcpus;
  }

  /** Ends a domain: its vCPUs sleep, leave their pCPUs, and are destroyed. */
  removeDomain(domid: number): void {
    const ours = this.vcpus.filter((vcpu) => vcpu.domid === domid);
    for (const vcpu of ours) {
      this.pause(vcpu);
      const life = this.#lifeOf(vcpu);
      if (life.alarm !== undefined) life.alarm.action = undefined;
    }
    this.#settle();
    for (const vcpu of ours) {
      this.scheduler.destroyVcpu(vcpu, this.#nowNs);
      this.#lives.delete(vcpu);
    }
    this.scheduler.destroyDomain(domid);
  }

  /** Keeps a vCPU from running, whatever it does. */
  pause(vcpu: SimulatedVcpu): void {
    this.#lifeOf(vcpu).paused = true;
    this.#update(vcpu);
  }

  /** Takes back {@link pause}. */
  unpause(vcpu: SimulatedVcpu): void {
    this.#lifeOf(vcpu).paused = false;
    this.#update(vcpu);
  }

  /** Changes where a vCPU may run. */
  pin(vcpu: SimulatedVcpu, affinity: Affinity): void {
    vcpu.affinity = affinity;
    this.scheduler.setAffinity(vcpu, affinity, this.#nowNs);
  }

  /** Takes a pCPU away or gives it back. */
  setOnline(pcpu: number, online: boolean): void {
    const state = this.#pcpuAt(pcpu);
    if (state.online === online) return;
    this.#account(state);
    state.online = online;
    this.scheduler.setPcpuOnline(pcpu, online, this.#nowNs);
    state.raised = true;
  }

  /** Asks every pCPU for a new decision, so that all that ran is charged. */
  raiseAll(): void {
    for (const pcpu of this.#pcpus) pcpu.raised = true;
    this.#settle();
  }

  /** Does something at a moment. */
  at(atNs: number, action: () => void): void {
    this.#events.add(atNs, action);
  }

  /** Lets time pass until a moment. */
  runUntil(endNs: number): void {
    this.#settle();
    for (let next = this.#events.nextNs; next !== undefined && next <= endNs; next = this.#events.nextNs) {
      this.#advance(next);
      // All of a moment happens before anybody is scheduled: interrupts that are pending together.
      while (this.#events.nextNs === next) this.#events.take()?.action?.();
      this.#settle();
    }
    this.#advance(endNs);
  }

  #advance(toNs: number): void {
    if (toNs < this.#nowNs) throw new ConformanceFailure(`a timer was armed for ${toNs}, and it is ${this.#nowNs}`);
    if (toNs > this.#nowNs) for (const pcpu of this.#pcpus) pcpu.decisionsNow = 0;
    this.#nowNs = toNs;
    for (const pcpu of this.#pcpus) this.#account(pcpu);
  }

  #account(pcpu: Pcpu): void {
    const passedNs = this.#nowNs - pcpu.sinceNs;
    pcpu.sinceNs = this.#nowNs;
    if (pcpu.current !== null) {
      pcpu.current.cpuNs += passedNs;
      this.#busyNs += passedNs;
      this.#lifeOf(pcpu.current).leftNs -= passedNs;
    } else if (pcpu.online) pcpu.idleNs += passedNs;
    else this.#offlineNs += passedNs;
  }

  #host(): SchedulerHost {
    return {
      pcpus: this.#pcpus.length,
      raise: (pcpu, atNs) => {
        const state = this.#pcpuAt(pcpu);
        if (atNs === undefined || atNs <= this.#nowNs) state.raised = true;
        else if (state.sliceEnd === undefined || atNs < state.sliceEnd.atNs) this.#endSliceAt(state, atNs);
      },
      createTimer: (fire) => this.#createTimer(fire),
    };
  }

  #createTimer(fire: (nowNs: number) => void): SchedulerTimer {
    let event: SimulatedEvent | undefined;
    const cancel = (): void => {
      if (event !== undefined) event.action = undefined;
      event = undefined;
    };
    return {
      arm: (atNs) => {
        if (!Number.isInteger(atNs)) throw new ConformanceFailure(`a timer was armed for ${atNs}, which is no whole number`);
        cancel();
        event = this.#events.add(Math.max(atNs, this.#nowNs), () => {
          event = undefined;
          fire(this.#nowNs);
        });
      },
      cancel,
    };
  }

  #addVcpu(identity: SchedulerVcpu, workload: SimulatedWorkload, affinity: Affinity): SimulatedVcpu {
    const vcpu: SimulatedVcpu = { ...identity, affinity, runnable: false, runningOn: null, cpuNs: 0, waitingSinceNs: this.#nowNs };
    this.#lives.set(vcpu, { workload, burst: undefined, leftNs: Number.POSITIVE_INFINITY, paused: false, blocked: true, alarm: undefined });
    this.scheduler.initVcpu(vcpu, affinity, this.#nowNs);
    return vcpu;
  }

  #unblock(vcpu: SimulatedVcpu): void {
    const life = this.#lifeOf(vcpu);
    life.blocked = false;
    life.alarm = undefined;
    if (life.workload !== 'hog') {
      life.burst = life.workload(this.#nowNs);
      life.leftNs = life.burst.runNs;
    }
    this.#update(vcpu);
  }

  /** Tells the scheduler when a vCPU has become able to run, or unable. */
  #update(vcpu: SimulatedVcpu): void {
    const { blocked, paused } = this.#lifeOf(vcpu);
    const runnable = !blocked && !paused;
    if (runnable === vcpu.runnable) return;
    vcpu.runnable = runnable;
    if (runnable) {
      vcpu.waitingSinceNs = this.#nowNs;
      for (const observer of this.#observers) observer.woken?.(vcpu, this.#nowNs);
      this.scheduler.wake(vcpu, this.#nowNs);
    } else {
      this.scheduler.sleep(vcpu, this.#nowNs);
      if (vcpu.runningOn !== null) this.#pcpuAt(vcpu.runningOn).raised = true;
    }
  }

  #endBurst(vcpu: SimulatedVcpu): void {
    const life = this.#lifeOf(vcpu);
    const then = life.burst?.then;
    if (then === undefined) return;
    if (then === 'yield') {
      life.burst = undefined;
      if (life.workload !== 'hog') {
        life.burst = life.workload(this.#nowNs);
        life.leftNs = life.burst.runNs;
      }
      this.scheduler.yield(vcpu, this.#nowNs);
      if (vcpu.runningOn !== null) this.#pcpuAt(vcpu.runningOn).raised = true;
      return;
    }
    const wakeNs = 'blockNs' in then ? this.#nowNs + then.blockNs : (Math.floor(this.#nowNs / then.untilMultipleOfNs) + 1) * then.untilMultipleOfNs;
    life.blocked = true;
    life.alarm = this.#events.add(wakeNs, () => this.#unblock(vcpu));
    this.#update(vcpu);
  }

  #endSliceAt(pcpu: Pcpu, atNs: number): void {
    if (pcpu.sliceEnd !== undefined) pcpu.sliceEnd.action = undefined;
    pcpu.sliceEnd = this.#events.add(atNs, () => {
      pcpu.raised = true;
    });
  }

  /** Makes all decisions that are asked for, until nobody asks. */
  #settle(): void {
    for (let again = true; again; ) {
      again = false;
      for (let pcpu = 0; pcpu < this.#pcpus.length; pcpu++) {
        if (!this.#pcpuAt(pcpu).raised) continue;
        again = true;
        this.#schedule(pcpu);
      }
    }
    for (const observer of this.#observers) observer.settled?.(this.#nowNs);
  }

  #schedule(number: number): void {
    const pcpu = this.#pcpuAt(number);
    pcpu.raised = false;
    this.decisions++;
    if (++pcpu.decisionsNow > MAX_DECISIONS_PER_MOMENT) throw new ConformanceFailure(`pCPU ${number} is asked for decisions without end at ${this.#nowNs}`);
    this.#stop(pcpu, number);
    const decision = this.scheduler.doSchedule(number, this.#nowNs);
    const next = this.#check(number, decision);
    pcpu.current = next;
    this.#endSliceAt(pcpu, this.#nowNs + decision.sliceNs);
    if (next !== null) this.#start(pcpu, number, next);
    for (const observer of this.#observers) observer.decided?.(number, decision, this.#nowNs);
  }

  #stop(pcpu: Pcpu, number: number): void {
    const { current } = pcpu;
    if (pcpu.burstEnd !== undefined) pcpu.burstEnd.action = undefined;
    pcpu.burstEnd = undefined;
    pcpu.current = null;
    if (current === null) return;
    current.runningOn = null;
    current.waitingSinceNs = this.#nowNs;
    for (const observer of this.#observers) observer.stopped?.(current, number, { fromNs: this.#lastStart.get(current) ?? 0, toNs: this.#nowNs });
  }

  #start(pcpu: Pcpu, number: number, vcpu: SimulatedVcpu): void {
    vcpu.runningOn = number;
    this.#lastStart.set(vcpu, this.#nowNs);
    const { leftNs } = this.#lifeOf(vcpu);
    if (Number.isFinite(leftNs)) pcpu.burstEnd = this.#events.add(this.#nowNs + Math.max(0, leftNs), () => this.#endBurst(vcpu));
  }

  #check(number: number, decision: SchedulerDecision): SimulatedVcpu | null {
    const wrong = this.#whatIsWrong(number, decision);
    if (wrong !== undefined) throw new ConformanceFailure(`at ${this.#nowNs} pCPU ${number} ${wrong}`);
    return decision.vcpu === null ? null : (this.vcpuOf(decision.vcpu) ?? null);
  }

  #whatIsWrong(number: number, { vcpu, sliceNs }: SchedulerDecision): string | undefined {
    if (!Number.isInteger(sliceNs) || sliceNs <= 0) return `was given a slice of ${sliceNs} ns`;
    if (vcpu === null) return undefined;
    const name = vcpuName(vcpu);
    const known = this.vcpuOf(vcpu);
    if (known === undefined) return `was given vCPU ${name}, which does not exist`;
    if (!this.isOnline(number)) return `is offline and was given vCPU ${name}`;
    if (known.runningOn !== null) return `was given vCPU ${name}, which runs on pCPU ${known.runningOn}`;
    if (!known.runnable) return `was given vCPU ${name}, which sleeps`;
    if (!this.mayRun(known, number)) return `was given vCPU ${name}, which may not run there`;
    const said = this.scheduler.pcpuOf(known);
    return said === number ? undefined : `runs vCPU ${name}, and the scheduler says that it belongs to pCPU ${said}`;
  }

  /** Whether the affinity of a vCPU lets it run on a pCPU; one without any pCPU that is online lets it run anywhere. */
  mayRun({ affinity }: SimulatedVcpu, pcpu: number): boolean {
    if (!this.#pcpuAt(pcpu).online) return false;
    return allowsPcpu(affinity, pcpu) || !this.#pcpus.some(({ online }, other) => online && allowsPcpu(affinity, other));
  }

  /** The simulated vCPU that a scheduler's handle stands for. */
  vcpuOf(handle: SchedulerVcpu): SimulatedVcpu | undefined {
    return this.#lives.has(handle as SimulatedVcpu) ? (handle as SimulatedVcpu) : undefined;
  }

  #lifeOf(vcpu: SimulatedVcpu): Life {
    const life = this.#lives.get(vcpu);
    if (life === undefined) throw new Error(`vCPU ${vcpuName(vcpu)} is not part of the simulation`);
    return life;
  }

  #pcpuAt(pcpu: number): Pcpu {
    const state = this.#pcpus[pcpu];
    if (state === undefined) throw new ConformanceFailure(`there is no pCPU ${pcpu}`);
    return state;
  }
}

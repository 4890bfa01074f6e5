import {
  type Affinity,
  type AnyParameters,
  allowsPcpu,
  type ParameterRefusal,
  type ParameterSchema,
  type Scheduler,
  type SchedulerDecision,
  type SchedulerDump,
  type SchedulerFactory,
  type SchedulerHost,
  type SchedulerVcpu,
  vcpuName,
} from '#sdk';
import { createFallbackScheduler } from './fallback-scheduler.ts';
import { RevocableHost } from './revocable-host.ts';

/** A scheduler threw, or decided what cannot be. */
export interface SchedulerFailure {
  /** Name of the scheduler. */
  readonly scheduler: string;
  /** What it threw, or what is wrong with its decision. */
  readonly cause: unknown;
}

/** What may be said to a {@link SchedulerSlot}. */
export interface SchedulerSlotOptions {
  /** Told of a scheduler that failed. The fallback scheduler has taken over by then. */
  failed?(failure: SchedulerFailure): void;
}

interface SlotVcpu {
  readonly vcpu: SchedulerVcpu;
  affinity: Affinity;
  awake: boolean;
  runningOn: number | null;
  /** It still runs by a decision of a scheduler before this one, which does not know that it can run. */
  inherited: boolean;
  cpuNs: number;
  startedNs: number;
  /** When it last came off a pCPU, or could run: who has waited longest is woken first. */
  waitsSinceNs: number;
}

interface SlotPcpu {
  current: SlotVcpu | null;
  online: boolean;
  idleNs: number;
  idleSinceNs: number;
}

interface Charge {
  readonly scheduler: Scheduler;
  readonly host: RevocableHost;
}

/**
 * The place of the scheduler: drivers of pCPUs call it as if it were one, and the one behind it can be changed at any
 * moment. It knows what runs where by its own books, so that no scheduler can run a vCPU twice, run one that sleeps, or
 * lose one in a change; one that throws or tries is replaced by the fallback scheduler.
 *
 * On a change the new scheduler is told of all domains and vCPUs first, and takes over only when it has taken them all.
 * What runs at that moment runs on until its pCPU calls `doSchedule`, for which all of them are asked at once. Parameters
 * of domains come back when a scheduler of the same name does.
 */
export class SchedulerSlot implements Scheduler {
  readonly #host: SchedulerHost;
  readonly #options: SchedulerSlotOptions;
  readonly #domains = new Set<number>();
  readonly #vcpus = new Map<SchedulerVcpu, SlotVcpu>();
  readonly #pcpus: readonly SlotPcpu[];
  readonly #parameters = new Map<string, Map<number, AnyParameters>>();
  #inCharge: Charge;
  #nowNs = 0;

  constructor(host: SchedulerHost, create: SchedulerFactory, options: SchedulerSlotOptions = {}) {
    this.#host = host;
    this.#options = options;
    this.#pcpus = Array.from({ length: host.pcpus }, () => ({ current: null, online: true, idleNs: 0, idleSinceNs: 0 }));
    this.#inCharge = this.#make(create);
    this.#inCharge.host.enable();
  }

  get name(): string {
    return this.#scheduler.name;
  }

  get domainSchema(): ParameterSchema<AnyParameters> {
    return this.#scheduler.domainSchema;
  }

  get globalSchema(): ParameterSchema<AnyParameters> {
    return this.#scheduler.globalSchema;
  }

  /**
   * Puts another scheduler in charge, at once and for all.
   * @throws what `create` throws, or the new scheduler when it is told of the vCPUs; the old one stays in charge then
   */
  swap(create: SchedulerFactory, nowNs: number): void {
    this.#rememberParameters();
    this.#takeOver(this.#make(create), this.#clock(nowNs));
  }

  /** CPU time that a vCPU has had, with what it is having. It outlives changes of the scheduler. */
  cpuTimeNs(vcpu: SchedulerVcpu, nowNs: number): number {
    const { cpuNs, runningOn, startedNs } = this.#stateOf(vcpu);
    return cpuNs + (runningOn === null ? 0 : Math.max(0, nowNs - startedNs));
  }

  /** Time that a pCPU has idled while it took part. */
  idleTimeNs(pcpu: number, nowNs: number): number {
    const { current, online, idleNs, idleSinceNs } = this.#pcpuAt(pcpu);
    return idleNs + (current === null && online ? Math.max(0, nowNs - idleSinceNs) : 0);
  }

  /** The vCPU that a pCPU was given last and has not brought back, or null. */
  currentOf(pcpu: number): SchedulerVcpu | null {
    return this.#pcpuAt(pcpu).current?.vcpu ?? null;
  }

  initDomain(domid: number): void {
    this.#domains.add(domid);
    this.#guard(() => this.#scheduler.initDomain(domid));
  }

  destroyDomain(domid: number): void {
    this.#domains.delete(domid);
    for (const remembered of this.#parameters.values()) remembered.delete(domid);
    this.#guard(() => this.#scheduler.destroyDomain(domid));
  }

  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void {
    const now = this.#clock(nowNs);
    this.#vcpus.set(vcpu, { vcpu, affinity, awake: false, runningOn: null, inherited: false, cpuNs: 0, startedNs: now, waitsSinceNs: now });
    this.#guard(() => this.#scheduler.initVcpu(vcpu, affinity, now));
  }

  destroyVcpu(vcpu: SchedulerVcpu, nowNs: number): void {
    const { awake, runningOn } = this.#stateOf(vcpu);
    if (awake || runningOn !== null) throw new Error(`vCPU ${vcpuName(vcpu)} is to be destroyed, and ${awake ? 'can run' : `runs on pCPU ${runningOn}`}`);
    this.#vcpus.delete(vcpu);
    this.#guard(() => this.#scheduler.destroyVcpu(vcpu, this.#clock(nowNs)));
  }

  wake(vcpu: SchedulerVcpu, nowNs: number): void {
    const state = this.#stateOf(vcpu);
    if (state.awake) return;
    state.awake = true;
    state.waitsSinceNs = this.#clock(nowNs);
    if (!state.inherited) this.#guard(() => this.#scheduler.wake(vcpu, this.#nowNs));
  }

  sleep(vcpu: SchedulerVcpu, nowNs: number): void {
    const state = this.#stateOf(vcpu);
    if (!state.awake) return;
    state.awake = false;
    const now = this.#clock(nowNs);
    if (!state.inherited) this.#guard(() => this.#scheduler.sleep(vcpu, now));
  }

  yield(vcpu: SchedulerVcpu, nowNs: number): void {
    if (!this.#stateOf(vcpu).inherited) this.#guard(() => this.#scheduler.yield(vcpu, this.#clock(nowNs)));
  }

  doSchedule(pcpu: number, nowNs: number): SchedulerDecision {
    const now = this.#clock(nowNs);
    const slot = this.#pcpuAt(pcpu);
    this.#bringBack(slot, now);
    const decision = this.#decide(pcpu, now);
    const next = decision.vcpu === null ? null : this.#stateOf(decision.vcpu);
    slot.current = next;
    slot.idleSinceNs = now;
    if (next !== null) Object.assign(next, { runningOn: pcpu, startedNs: now });
    return decision;
  }

  pickPcpu(vcpu: SchedulerVcpu): number {
    return this.#scheduler.pickPcpu(vcpu);
  }

  pcpuOf(vcpu: SchedulerVcpu): number {
    return this.#stateOf(vcpu).runningOn ?? this.#scheduler.pcpuOf(vcpu);
  }

  setAffinity(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void {
    this.#stateOf(vcpu).affinity = affinity;
    this.#guard(() => this.#scheduler.setAffinity(vcpu, affinity, this.#clock(nowNs)));
  }

  setPcpuOnline(pcpu: number, online: boolean, nowNs: number): void {
    const slot = this.#pcpuAt(pcpu);
    const now = this.#clock(nowNs);
    slot.idleNs = this.idleTimeNs(pcpu, now);
    slot.idleSinceNs = now;
    slot.online = online;
    this.#guard(() => this.#scheduler.setPcpuOnline(pcpu, online, now));
    this.#host.raise(pcpu);
  }

  domainParameters(domid: number): AnyParameters | undefined {
    return this.#scheduler.domainParameters(domid);
  }

  adjustDomain(domid: number, changes: AnyParameters, nowNs: number): ParameterRefusal | undefined {
    return this.#orFailOver(() => this.#scheduler.adjustDomain(domid, changes, this.#clock(nowNs)));
  }

  globalParameters(): AnyParameters {
    return this.#scheduler.globalParameters();
  }

  adjustGlobal(changes: AnyParameters, nowNs: number): ParameterRefusal | undefined {
    return this.#orFailOver(() => this.#scheduler.adjustGlobal(changes, this.#clock(nowNs)));
  }

  /** The dump of the scheduler in charge, with CPU times over the whole life of each vCPU. */
  dump(): SchedulerDump {
    const dump = this.#scheduler.dump();
    const cpuNs = new Map([...this.#vcpus.values()].map((state) => [vcpuName(state.vcpu), state.cpuNs]));
    return { ...dump, vcpus: dump.vcpus.map((vcpu) => ({ ...vcpu, ranNs: cpuNs.get(vcpuName(vcpu)) ?? vcpu.ranNs })) };
  }

  get #scheduler(): Scheduler {
    return this.#inCharge.scheduler;
  }

  /** The host's clock never goes back; calls from several pCPUs may overtake each other by a little. */
  #clock(nowNs: number): number {
    this.#nowNs = Math.max(this.#nowNs, nowNs);
    return this.#nowNs;
  }

  /** Takes note that what a pCPU ran has stopped. */
  #bringBack(slot: SlotPcpu, nowNs: number): void {
    const { current } = slot;
    slot.current = null;
    if (current === null) {
      if (slot.online) slot.idleNs += Math.max(0, nowNs - slot.idleSinceNs);
      slot.idleSinceNs = nowNs;
      return;
    }
    const { inherited } = current;
    current.cpuNs += Math.max(0, nowNs - current.startedNs);
    Object.assign(current, { runningOn: null, inherited: false, waitsSinceNs: nowNs });
    if (inherited && current.awake) this.#guard(() => this.#scheduler.wake(current.vcpu, nowNs));
  }

  #decide(pcpu: number, nowNs: number): SchedulerDecision {
    try {
      const decision = this.#scheduler.doSchedule(pcpu, nowNs);
      const wrong = this.#whatIsWrong(pcpu, decision);
      if (wrong === undefined) return decision;
      throw new Error(wrong);
    } catch (cause) {
      this.#failOver(cause);
      return this.#scheduler.doSchedule(pcpu, nowNs);
    }
  }

  #whatIsWrong(pcpu: number, { vcpu, sliceNs }: SchedulerDecision): string | undefined {
    if (!Number.isInteger(sliceNs) || sliceNs <= 0) return `pCPU ${pcpu} was given a slice of ${sliceNs} ns`;
    if (vcpu === null) return undefined;
    const state = this.#vcpus.get(vcpu);
    const given = `pCPU ${pcpu} was given vCPU ${vcpuName(vcpu)}`;
    if (state === undefined) return `${given}, which does not exist`;
    if (state.runningOn !== null) return `${given}, which runs on pCPU ${state.runningOn}`;
    if (!state.awake) return `${given}, which sleeps`;
    return this.#mayRun(state, pcpu) ? undefined : `${given}, which may not run there`;
  }

  #mayRun({ affinity }: SlotVcpu, pcpu: number): boolean {
    if (!this.#pcpuAt(pcpu).online) return false;
    return allowsPcpu(affinity, pcpu) || !this.#pcpus.some(({ online }, other) => online && allowsPcpu(affinity, other));
  }

  #guard(action: () => void): void {
    const { scheduler } = this.#inCharge;
    try {
      action();
    } catch (cause) {
      if (scheduler === this.#scheduler) this.#failOver(cause);
    }
  }

  /** As `#guard`, for what somebody waits for: whoever asked learns of it too. */
  #orFailOver<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      this.#failOver(cause);
      throw cause;
    }
  }

  #failOver(cause: unknown): void {
    const { name } = this.#scheduler;
    if (name === 'fallback') throw new Error('the fallback scheduler failed', { cause });
    this.#takeOver(this.#make(createFallbackScheduler), this.#nowNs);
    this.#options.failed?.({ scheduler: name, cause });
  }

  /** Makes a scheduler, and tells it of all that there is. It is not heard yet. */
  #make(create: SchedulerFactory): Charge {
    const host = new RevocableHost(this.#host, (cause) => {
      if (this.#inCharge.host === host) this.#failOver(cause);
    });
    try {
      const scheduler = create(host);
      this.#pcpus.forEach(({ online }, pcpu) => {
        if (!online) scheduler.setPcpuOnline(pcpu, false, this.#nowNs);
      });
      for (const domid of this.#domains) this.#tellDomain(scheduler, domid);
      for (const { vcpu, affinity } of this.#vcpus.values()) scheduler.initVcpu(vcpu, affinity, this.#nowNs);
      const waiting = [...this.#vcpus.values()].filter(({ awake, runningOn }) => awake && runningOn === null);
      for (const { vcpu } of waiting.sort((a, b) => a.waitsSinceNs - b.waitsSinceNs)) scheduler.wake(vcpu, this.#nowNs);
      return { scheduler, host };
    } catch (cause) {
      host.revoke();
      throw cause;
    }
  }

  #tellDomain(scheduler: Scheduler, domid: number): void {
    scheduler.initDomain(domid);
    const remembered = this.#parameters.get(scheduler.name)?.get(domid);
    if (remembered === undefined) return;
    const settable = Object.entries(remembered).filter(([name]) => scheduler.domainSchema[name]?.readOnly !== true);
    scheduler.adjustDomain(domid, Object.fromEntries(settable), this.#nowNs);
  }

  #rememberParameters(): void {
    const remembered = new Map<number, AnyParameters>();
    for (const domid of this.#domains) {
      const parameters = this.#scheduler.domainParameters(domid);
      if (parameters !== undefined) remembered.set(domid, parameters);
    }
    this.#parameters.set(this.#scheduler.name, remembered);
  }

  #takeOver(next: Charge, nowNs: number): void {
    this.#inCharge.host.revoke();
    this.#inCharge = next;
    next.host.enable();
    this.#nowNs = nowNs;
    for (const state of this.#vcpus.values()) state.inherited = state.runningOn !== null;
    for (let pcpu = 0; pcpu < this.#pcpus.length; pcpu++) this.#host.raise(pcpu);
  }

  #pcpuAt(pcpu: number): SlotPcpu {
    const slot = this.#pcpus[pcpu];
    if (slot === undefined) throw new Error(`there is no pCPU ${pcpu}`);
    return slot;
  }

  #stateOf(vcpu: SchedulerVcpu): SlotVcpu {
    const state = this.#vcpus.get(vcpu);
    if (state === undefined) throw new Error(`the scheduler does not know vCPU ${vcpuName(vcpu)}`);
    return state;
  }
}

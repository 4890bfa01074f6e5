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
  type SchedulerVcpu,
} from '#sdk';
import { dumpBvt } from './dump.ts';
import { type BvtGlobals, type BvtParameters, bvtDomainSchema, bvtGlobalSchema, CONTEXT_ALLOWANCE_MIN_NS, MCU_NS } from './parameters.ts';
import { advanceSince, BvtPcpu, type BvtVcpu, effectiveTime } from './pcpu-queue.ts';

/** Slices of a vCPU that has nobody to give way to, in context allowances. */
const ALONE_FACTOR = 10;

interface BvtDomain {
  parameters: BvtParameters;
  readonly vcpus: Set<BvtVcpu>;
}

/** Borrowed virtual time, by the rule of Duda and Cheriton and with the constants of Xen 3.0. */
export class BvtScheduler implements Scheduler<BvtParameters, BvtGlobals> {
  readonly name = 'bvt';
  readonly domainSchema = bvtDomainSchema;
  readonly globalSchema = bvtGlobalSchema;
  readonly #host: SchedulerHost;
  readonly #placement: PcpuPlacement;
  readonly #pcpus: readonly BvtPcpu[];
  readonly #domains = new Map<number, BvtDomain>();
  readonly #vcpus = new Map<SchedulerVcpu, BvtVcpu>();
  #allowanceNs: number;

  constructor(host: SchedulerHost, contextAllowanceNs: number) {
    this.#host = host;
    this.#placement = new PcpuPlacement(host.pcpus);
    this.#pcpus = Array.from({ length: host.pcpus }, () => new BvtPcpu());
    this.#allowanceNs = Math.max(CONTEXT_ALLOWANCE_MIN_NS, contextAllowanceNs);
  }

  initDomain(domid: number): void {
    this.#domains.set(domid, { parameters: parameterDefaults(bvtDomainSchema), vcpus: new Set() });
  }

  destroyDomain(domid: number): void {
    this.#domains.delete(domid);
  }

  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void {
    const domain = this.#domainOf(vcpu.domid);
    const pcpu = this.#placement.pick(affinity);
    const state: BvtVcpu = {
      ...{ vcpu, affinity, pcpu, lastPcpu: pcpu, awake: false, running: false, hasRunBefore: false },
      ...{ parameters: domain.parameters, avt: 0, warping: domain.parameters.warpBack, isLimited: false, startedNs: nowNs, ranNs: 0 },
      warpTimer: this.#host.createTimer((at) => this.#warpLimit(state, at)),
      unwarpTimer: this.#host.createTimer(() => this.#warpAgain(state)),
    };
    domain.vcpus.add(state);
    this.#vcpus.set(vcpu, state);
    this.#placement.count(pcpu, 1);
  }

  destroyVcpu(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    state.warpTimer.cancel();
    state.unwarpTimer.cancel();
    this.#domainOf(vcpu.domid).vcpus.delete(state);
    this.#vcpus.delete(vcpu);
    this.#pcpuAt(state.pcpu).remove(state);
    this.#placement.count(state.pcpu, -1);
  }

  wake(vcpu: SchedulerVcpu, nowNs: number): void {
    const state = this.#stateOf(vcpu);
    if (state.awake) return;
    state.awake = true;
    if (!state.running) this.#enqueue(state, nowNs);
  }

  sleep(vcpu: SchedulerVcpu, nowNs: number): void {
    const state = this.#stateOf(vcpu);
    state.awake = false;
    if (state.running) return;
    const queue = this.#pcpuAt(state.pcpu);
    queue.remove(state);
    queue.updateSvt(nowNs);
  }

  yield(): void {
    // The decision that follows charges what was run, and whoever has less virtual time comes first.
  }

  doSchedule(pcpu: number, nowNs: number): SchedulerDecision {
    const queue = this.#pcpuAt(pcpu);
    const previous = queue.current;
    queue.current = null;
    if (previous !== null) this.#deschedule(queue, previous, nowNs);
    queue.updateSvt(nowNs);
    queue.setBackIfNeeded(this.#vcpusOn(pcpu));
    const [first, second] = this.#placement.isOnline(pcpu) ? queue.firstTwo() : [];
    if (previous !== null && previous !== first) this.#endWarpRun(previous);
    if (first === undefined) return { vcpu: null, sliceNs: this.#allowanceNs, migrated: false };
    const migrated = this.#start(queue, first, { pcpu, nowNs });
    return { vcpu: first.vcpu, sliceNs: second === undefined ? ALONE_FACTOR * this.#allowanceNs : this.#untilBorder(first, second), migrated };
  }

  pickPcpu(vcpu: SchedulerVcpu): number {
    return this.#placement.pick(this.#stateOf(vcpu).affinity);
  }

  pcpuOf(vcpu: SchedulerVcpu): number {
    return this.#stateOf(vcpu).pcpu;
  }

  setAffinity(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void {
    const state = this.#stateOf(vcpu);
    state.affinity = affinity;
    this.#moveIfNeeded(state, nowNs);
  }

  setPcpuOnline(pcpu: number, online: boolean, nowNs: number): void {
    this.#placement.setOnline(pcpu, online);
    for (const state of this.#vcpus.values()) this.#moveIfNeeded(state, nowNs);
    this.#host.raise(pcpu);
  }

  domainParameters(domid: number): BvtParameters | undefined {
    return this.#domains.get(domid)?.parameters;
  }

  adjustDomain(domid: number, changes: Partial<BvtParameters>, nowNs: number): ParameterRefusal | undefined {
    const domain = this.#domains.get(domid);
    if (domain === undefined) return refuseUnknownDomain(domid);
    const refusal = checkParameters(bvtDomainSchema, changes);
    if (refusal !== undefined) return refusal;
    domain.parameters = { ...domain.parameters, ...changes };
    for (const state of domain.vcpus) {
      // What ran until now was under the old parameters.
      if (state.running) this.#charge(state, nowNs);
      state.parameters = domain.parameters;
      this.#endWarpRun(state);
      state.unwarpTimer.cancel();
      state.warping = domain.parameters.warpBack;
      if (state.awake) this.#host.raise(state.pcpu);
    }
    return undefined;
  }

  globalParameters(): BvtGlobals {
    return { contextAllowanceNs: this.#allowanceNs };
  }

  adjustGlobal(changes: Partial<BvtGlobals>): ParameterRefusal | undefined {
    const refusal = checkParameters(bvtGlobalSchema, changes);
    if (refusal !== undefined) return refusal;
    this.#allowanceNs = Math.max(CONTEXT_ALLOWANCE_MIN_NS, changes.contextAllowanceNs ?? this.#allowanceNs);
    for (let pcpu = 0; pcpu < this.#pcpus.length; pcpu++) this.#host.raise(pcpu);
    return undefined;
  }

  dump(): SchedulerDump {
    return dumpBvt(this.#pcpus, [...this.#vcpus.values()], (pcpu) => this.#placement.isOnline(pcpu));
  }

  #enqueue(state: BvtVcpu, nowNs: number): void {
    const queue = this.#pcpuAt(state.pcpu);
    queue.updateSvt(nowNs);
    state.avt = Math.max(state.avt, queue.svt);
    queue.queue.push(state);
    const { current } = queue;
    if (current === null) {
      this.#host.raise(state.pcpu);
      return;
    }
    // How far the running vCPU would be if it were charged now.
    const ahead = effectiveTime(state) - (effectiveTime(current) + advanceSince(current, nowNs));
    if (ahead < 0) this.#host.raise(state.pcpu);
    else this.#host.raise(state.pcpu, nowNs + this.#runTime(current, ahead));
  }

  /** The paper's rule: until the first is as far as the second, and the context allowance. */
  #runTime(first: BvtVcpu, ahead: number): number {
    return Math.floor(ahead / first.parameters.mcuAdvance) * MCU_NS + this.#allowanceNs;
  }

  #untilBorder(first: BvtVcpu, second: BvtVcpu): number {
    return this.#runTime(first, effectiveTime(second) - effectiveTime(first));
  }

  #charge(state: BvtVcpu, nowNs: number): void {
    state.avt += advanceSince(state, nowNs);
    state.ranNs += Math.max(0, nowNs - state.startedNs);
    state.startedNs = nowNs;
  }

  #deschedule(queue: BvtPcpu, state: BvtVcpu, nowNs: number): void {
    this.#charge(state, nowNs);
    state.running = false;
    queue.remove(state);
    if (state.awake) queue.queue.push(state);
    this.#moveIfNeeded(state, nowNs);
  }

  #start(queue: BvtPcpu, state: BvtVcpu, { pcpu, nowNs }: { pcpu: number; nowNs: number }): boolean {
    const migrated = state.hasRunBefore && state.lastPcpu !== pcpu;
    queue.current = state;
    state.running = true;
    state.startedNs = nowNs;
    state.lastPcpu = pcpu;
    state.hasRunBefore = true;
    // A break in running begins the limit anew; being chosen again does not.
    const { warpLimitNs } = state.parameters;
    if (state.warping && warpLimitNs > 0 && !state.isLimited) {
      state.isLimited = true;
      state.warpTimer.arm(nowNs + warpLimitNs);
    }
    return migrated;
  }

  #endWarpRun(state: BvtVcpu): void {
    state.isLimited = false;
    state.warpTimer.cancel();
  }

  #warpLimit(state: BvtVcpu, nowNs: number): void {
    state.isLimited = false;
    state.warping = false;
    // Without a time to recover, warping is over for good.
    if (state.parameters.unwarpNs > 0) state.unwarpTimer.arm(nowNs + state.parameters.unwarpNs);
    this.#host.raise(state.pcpu);
  }

  #warpAgain(state: BvtVcpu): void {
    state.warping = state.parameters.warpBack;
    if (state.awake) this.#host.raise(state.pcpu);
  }

  /** Takes a vCPU away from a pCPU that it may not run on; one that runs is only asked for. */
  #moveIfNeeded(state: BvtVcpu, nowNs: number): void {
    if (this.#placement.isWell(state)) return;
    if (state.running) {
      this.#host.raise(state.pcpu);
      return;
    }
    this.#pcpuAt(state.pcpu).remove(state);
    this.#placement.count(state.pcpu, -1);
    state.pcpu = this.#placement.pick(state.affinity);
    this.#placement.count(state.pcpu, 1);
    // Virtual times of different pCPUs have nothing to do with each other.
    const target = this.#pcpuAt(state.pcpu);
    target.updateSvt(nowNs);
    state.avt = target.svt;
    if (state.awake) this.#enqueue(state, nowNs);
  }

  *#vcpusOn(pcpu: number): Generator<BvtVcpu> {
    for (const state of this.#vcpus.values()) if (state.pcpu === pcpu) yield state;
  }

  #pcpuAt(pcpu: number): BvtPcpu {
    const queue = this.#pcpus[pcpu];
    if (queue === undefined) throw new Error(`there is no pCPU ${pcpu}`);
    return queue;
  }

  #domainOf(domid: number): BvtDomain {
    const domain = this.#domains.get(domid);
    if (domain === undefined) throw new Error(`the scheduler does not know domain ${domid}`);
    return domain;
  }

  #stateOf(vcpu: SchedulerVcpu): BvtVcpu {
    const state = this.#vcpus.get(vcpu);
    if (state === undefined) throw new Error(`the scheduler does not know vCPU ${vcpu.domid}.${vcpu.vcpuId}`);
    return state;
  }
}

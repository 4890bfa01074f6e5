import {
  type Affinity,
  type ParameterRefusal,
  type ParameterSchema,
  PcpuPlacement,
  refuseUnknownDomain,
  type Scheduler,
  type SchedulerDecision,
  type SchedulerDump,
  type SchedulerHost,
  type SchedulerVcpu,
} from '#sdk';
import { dumpSedf } from './dump.ts';
import { initialParameters, mergeParameters, type SedfParameters, sedfDomainSchema, weightedSlice } from './parameters.ts';
import { periodBegin, SedfPcpu, type SedfVcpu, utilisationCost } from './queues.ts';

/** A turn in extra time. */
const EXTRA_QUANTUM_NS = 500_000;
/** Quanta that the only one who wants extra time gets at once: nobody is kept from any, and each decision costs some 50 us. */
const MOST_QUANTA_ALONE = 20;
/** For how long a pCPU idles that has nothing to wait for. */
const IDLE_NS = 1_000_000_000;

interface SedfDomain {
  parameters: SedfParameters;
  readonly vcpus: SedfVcpu[];
}

/** Simple earliest deadline first, as Xen 3.0 has it. */
export class SedfScheduler implements Scheduler<SedfParameters, Record<never, never>> {
  readonly name = 'sedf';
  readonly domainSchema = sedfDomainSchema;
  readonly globalSchema: ParameterSchema<Record<never, never>> = {};
  readonly #host: SchedulerHost;
  readonly #placement: PcpuPlacement;
  readonly #pcpus: readonly SedfPcpu[];
  readonly #domains = new Map<number, SedfDomain>();
  readonly #vcpus = new Map<SchedulerVcpu, SedfVcpu>();

  constructor(host: SchedulerHost) {
    this.#host = host;
    this.#placement = new PcpuPlacement(host.pcpus);
    this.#pcpus = Array.from({ length: host.pcpus }, () => new SedfPcpu());
  }

  initDomain(domid: number): void {
    this.#domains.set(domid, { parameters: initialParameters(domid), vcpus: [] });
  }

  destroyDomain(domid: number): void {
    this.#domains.delete(domid);
  }

  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity, nowNs: number): void {
    const domain = this.#domainOf(vcpu.domid);
    const pcpu = this.#placement.pick(affinity);
    const state: SedfVcpu = {
      ...{ vcpu, domid: vcpu.domid, affinity, pcpu, lastPcpu: pcpu, awake: false, hasRunBefore: false },
      ...{ periodNs: 0, sliceNs: 0, extratime: false, extraweight: 0, weight: 0 },
      ...{ deadlineNs: 0, cputimeNs: 0, running: null, startedNs: 0, ranNs: 0, misses: 0 },
      ...{ lostNs: 0, wantsPenalty: false, penaltyScore: 0, utilisationScore: 0 },
    };
    domain.vcpus.push(state);
    this.#vcpus.set(vcpu, state);
    this.#placement.count(pcpu, 1);
    this.#applyParameters(state, domain.parameters, nowNs);
    this.#shareWeights(pcpu);
  }

  destroyVcpu(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    const { vcpus } = this.#domainOf(vcpu.domid);
    vcpus.splice(vcpus.indexOf(state), 1);
    this.#vcpus.delete(vcpu);
    this.#pcpuAt(state.pcpu).remove(state);
    this.#placement.count(state.pcpu, -1);
    this.#shareWeights(state.pcpu);
  }

  wake(vcpu: SchedulerVcpu, nowNs: number): void {
    const state = this.#stateOf(vcpu);
    if (state.awake) return;
    state.awake = true;
    // It still runs: it will be looked at when it is descheduled.
    if (state.running !== null) return;
    if (nowNs >= periodBegin(state) && state.sliceNs > 0) {
      if (nowNs < state.deadlineNs) this.#shortBlock(state);
      else this.#longBlock(state, nowNs);
    }
    this.#enqueue(state, nowNs);
  }

  sleep(vcpu: SchedulerVcpu): void {
    const state = this.#stateOf(vcpu);
    state.awake = false;
    if (state.running === null) this.#pcpuAt(state.pcpu).remove(state);
  }

  yield(): void {
    // The decision that follows ends a turn in extra time; the order of deadlines stays as it is.
  }

  doSchedule(pcpu: number, nowNs: number): SchedulerDecision {
    const queues = this.#pcpuAt(pcpu);
    const previous = queues.current;
    queues.current = null;
    if (previous !== null) this.#deschedule(queues, previous, nowNs);
    this.#updateQueues(queues, nowNs);
    const decision = this.#placement.isOnline(pcpu) ? this.#choose(queues, nowNs) : { next: null, kind: null, sliceNs: IDLE_NS };
    queues.expiresNs = nowNs + decision.sliceNs;
    return { vcpu: decision.next?.vcpu ?? null, sliceNs: decision.sliceNs, migrated: this.#start(queues, decision, { pcpu, nowNs }) };
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

  domainParameters(domid: number): SedfParameters | undefined {
    const domain = this.#domains.get(domid);
    // The slice of a weight is worked out for each pCPU; as in Xen the first vCPU speaks for the domain.
    return domain && { ...domain.parameters, sliceNs: domain.vcpus[0]?.sliceNs ?? domain.parameters.sliceNs };
  }

  adjustDomain(domid: number, changes: Partial<SedfParameters>, nowNs: number): ParameterRefusal | undefined {
    const domain = this.#domains.get(domid);
    const old = this.domainParameters(domid);
    if (domain === undefined || old === undefined) return refuseUnknownDomain(domid);
    const merged = mergeParameters(old, changes);
    if ('errno' in merged) return merged;
    domain.parameters = merged;
    for (const state of domain.vcpus) {
      const queues = this.#pcpuAt(state.pcpu);
      if (state.running !== null) this.#charge(queues, state, nowNs);
      this.#applyParameters(state, merged, nowNs);
    }
    for (const pcpu of new Set(domain.vcpus.map((state) => state.pcpu))) {
      this.#shareWeights(pcpu);
      this.#host.raise(pcpu);
    }
    // Only now is the slice of a weight known, which decides on the queues.
    for (const state of domain.vcpus) this.#requeue(state, nowNs);
    return undefined;
  }

  globalParameters(): Record<never, never> {
    return {};
  }

  adjustGlobal(changes: object): ParameterRefusal | undefined {
    const [name] = Object.keys(changes);
    return name === undefined ? undefined : { errno: -22, parameter: name, expected: 'nothing: sedf has no parameters of its own', seen: name };
  }

  dump(): SchedulerDump {
    return dumpSedf(this.#pcpus, [...this.#vcpus.values()], (pcpu) => this.#placement.isOnline(pcpu));
  }

  /** Woken in a period of which it slept a part: the rest of its slice is owed to it as extra time. */
  #shortBlock(state: SedfVcpu): void {
    state.deadlineNs += state.periodNs;
    state.lostNs = Math.max(0, state.sliceNs - state.cputimeNs);
    if (state.lostNs > 0) {
      state.penaltyScore = Math.floor((state.periodNs * 1024) / state.lostNs);
      state.wantsPenalty = true;
    }
    state.cputimeNs = 0;
  }

  /** Woken after its period: it begins a new one. */
  #longBlock(state: SedfVcpu, nowNs: number): void {
    state.deadlineNs = nowNs + state.periodNs;
    state.cputimeNs = 0;
  }

  #enqueue(state: SedfVcpu, nowNs: number): void {
    const queues = this.#pcpuAt(state.pcpu);
    queues.insertByDeadline(state, nowNs);
    queues.insertExtra(state);
    if (this.#shouldSwitch(queues, state, nowNs)) this.#host.raise(state.pcpu);
    else if (state.extratime) this.#endQuantum(queues, nowNs);
  }

  /** One that has several quanta at once is not alone any more: the next decision is made when the quantum ends that it is in. */
  #endQuantum(queues: SedfPcpu, nowNs: number): void {
    const { current } = queues;
    if (current?.running !== 'utilisation' || queues.expiresNs - nowNs <= EXTRA_QUANTUM_NS) return;
    const begun = Math.floor((nowNs - current.startedNs) / EXTRA_QUANTUM_NS);
    queues.expiresNs = current.startedNs + (begun + 1) * EXTRA_QUANTUM_NS;
    this.#host.raise(current.pcpu, queues.expiresNs);
  }

  #requeue(state: SedfVcpu, nowNs: number): void {
    const queues = this.#pcpuAt(state.pcpu);
    queues.remove(state);
    if (!state.awake) return;
    queues.insertByDeadline(state, nowNs);
    queues.insertExtra(state);
  }

  /** Whether a vCPU that was just queued has to be looked at before the current slice is over. */
  #shouldSwitch(queues: SedfPcpu, state: SedfVcpu, nowNs: number): boolean {
    const { current } = queues;
    if (current === null) return true;
    if (state.sliceNs > 0 && Math.max(periodBegin(state), nowNs) < queues.expiresNs) {
      if (current.running !== 'edf' || state.deadlineNs < current.deadlineNs) return true;
    }
    if (current.running === 'edf' || !state.extratime || !state.wantsPenalty) return false;
    return current.running === 'utilisation' || state.penaltyScore < current.penaltyScore;
  }

  /** Charges a vCPU for what it ran, and puts it where it belongs now. */
  #charge(queues: SedfPcpu, state: SedfVcpu, nowNs: number): void {
    const ranNs = Math.max(0, nowNs - state.startedNs);
    state.startedNs = nowNs;
    state.ranNs += ranNs;
    if (state.running === 'edf') this.#chargeSlice(state, ranNs);
    else if (state.running === 'penalty') this.#chargePenalty(state, ranNs);
    else this.#chargeUtilisation(queues, state);
    this.#requeue(state, nowNs);
  }

  #chargeSlice(state: SedfVcpu, ranNs: number): void {
    state.cputimeNs += ranNs;
    if (state.sliceNs === 0 || state.cputimeNs < state.sliceNs) return;
    const slices = Math.floor(state.cputimeNs / state.sliceNs);
    state.cputimeNs -= slices * state.sliceNs;
    state.deadlineNs += slices * state.periodNs;
  }

  #chargePenalty(state: SedfVcpu, ranNs: number): void {
    state.lostNs = Math.max(0, state.lostNs - ranNs);
    state.wantsPenalty = state.lostNs > 0;
    if (state.wantsPenalty) state.penaltyScore = Math.floor((state.periodNs * 1024) / state.lostNs);
  }

  /** Weighted round robin: the others come nearer by what the head had waited, and it goes back by what its turn costs. */
  #chargeUtilisation(queues: SedfPcpu, state: SedfVcpu): void {
    const waited = state.utilisationScore;
    if (state.awake) for (const other of queues.utilisation.entries) other.utilisationScore -= waited;
    state.utilisationScore = utilisationCost(state);
  }

  #deschedule(queues: SedfPcpu, state: SedfVcpu, nowNs: number): void {
    this.#charge(queues, state, nowNs);
    state.running = null;
    this.#moveIfNeeded(state, nowNs);
  }

  /** Lets begun periods begin, and gives new ones to those that missed their deadline or have nothing left. */
  #updateQueues({ wait, run }: SedfPcpu, nowNs: number): void {
    for (let head = wait.head; head !== undefined && periodBegin(head) <= nowNs; head = wait.head) {
      wait.remove(head);
      run.insert(head);
    }
    for (let head = run.head; head !== undefined && (head.deadlineNs < nowNs || head.cputimeNs >= head.sliceNs); head = run.head) {
      run.remove(head);
      if (head.cputimeNs < head.sliceNs) head.misses += 1;
      head.deadlineNs += head.periodNs;
      if (head.deadlineNs < nowNs) head.deadlineNs += Math.ceil((nowNs - head.deadlineNs) / head.periodNs) * head.periodNs;
      head.cputimeNs = 0;
      // Ahead of its equals, or with equal periods the same one would miss each deadline.
      if (periodBegin(head) > nowNs) wait.insert(head);
      else run.insertAhead(head);
    }
  }

  #choose(queues: SedfPcpu, nowNs: number): SedfChoice {
    const first = queues.run.head;
    if (first !== undefined) return { next: first, kind: 'edf', sliceNs: this.#sliceOf(queues, first, nowNs) };
    const nextBegin = queues.wait.head === undefined ? undefined : periodBegin(queues.wait.head) - nowNs;
    if (nextBegin !== undefined && nextBegin < EXTRA_QUANTUM_NS) return { next: null, kind: null, sliceNs: nextBegin };
    const owed = queues.penalty.head;
    if (owed !== undefined) return { next: owed, kind: 'penalty', sliceNs: EXTRA_QUANTUM_NS };
    const more = queues.utilisation.head;
    if (more !== undefined) return { next: more, kind: 'utilisation', sliceNs: EXTRA_QUANTUM_NS * quantaFor(queues, nextBegin) };
    return { next: null, kind: null, sliceNs: nextBegin ?? IDLE_NS };
  }

  /** What is left of the first one's slice, or until a period begins that ends before its own. */
  #sliceOf({ wait }: SedfPcpu, first: SedfVcpu, nowNs: number): number {
    const left = first.sliceNs - first.cputimeNs;
    for (const other of wait.entries) {
      const untilBegin = periodBegin(other) - nowNs;
      if (untilBegin >= left) break;
      if (other.deadlineNs < first.deadlineNs) return untilBegin;
    }
    return left;
  }

  #start(queues: SedfPcpu, { next, kind }: SedfChoice, { pcpu, nowNs }: { pcpu: number; nowNs: number }): boolean {
    queues.current = next;
    if (next === null) return false;
    const migrated = next.hasRunBefore && next.lastPcpu !== pcpu;
    next.running = kind;
    next.startedNs = nowNs;
    next.lastPcpu = pcpu;
    next.hasRunBefore = true;
    return migrated;
  }

  /** Takes a vCPU away from a pCPU that it may not run on; one that runs is only asked for. */
  #moveIfNeeded(state: SedfVcpu, nowNs: number): void {
    if (this.#placement.isWell(state)) return;
    if (state.running !== null) {
      this.#host.raise(state.pcpu);
      return;
    }
    const from = state.pcpu;
    this.#pcpuAt(from).remove(state);
    state.pcpu = this.#placement.pick(state.affinity);
    this.#placement.count(from, -1);
    this.#placement.count(state.pcpu, 1);
    this.#shareWeights(from);
    this.#shareWeights(state.pcpu);
    if (state.awake) this.#enqueue(state, nowNs);
  }

  #applyParameters(state: SedfVcpu, parameters: SedfParameters, nowNs: number): void {
    const isNew = state.sliceNs === 0 && state.weight === 0;
    const { periodNs, sliceNs, extratime, extraweight, weight } = parameters;
    Object.assign(state, { periodNs, sliceNs, extratime, extraweight, weight });
    state.cputimeNs = Math.min(state.cputimeNs, sliceNs);
    // What is left of a longer period would keep the new one waiting.
    if (isNew || state.deadlineNs > nowNs + periodNs) this.#longBlock(state, nowNs);
    if (!extratime || sliceNs === 0) state.wantsPenalty = false;
    state.utilisationScore = Math.min(state.utilisationScore, utilisationCost(state));
  }

  /** Works out the slices that weights are worth on a pCPU. */
  #shareWeights(pcpu: number): void {
    const here = [...this.#vcpus.values()].filter((state) => state.pcpu === pcpu);
    if (!here.some((state) => state.weight > 0)) return;
    const slice = weightedSlice(here);
    for (const state of here) {
      if (state.weight === 0) continue;
      state.sliceNs = slice(state.weight);
      // Time of a larger slice must not count as many smaller ones.
      state.cputimeNs = Math.min(state.cputimeNs, state.sliceNs);
    }
  }

  #pcpuAt(pcpu: number): SedfPcpu {
    const queues = this.#pcpus[pcpu];
    if (queues === undefined) throw new Error(`there is no pCPU ${pcpu}`);
    return queues;
  }

  #domainOf(domid: number): SedfDomain {
    const domain = this.#domains.get(domid);
    if (domain === undefined) throw new Error(`the scheduler does not know domain ${domid}`);
    return domain;
  }

  #stateOf(vcpu: SchedulerVcpu): SedfVcpu {
    const state = this.#vcpus.get(vcpu);
    if (state === undefined) throw new Error(`the scheduler does not know vCPU ${vcpu.domid}.${vcpu.vcpuId}`);
    return state;
  }
}

/** What runs next, and as what. */
interface SedfChoice {
  readonly next: SedfVcpu | null;
  readonly kind: SedfVcpu['running'];
  readonly sliceNs: number;
}

/** How many quanta the first of L1 gets at once, before the next period begins. */
function quantaFor({ utilisation }: SedfPcpu, nextBeginNs = Number.POSITIVE_INFINITY): number {
  if (utilisation.entries.length > 1) return 1;
  return Math.min(MOST_QUANTA_ALONE, Math.floor(nextBeginNs / EXTRA_QUANTUM_NS));
}

import type { Affinity } from './affinity.ts';
import { type SchedulerDump, vcpuName } from './dump.ts';
import { checkParameters, type ParameterRefusal, type ParameterSchema, parameterDefaults, refuseUnknownDomain } from './parameters.ts';
import { PcpuPlacement } from './placement.ts';
import type { Scheduler, SchedulerDecision, SchedulerHost, SchedulerVcpu } from './scheduler.ts';

/** A vCPU as a {@link QueuePolicy} sees it. */
export interface QueuedVcpu<P extends object, S> {
  /** Which one it is. */
  readonly vcpu: SchedulerVcpu;
  /** The parameters of its domain, as they are now. */
  readonly parameters: P;
  /** What the policy keeps of it. */
  readonly state: S;
  /** CPU time that it has had. */
  readonly ranNs: number;
}

/** A policy over one queue of all vCPUs that can run and do not. */
export interface QueuePolicy<P extends object, S> {
  /** The name by which an operator chooses the scheduler. */
  readonly name: string;
  /** How long a vCPU runs at most before there is another choice. */
  readonly sliceNs: number;
  /** What may be set for a domain. */
  readonly domainSchema: ParameterSchema<P>;
  /** What is to be kept of a new vCPU. */
  begin(): S;
  /** Chooses one of those that wait, in the order in which they came, and may run on the pCPU that asks; there is at least one. */
  next(waiting: readonly QueuedVcpu<P, S>[]): QueuedVcpu<P, S> | undefined;
  /** A vCPU has run for some time. */
  ran?(vcpu: QueuedVcpu<P, S>, ns: number): void;
  /** A vCPU can run again; `others` can as well, and wait or run. */
  woken?(vcpu: QueuedVcpu<P, S>, others: readonly QueuedVcpu<P, S>[]): void;
}

interface Entry<P extends object, S> extends QueuedVcpu<P, S> {
  affinity: Affinity;
  pcpu: number;
  awake: boolean;
  running: boolean;
  hasRunBefore: boolean;
  startedNs: number;
  ranNs: number;
}

/**
 * Makes a scheduler of a policy: one queue for all pCPUs, with everything that is the same for each such scheduler. Where
 * queues of their own for pCPUs are wanted, there is {@link Scheduler} to be implemented.
 */
export function createQueueScheduler<P extends object, S>(host: SchedulerHost, policy: QueuePolicy<P, S>): Scheduler<P, Record<never, never>> {
  return new QueueScheduler(host, policy);
}

class QueueScheduler<P extends object, S> implements Scheduler<P, Record<never, never>> {
  readonly name: string;
  readonly domainSchema: ParameterSchema<P>;
  readonly globalSchema = {};
  readonly #host: SchedulerHost;
  readonly #policy: QueuePolicy<P, S>;
  readonly #placement: PcpuPlacement;
  readonly #domains = new Map<number, P>();
  readonly #entries = new Map<SchedulerVcpu, Entry<P, S>>();
  /** Those that can run and do not, in the order in which they came. */
  readonly #queue = new Set<Entry<P, S>>();
  readonly #current: (Entry<P, S> | null)[];

  constructor(host: SchedulerHost, policy: QueuePolicy<P, S>) {
    this.name = policy.name;
    this.domainSchema = policy.domainSchema;
    this.#host = host;
    this.#policy = policy;
    this.#placement = new PcpuPlacement(host.pcpus);
    this.#current = Array.from({ length: host.pcpus }, () => null);
  }

  initDomain(domid: number): void {
    this.#domains.set(domid, parameterDefaults(this.domainSchema));
  }

  destroyDomain(domid: number): void {
    this.#domains.delete(domid);
  }

  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity): void {
    const parametersOf = (): P => this.domainParameters(vcpu.domid) ?? parameterDefaults(this.domainSchema);
    this.#entries.set(vcpu, {
      vcpu,
      get parameters() {
        return parametersOf();
      },
      state: this.#policy.begin(),
      affinity,
      pcpu: this.#placement.pick(affinity),
      awake: false,
      running: false,
      hasRunBefore: false,
      startedNs: 0,
      ranNs: 0,
    });
  }

  destroyVcpu(vcpu: SchedulerVcpu): void {
    this.#queue.delete(this.#entryOf(vcpu));
    this.#entries.delete(vcpu);
  }

  wake(vcpu: SchedulerVcpu): void {
    const entry = this.#entryOf(vcpu);
    if (entry.awake) return;
    const others = [...this.#entries.values()].filter(({ awake }) => awake);
    entry.awake = true;
    this.#policy.woken?.(entry, others);
    if (!entry.running) this.#enqueue(entry);
  }

  sleep(vcpu: SchedulerVcpu): void {
    const entry = this.#entryOf(vcpu);
    entry.awake = false;
    this.#queue.delete(entry);
  }

  yield(): void {
    // The decision that follows puts it behind all others.
  }

  doSchedule(pcpu: number, nowNs: number): SchedulerDecision {
    const { sliceNs } = this.#policy;
    this.#stop(pcpu, nowNs);
    const waiting = this.#placement.isOnline(pcpu) ? [...this.#queue].filter(({ affinity }) => this.#placement.allows(affinity, pcpu)) : [];
    const chosen = waiting.length === 0 ? undefined : this.#policy.next(waiting);
    if (chosen === undefined) return { vcpu: null, sliceNs, migrated: false };
    const entry = this.#entryOf(chosen.vcpu);
    const migrated = entry.hasRunBefore && entry.pcpu !== pcpu;
    this.#queue.delete(entry);
    entry.pcpu = pcpu;
    entry.running = true;
    entry.hasRunBefore = true;
    entry.startedNs = nowNs;
    this.#current[pcpu] = entry;
    return { vcpu: entry.vcpu, sliceNs, migrated };
  }

  pickPcpu(vcpu: SchedulerVcpu): number {
    return this.#placement.pick(this.#entryOf(vcpu).affinity);
  }

  pcpuOf(vcpu: SchedulerVcpu): number {
    return this.#entryOf(vcpu).pcpu;
  }

  setAffinity(vcpu: SchedulerVcpu, affinity: Affinity): void {
    this.#entryOf(vcpu).affinity = affinity;
    this.#settleAll();
  }

  setPcpuOnline(pcpu: number, online: boolean): void {
    this.#placement.setOnline(pcpu, online);
    this.#host.raise(pcpu);
    this.#settleAll();
  }

  domainParameters(domid: number): P | undefined {
    return this.#domains.get(domid);
  }

  adjustDomain(domid: number, changes: Partial<P>): ParameterRefusal | undefined {
    const before = this.#domains.get(domid);
    if (before === undefined) return refuseUnknownDomain(domid);
    const refusal = checkParameters(this.domainSchema, changes);
    if (refusal === undefined) this.#domains.set(domid, { ...before, ...changes });
    return refusal;
  }

  globalParameters(): Record<never, never> {
    return {};
  }

  adjustGlobal(changes: object): ParameterRefusal | undefined {
    return checkParameters(this.globalSchema, changes);
  }

  dump(): SchedulerDump {
    const names = [...this.#queue].map(({ vcpu }) => vcpuName(vcpu));
    return {
      scheduler: this.name,
      pcpus: this.#current.map((current, pcpu) => ({
        ...{ pcpu, online: this.#placement.isOnline(pcpu), current: current === null ? 'idle' : vcpuName(current.vcpu) },
        ...{ queues: pcpu === 0 ? { all: names } : {}, values: {} },
      })),
      vcpus: [...this.#entries.values()].map(({ vcpu: { domid, vcpuId }, pcpu, awake, ranNs }) => ({ domid, vcpuId, pcpu, awake, ranNs, values: {} })),
    };
  }

  /** What has run on a pCPU until now is charged, and waits again if it can. */
  #stop(pcpu: number, nowNs: number): void {
    const previous = this.#current[pcpu] ?? null;
    this.#current[pcpu] = null;
    if (previous === null) return;
    const ns = nowNs - previous.startedNs;
    previous.running = false;
    previous.ranNs += ns;
    this.#policy.ran?.(previous, ns);
    if (previous.awake) this.#enqueue(previous, pcpu);
  }

  /** Puts a vCPU behind all others, and tells pCPUs that idle, but for the one that is looking anyway. */
  #enqueue(entry: Entry<P, S>, looking = -1): void {
    this.#queue.add(entry);
    if (!this.#placement.isWell(entry)) entry.pcpu = this.#placement.pick(entry.affinity);
    this.#current.forEach((current, pcpu) => {
      if (current === null && pcpu !== looking && this.#placement.allows(entry.affinity, pcpu)) this.#host.raise(pcpu);
    });
  }

  /** After a change of where vCPUs may run. */
  #settleAll(): void {
    for (const entry of this.#entries.values()) {
      if (entry.running && !this.#placement.isWell(entry)) this.#host.raise(entry.pcpu);
      else if (!entry.running && !this.#placement.isWell(entry)) entry.pcpu = this.#placement.pick(entry.affinity);
      if (this.#queue.has(entry)) this.#enqueue(entry);
    }
  }

  #entryOf(vcpu: SchedulerVcpu): Entry<P, S> {
    const entry = this.#entries.get(vcpu);
    if (entry === undefined) throw new Error(`the scheduler does not know vCPU ${vcpuName(vcpu)}`);
    return entry;
  }
}

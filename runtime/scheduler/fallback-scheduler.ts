import {
  type Affinity,
  EINVAL,
  PcpuPlacement,
  type ParameterRefusal,
  refuseUnknownDomain,
  type Scheduler,
  type SchedulerDecision,
  type SchedulerDump,
  type SchedulerHost,
  type SchedulerVcpu,
  vcpuName,
} from '#sdk';

/** Slice of every vCPU. */
const SLICE_NS = 10_000_000;

interface Entry {
  readonly vcpu: SchedulerVcpu;
  affinity: Affinity;
  pcpu: number;
  awake: boolean;
  running: boolean;
  hasRunBefore: boolean;
  startedNs: number;
  ranNs: number;
}

/**
 * What takes over when a scheduler of a plugin fails: the same slice for each vCPU in turn, on any pCPU that may run it.
 * It has no parameters. It is meant to be too simple to fail.
 */
class FallbackScheduler implements Scheduler {
  readonly name = 'fallback';
  readonly domainSchema = {};
  readonly globalSchema = {};
  readonly #host: SchedulerHost;
  readonly #placement: PcpuPlacement;
  readonly #domains = new Set<number>();
  readonly #entries = new Map<SchedulerVcpu, Entry>();
  /** Those that can run and do not, in the order of their turns. */
  readonly #queue = new Set<Entry>();
  readonly #current: (Entry | null)[];

  constructor(host: SchedulerHost) {
    this.#host = host;
    this.#placement = new PcpuPlacement(host.pcpus);
    this.#current = Array.from({ length: host.pcpus }, () => null);
  }

  initDomain(domid: number): void {
    this.#domains.add(domid);
  }

  destroyDomain(domid: number): void {
    this.#domains.delete(domid);
  }

  initVcpu(vcpu: SchedulerVcpu, affinity: Affinity): void {
    const pcpu = this.#placement.pick(affinity);
    this.#entries.set(vcpu, { vcpu, affinity, pcpu, awake: false, running: false, hasRunBefore: false, startedNs: 0, ranNs: 0 });
  }

  destroyVcpu(vcpu: SchedulerVcpu): void {
    this.#queue.delete(this.#entryOf(vcpu));
    this.#entries.delete(vcpu);
  }

  wake(vcpu: SchedulerVcpu): void {
    const entry = this.#entryOf(vcpu);
    if (entry.awake) return;
    entry.awake = true;
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
    const previous = this.#current[pcpu] ?? null;
    this.#current[pcpu] = null;
    if (previous !== null) {
      previous.running = false;
      previous.ranNs += nowNs - previous.startedNs;
      if (previous.awake) this.#enqueue(previous, pcpu);
    }
    const next = this.#placement.isOnline(pcpu) ? [...this.#queue].find(({ affinity }) => this.#placement.allows(affinity, pcpu)) : undefined;
    if (next === undefined) return { vcpu: null, sliceNs: SLICE_NS, migrated: false };
    const migrated = next.hasRunBefore && next.pcpu !== pcpu;
    this.#queue.delete(next);
    Object.assign(next, { pcpu, running: true, hasRunBefore: true, startedNs: nowNs });
    this.#current[pcpu] = next;
    return { vcpu: next.vcpu, sliceNs: SLICE_NS, migrated };
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

  domainParameters(domid: number): Record<never, never> | undefined {
    return this.#domains.has(domid) ? {} : undefined;
  }

  adjustDomain(domid: number, changes: object): ParameterRefusal | undefined {
    return this.#domains.has(domid) ? this.adjustGlobal(changes) : refuseUnknownDomain(domid);
  }

  globalParameters(): Record<never, never> {
    return {};
  }

  adjustGlobal(changes: object): ParameterRefusal | undefined {
    const [name] = Object.keys(changes);
    return name === undefined ? undefined : { errno: -EINVAL, parameter: name, expected: 'nothing: this scheduler has no parameters', seen: name };
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

  /** Gives a vCPU its turn behind all others, and tells pCPUs that idle, but for the one that is looking anyway. */
  #enqueue(entry: Entry, looking = -1): void {
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

  #entryOf(vcpu: SchedulerVcpu): Entry {
    const entry = this.#entries.get(vcpu);
    if (entry === undefined) throw new Error(`the scheduler does not know vCPU ${vcpuName(vcpu)}`);
    return entry;
  }
}

/** Makes the scheduler that takes over when another fails. */
export function createFallbackScheduler(host: SchedulerHost): Scheduler {
  return new FallbackScheduler(host);
}

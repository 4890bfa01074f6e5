import { type Affinity, allowsPcpu } from './affinity.ts';

/** What {@link PcpuPlacement} needs to know of a vCPU. */
export interface PlacedVcpu {
  /** The pCPUs that it may run on. */
  readonly affinity: Affinity;
  /** The pCPU it is on. */
  readonly pcpu: number;
}

/**
 * Which pCPUs are online and how many vCPUs each has, for schedulers with a queue per pCPU.
 * A new vCPU goes to the pCPU with the fewest; among equals to the lowest number.
 */
export class PcpuPlacement {
  readonly #online: boolean[];
  readonly #population: number[];

  constructor(pcpus: number) {
    this.#online = Array.from({ length: pcpus }, () => true);
    this.#population = Array.from({ length: pcpus }, () => 0);
  }

  /** Whether a pCPU takes part. */
  isOnline(pcpu: number): boolean {
    return this.#online[pcpu] ?? false;
  }

  /** Number of pCPUs that take part. */
  get onlineCount(): number {
    return this.#online.filter((online) => online).length;
  }

  /** A pCPU goes or comes. */
  setOnline(pcpu: number, online: boolean): void {
    this.#online[pcpu] = online;
  }

  /** Whether a vCPU may run on a pCPU; an affinity without any pCPU that is online allows all. */
  allows(affinity: Affinity, pcpu: number): boolean {
    if (!this.isOnline(pcpu)) return false;
    return allowsPcpu(affinity, pcpu) || !this.#online.some((online, other) => online && allowsPcpu(affinity, other));
  }

  /** The pCPU for a vCPU: the one with the fewest vCPUs that its affinity allows. */
  pick(affinity: Affinity): number {
    let best = -1;
    for (let pcpu = 0; pcpu < this.#online.length; pcpu++) {
      if (this.allows(affinity, pcpu) && (best < 0 || this.populationOf(pcpu) < this.populationOf(best))) best = pcpu;
    }
    if (best < 0) throw new Error('no pCPU is online');
    return best;
  }

  /** Number of vCPUs on a pCPU, asleep or awake. */
  populationOf(pcpu: number): number {
    return this.#population[pcpu] ?? 0;
  }

  /** A vCPU comes to a pCPU (`1`), or leaves it (`-1`). */
  count(pcpu: number, change: 1 | -1): void {
    this.#population[pcpu] = this.populationOf(pcpu) + change;
  }

  /** Whether a vCPU may stay where it is. */
  isWell({ affinity, pcpu }: PlacedVcpu): boolean {
    return this.allows(affinity, pcpu);
  }
}

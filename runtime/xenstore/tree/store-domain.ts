import { DEFAULT_QUOTAS, exceeds, type XenStoreQuotas } from './quota.ts';
import { domainPath } from './store-path.ts';

/** What the store knows of a domain: its limits, and what it uses of them. */
export class StoreDomain {
  readonly domid: number;
  /** Where its relative paths begin. */
  readonly path: string;
  /** Whether permissions and quotas do not hold for it: domain 0. */
  readonly privileged: boolean;
  /** Count of the store's changes when the domain became known: what is older meant another one. */
  readonly generation: number;
  readonly quotas: XenStoreQuotas;
  /** The domain whose rights it has besides its own (`XS_SET_TARGET`). */
  target: StoreDomain | undefined;
  introduced = false;
  /** Whether its shutdown was announced. */
  shutdown = false;
  nodes = 0;
  watches = 0;
  transactions = 0;
  outstanding = 0;
  memory = 0;

  constructor(domid: number, generation: number, quotas: Partial<XenStoreQuotas> = {}) {
    this.domid = domid;
    this.path = domainPath(domid);
    this.privileged = domid === 0;
    this.generation = generation;
    this.quotas = { ...DEFAULT_QUOTAS, ...quotas };
  }

  /** Whether `value` is over one of the domain's limits. */
  over(quota: keyof XenStoreQuotas, value: number): boolean {
    return !this.privileged && exceeds(value, this.quotas[quota]);
  }

  /** Whether its requests wait because it has not taken what it asked for. */
  get stalled(): boolean {
    return this.over('outstanding', this.outstanding + 1) || this.over('memory', this.memory + 1);
  }
}

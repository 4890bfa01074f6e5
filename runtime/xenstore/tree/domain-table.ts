import { Access, accessBits, type Permission } from './permissions.ts';
import type { XenStoreQuotas } from './quota.ts';
import { StoreDomain } from './store-domain.ts';
import { ownerOf, type StoreNode } from './store-node.ts';

/** The domains that the store knows. A permission for any other is void. */
export class DomainTable {
  /** Limits that a new domain begins with. */
  readonly defaults: Partial<XenStoreQuotas>;
  readonly #domains = new Map<number, StoreDomain>();

  constructor(defaults: Partial<XenStoreQuotas>) {
    this.defaults = { ...defaults };
  }

  /** Every known domain. */
  all(): Iterable<StoreDomain> {
    return this.#domains.values();
  }

  get(domid: number): StoreDomain | undefined {
    return this.#domains.get(domid);
  }

  /** Makes a domain known. */
  add(domid: number, generation: number): StoreDomain {
    const domain = new StoreDomain(domid, generation, this.defaults);
    this.#domains.set(domid, domain);
    return domain;
  }

  /** Forgets a domain, also as another's target. */
  remove(domain: StoreDomain): void {
    this.#domains.delete(domain.domid);
    for (const other of this.#domains.values()) if (other.target === domain) other.target = undefined;
  }

  /** What a domain may do with a node that has these permissions. */
  accessBy(domain: StoreDomain, permissions: readonly Permission[]): number {
    const [owner, ...others] = permissions;
    const isMeant = (domid: number | undefined): boolean => domid === domain.domid || (domain.target !== undefined && domid === domain.target.domid);
    if (domain.privileged || isMeant(owner?.domid)) return Access.ALL;
    return accessBits(others.find((entry) => isMeant(entry.domid) && entry.ignored === undefined) ?? owner);
  }

  /** Adds to the figures of whoever owns a node. */
  account(node: StoreNode, nodes: number, bytes: number): void {
    const owner = this.#domains.get(ownerOf(node));
    if (owner === undefined) return;
    owner.nodes += nodes;
    owner.memory += bytes;
  }
}

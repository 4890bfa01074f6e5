import type { Domain } from './domain.ts';
import type { DomainLife } from './domain-life.ts';

/** Numbers of domains end here. */
const LAST_DOMID = 0x7fef;

/** The domains of a hypervisor by name, and their lives by number. */
export class DomainTable {
  readonly #domains = new Map<string, Domain>();
  /** Those that a pCPU may still hear of: a domain that reboots has another one. */
  readonly lives = new Map<number, DomainLife>();
  #lastDomid = 0;

  /** All of them, as they were created. */
  get all(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  /** Whether a name is taken. */
  has(name: string): boolean {
    return this.#domains.has(name);
  }

  /** Takes a name. */
  set(name: string, domain: Domain): void {
    this.#domains.set(name, domain);
  }

  /** Frees a name. */
  delete(name: string): void {
    this.#domains.delete(name);
  }

  /** A domain by its name or number. */
  find(nameOrId: string | number): Domain | undefined {
    if (typeof nameOrId === 'string') return this.#domains.get(nameOrId);
    for (const domain of this.#domains.values()) if (domain.id === nameOrId) return domain;
    return undefined;
  }

  /** A number that no domain has. */
  nextDomid(): number {
    do this.#lastDomid = this.#lastDomid >= LAST_DOMID ? 1 : this.#lastDomid + 1;
    while (this.lives.has(this.#lastDomid) || this.find(this.#lastDomid) !== undefined);
    return this.#lastDomid;
  }
}

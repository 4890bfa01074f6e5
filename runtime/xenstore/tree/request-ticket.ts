import type { StoreDomain } from './store-domain.ts';

/**
 * A request of a domain that counts as outstanding until its reply was taken, and every event that it
 * caused: so that nobody can fill another's queue faster than that one reads.
 */
export class RequestTicket {
  readonly #domain: StoreDomain;
  readonly #relieved: () => void;
  #open = 1;

  /** @param relieved - called when the domain's requests need not wait any more */
  constructor(domain: StoreDomain, relieved: () => void) {
    this.#domain = domain;
    this.#relieved = relieved;
    domain.outstanding++;
  }

  /** One more message waits to be taken because of this request. */
  hold(): void {
    this.#open++;
  }

  /** A message was taken, or thrown away. */
  release(): void {
    this.#open--;
    if (this.#open > 0) return;
    const wasStalled = this.#domain.stalled;
    this.#domain.outstanding--;
    if (wasStalled && !this.#domain.stalled) this.#relieved();
  }
}

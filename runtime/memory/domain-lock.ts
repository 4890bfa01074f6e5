const FREE = 0;
const HELD = 1;
const CONTENDED = 2;
const SPINS = 200;
const NAP_MS = 1;

/**
 * A lock in shared memory around a domain's tables. Whoever holds it does a few dozen loads and stores, so others spin
 * first and sleep only when its holder was preempted. It is not recursive.
 */
export class DomainLock {
  readonly #words: Int32Array;
  readonly #index: number;
  /** Called over and over while a thread waits for the lock: what it owes others, it must not keep them waiting for. */
  meanwhile: (() => void) | undefined;

  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#index = index;
  }

  /** Calls `section` while no other thread is in a section of the same lock. */
  with<T>(section: () => T): T {
    this.#acquire();
    try {
      return section();
    } finally {
      this.#release();
    }
  }

  #acquire(): void {
    const words = this.#words;
    const index = this.#index;
    for (let i = 0; i < SPINS; i++) if (Atomics.compareExchange(words, index, FREE, HELD) === FREE) return;
    while (Atomics.exchange(words, index, CONTENDED) !== FREE) {
      this.meanwhile?.();
      Atomics.wait(words, index, CONTENDED, this.meanwhile === undefined ? Number.POSITIVE_INFINITY : NAP_MS);
    }
  }

  #release(): void {
    if (Atomics.exchange(this.#words, this.#index, FREE) === CONTENDED) Atomics.notify(this.#words, this.#index, 1);
  }
}

import type { RunStats } from '../pcpu/run-stats.ts';

/** Answers of pCPUs that somebody waits for. */
export class Answers {
  readonly #awaited = new Map<string, (stats?: RunStats) => void>();
  #syncs = 0;

  /** Kept when a pCPU has forgotten a domain, with what that had cost there. */
  forgotten(pcpu: number, domid: number): Promise<RunStats | undefined> {
    return this.#await(`${pcpu} forgotten ${domid}`);
  }

  /** A number for a question to a pCPU, and what is kept when it is answered. */
  sync(pcpu: number): { readonly id: number; readonly answer: Promise<unknown> } {
    const id = ++this.#syncs;
    return { id, answer: this.#await(`${pcpu} synced ${id}`) };
  }

  /** A pCPU has answered. */
  came(pcpu: number, what: 'forgotten' | 'synced', id: number, stats?: RunStats): void {
    const key = `${pcpu} ${what} ${id}`;
    const resolve = this.#awaited.get(key);
    this.#awaited.delete(key);
    resolve?.(stats);
  }

  /** A pCPU is lost: nobody is to wait for its answers. */
  lost(pcpu: number): void {
    for (const [key, resolve] of this.#awaited) {
      if (!key.startsWith(`${pcpu} `)) continue;
      this.#awaited.delete(key);
      resolve();
    }
  }

  #await(key: string): Promise<RunStats | undefined> {
    return new Promise((resolve) => this.#awaited.set(key, resolve));
  }
}

import type { PcpuLink } from './pcpu-link.ts';

const LOOK_MS = 250;

/** Sees whether pCPUs that were given something to do make steps. */
export class Watchdog {
  readonly #patienceMs: number;
  readonly #links: readonly PcpuLink[];
  readonly #bite: (pcpu: number, cause: Error) => void;
  readonly #seen: { count: number; since: number }[];
  #timer: NodeJS.Timeout | undefined;

  /** @param links - stays the same list when a pCPU is replaced */
  constructor(patienceMs: number, links: readonly PcpuLink[], bite: (pcpu: number, cause: Error) => void) {
    this.#patienceMs = patienceMs;
    this.#links = links;
    this.#bite = bite;
    this.#seen = links.map(() => ({ count: 0, since: performance.now() }));
  }

  /** Looks from now on. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Looks no longer. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    this.#links.forEach((link, pcpu) => {
      const seen = this.#seen[pcpu];
      if (seen === undefined) return;
      if (link.heartbeat !== seen.count || link.running < 0) Object.assign(seen, { count: link.heartbeat, since: now });
      else if (now - seen.since > this.#patienceMs) {
        seen.since = now;
        this.#bite(pcpu, new Error(`domain ${link.running} has kept it for ${Math.round(this.#patienceMs / 1000)} s`));
      }
    });
  }
}

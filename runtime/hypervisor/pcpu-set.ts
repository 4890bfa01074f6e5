import { HypervisorError } from '#sdk';
import { Doorbell } from '../pcpu/doorbell.ts';
import type { PcpuReport } from '../pcpu/pcpu-protocol.ts';
import { PcpuLink, type PcpuShared } from './pcpu-link.ts';

/** Who hears of pCPUs. */
export interface PcpuListener {
  report(pcpu: number, report: PcpuReport): void;
  /** A pCPU is lost; `running` is the domain that it ran, or -1. Its thread may still be ending. */
  lost(pcpu: number, error: HypervisorError, running: number): void;
  /** The thread of a lost pCPU has ended. */
  ended(pcpu: number, error: HypervisorError): void;
  /** Another thread has taken its place. */
  replaced(pcpu: number, link: PcpuLink): void;
}

const LOOK_MS = 250;

/** All pCPUs: their threads, and what becomes of one that has ended or is stuck. */
export class PcpuSet {
  readonly #shared: PcpuShared;
  readonly #listener: PcpuListener;
  readonly #watchdogMs: number;
  readonly #links: PcpuLink[];
  readonly #heartbeats: { count: number; since: number }[];
  readonly #replacing = new Set<number>();
  #watch: NodeJS.Timeout | undefined;
  #isClosing = false;

  /** @param watchdogMs - after which one that runs something and makes no step is lost */
  constructor(shared: PcpuShared, watchdogMs: number, listener: PcpuListener) {
    this.#shared = shared;
    this.#watchdogMs = watchdogMs;
    this.#listener = listener;
    this.#links = shared.doorbells.map((_, pcpu) => this.#start(pcpu));
    this.#heartbeats = this.#links.map(() => ({ count: 0, since: performance.now() }));
  }

  /** Kept when all of them take orders. */
  async begin(): Promise<void> {
    await Promise.all(this.#links.map(({ ready }) => ready));
    this.#watch = setInterval(() => this.#look(), LOOK_MS);
    this.#watch.unref();
  }

  /** All of them, by number. */
  get all(): readonly PcpuLink[] {
    return this.#links;
  }

  /** One of them. */
  at(pcpu: number): PcpuLink {
    const link = this.#links[pcpu];
    if (link === undefined) throw new Error(`there is no pCPU ${pcpu}`);
    return link;
  }

  /** From now on none is replaced. */
  stopWatching(): void {
    this.#isClosing = true;
    clearInterval(this.#watch);
  }

  /** Ends all threads. */
  async destroy(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.destroy()));
  }

  #start(pcpu: number): PcpuLink {
    return new PcpuLink(pcpu, this.#shared, {
      report: (from, report) => this.#listener.report(from, report),
      lost: (from, cause) => this.#lost(from, cause),
    });
  }

  /** A pCPU that was given something to do must make steps. */
  #look(): void {
    const now = performance.now();
    this.#links.forEach((link, pcpu) => {
      const seen = this.#heartbeats[pcpu];
      if (seen === undefined || this.#replacing.has(pcpu)) return;
      if (link.heartbeat !== seen.count || link.running < 0) Object.assign(seen, { count: link.heartbeat, since: now });
      else if (now - seen.since > this.#watchdogMs) {
        seen.since = now;
        this.#lost(pcpu, new Error(`domain ${link.running} has kept it for ${Math.round(this.#watchdogMs / 1000)} s`));
      }
    });
  }

  #lost(pcpu: number, cause: unknown): void {
    if (this.#isClosing || this.#replacing.has(pcpu)) return;
    this.#replacing.add(pcpu);
    const old = this.at(pcpu);
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new HypervisorError('HV_ERR_PCPU_FAILED', `pCPU ${pcpu} was lost: ${reason}`, { hint: 'the domain that it ran has crashed', cause });
    this.#listener.lost(pcpu, error, old.running);
    void this.#replace(pcpu, old, error);
  }

  /** What a thread leaves behind is touched only when it has ended for good. */
  async #replace(pcpu: number, old: PcpuLink, error: HypervisorError): Promise<void> {
    await old.destroy();
    this.#listener.ended(pcpu, error);
    if (this.#isClosing) return;
    new Doorbell(this.#shared.doorbells[pcpu] as SharedArrayBuffer).reset();
    const fresh = this.#start(pcpu);
    this.#links[pcpu] = fresh;
    this.#replacing.delete(pcpu);
    this.#listener.replaced(pcpu, fresh);
  }
}

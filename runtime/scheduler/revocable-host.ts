import type { SchedulerHost, SchedulerTimer } from '#sdk';

/**
 * What one scheduler gets of the host, so that nothing of it is left when it is replaced: its timers don't fire any
 * more, and nobody hears what it asks for.
 */
export class RevocableHost implements SchedulerHost {
  readonly #host: SchedulerHost;
  readonly #failed: (cause: unknown) => void;
  /** Those that are armed. */
  readonly #timers = new Set<SchedulerTimer>();
  #state: 'silent' | 'live' | 'revoked' = 'silent';

  /**
   * @param host - the real one
   * @param failed - called when a timer's function throws
   */
  constructor(host: SchedulerHost, failed: (cause: unknown) => void) {
    this.#host = host;
    this.#failed = failed;
  }

  get pcpus(): number {
    return this.#host.pcpus;
  }

  /** From now on it is heard. Until then it may be told of vCPUs without disturbing who is in charge. */
  enable(): void {
    this.#state = 'live';
  }

  /** From now on it is not heard. */
  revoke(): void {
    this.#state = 'revoked';
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  raise(pcpu: number, atNs?: number): void {
    if (this.#state !== 'live') return;
    if (atNs === undefined) this.#host.raise(pcpu);
    else this.#host.raise(pcpu, atNs);
  }

  createTimer(fire: (nowNs: number) => void): SchedulerTimer {
    const timer = this.#host.createTimer((nowNs) => {
      this.#timers.delete(timer);
      try {
        fire(nowNs);
      } catch (cause) {
        this.#failed(cause);
      }
    });
    return {
      arm: (atNs) => {
        if (this.#state === 'revoked') return;
        this.#timers.add(timer);
        timer.arm(atNs);
      },
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}

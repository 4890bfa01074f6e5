/** An event for a listener in the process. */
export interface EventCall {
  /** Identifies it, so that the same one does not wait twice. */
  readonly key: string;
  readonly path: string;
  call(path: string): void;
}

/**
 * Events for listeners in the process. They are called in a microtask, never within the request that caused
 * them, so that a listener may use the store freely.
 */
export class EventCalls {
  readonly #waiting = new Map<string, EventCall>();
  readonly #failed: (error: unknown, path: string) => void;
  #scheduled = false;

  constructor(failed: (error: unknown, path: string) => void) {
    this.#failed = failed;
  }

  add(event: EventCall): void {
    if (this.#waiting.has(event.key)) return;
    this.#waiting.set(event.key, event);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.drain());
  }

  /** Calls everyone who waits, also those that come to wait meanwhile. */
  drain(): void {
    this.#scheduled = false;
    for (const event of this.#waiting.values()) {
      this.#waiting.delete(event.key);
      try {
        event.call(event.path);
      } catch (error) {
        this.#failed(error, event.path);
      }
    }
  }
}

/** Something that happens at a moment of simulated time. */
export interface SimulatedEvent {
  /** When. */
  readonly atNs: number;
  /** What; undefined when it was cancelled. */
  action: (() => void) | undefined;
}

/** Events in order of their time, and of their making within a moment: a binary heap. */
export class EventQueue {
  readonly #heap: { readonly event: SimulatedEvent; readonly order: number }[] = [];
  #order = 0;

  /** Adds an event. */
  add(atNs: number, action: () => void): SimulatedEvent {
    const event: SimulatedEvent = { atNs, action };
    const entry = { event, order: this.#order++ };
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
    return event;
  }

  /** The time of the next event. */
  get nextNs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.event.atNs;
  }

  /** Takes the next event out. */
  take(): SimulatedEvent | undefined {
    this.#dropCancelled();
    return this.#removeFirst();
  }

  #dropCancelled(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].event.action === undefined) this.#removeFirst();
  }

  #removeFirst(): SimulatedEvent | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || first === last) return first?.event;
    this.#heap[0] = last;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#heap.length && this.#before(child, least)) least = child;
      if (least === at) return first.event;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.event.atNs < y.event.atNs || (x.event.atNs === y.event.atNs && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}

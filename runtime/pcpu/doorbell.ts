const SEQUENCE = 0;
const STOP = 1;
const RUNNING = 2;
const WORDS = 3;
const NOBODY = -1;

/**
 * A word in shared memory that wakes a pCPU; beside it the request to stop, and which domain it runs. Any thread may ring;
 * the pCPU waits.
 */
export class Doorbell {
  readonly #words: Int32Array;

  /** @param memory - what {@link Doorbell.allocate} made; the same in each thread */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Memory for a doorbell. */
  static allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(WORDS * 4);
    new Int32Array(memory)[RUNNING] = NOBODY;
    return memory;
  }

  /** The pCPU begins anew. */
  reset(): void {
    Atomics.store(this.#words, STOP, 0);
    this.running = NOBODY;
  }

  /** Wakes the pCPU, or keeps it from the next wait. */
  ring(): void {
    Atomics.add(this.#words, SEQUENCE, 1);
    Atomics.notify(this.#words, SEQUENCE);
  }

  /** Asks the pCPU to stop. */
  requestStop(): void {
    Atomics.store(this.#words, STOP, 1);
    this.ring();
  }

  /** Whether a stop was asked for. */
  get stopRequested(): boolean {
    return Atomics.load(this.#words, STOP) !== 0;
  }

  /** The domain whose vCPU the pCPU runs at this moment, or -1: so others know whose core to kick. */
  get running(): number {
    return Atomics.load(this.#words, RUNNING);
  }

  set running(domid: number) {
    Atomics.store(this.#words, RUNNING, domid);
  }

  /** How often it rang; taken before the pCPU looks for work, so that a ring in between is not missed. */
  get sequence(): number {
    return Atomics.load(this.#words, SEQUENCE);
  }

  /** Waits until it has rung since `sequence`, at most `milliseconds`. */
  wait(sequence: number, milliseconds = Infinity): void {
    Atomics.wait(this.#words, SEQUENCE, sequence, milliseconds);
  }
}

const Word = { SEQUENCE: 0, DOMID: 1, VCPU: 2, CONTROL: 3, HEARTBEAT: 4, WORDS: 8 } as const;
const UNTIL_AT = Word.WORDS * 4;
const BYTES = UNTIL_AT + 8;
const NOBODY = -1;

/** What a pCPU is to do. The object is used again. */
export interface PcpuOrder {
  /** Counts orders. */
  sequence: number;
  /** Domain and number of the vCPU to run; domid -1 = none. */
  domid: number;
  vcpu: number;
  /** When to ask for the next order, by the host's clock. */
  untilNs: number;
}

/**
 * Hot path: where the main thread leaves orders for a pCPU, in shared memory. A new order takes the place of the one
 * before, whether that was seen or not. Whoever writes here rings the pCPU's doorbell.
 */
export class PcpuMailbox {
  readonly #words: Int32Array;
  readonly #until: Float64Array;
  readonly #order: PcpuOrder = { sequence: 0, domid: NOBODY, vcpu: 0, untilNs: Number.POSITIVE_INFINITY };

  /** @param memory - what {@link PcpuMailbox.allocate} made; the same in both threads */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, Word.WORDS);
    this.#until = new Float64Array(memory, UNTIL_AT, 1);
  }

  /** Memory for a mailbox, whose order is to idle. */
  static allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(BYTES);
    const words = new Int32Array(memory);
    words[Word.DOMID] = NOBODY;
    new Float64Array(memory, UNTIL_AT)[0] = Number.POSITIVE_INFINITY;
    return memory;
  }

  /** Main thread: leaves an order; returns its number. */
  post(domid: number, vcpu: number, untilNs: number): number {
    const words = this.#words;
    // Odd while it is written.
    Atomics.add(words, Word.SEQUENCE, 1);
    Atomics.store(words, Word.DOMID, domid);
    Atomics.store(words, Word.VCPU, vcpu);
    this.#until[0] = untilNs;
    return Atomics.add(words, Word.SEQUENCE, 1) + 1;
  }

  /** Main thread: has the pCPU ask earlier than the order says. */
  hasten(untilNs: number): void {
    if (untilNs < (this.#until[0] ?? 0)) this.#until[0] = untilNs;
  }

  /** Main thread: says that messages wait for the pCPU. */
  announce(): void {
    Atomics.store(this.#words, Word.CONTROL, 1);
  }

  /** The pCPU: the order in force. */
  read(): PcpuOrder {
    const words = this.#words;
    const order = this.#order;
    for (;;) {
      const sequence = Atomics.load(words, Word.SEQUENCE);
      if ((sequence & 1) !== 0) continue;
      order.sequence = sequence;
      order.domid = Atomics.load(words, Word.DOMID);
      order.vcpu = Atomics.load(words, Word.VCPU);
      order.untilNs = this.#until[0] ?? 0;
      if (Atomics.load(words, Word.SEQUENCE) === sequence) return order;
    }
  }

  /** The pCPU: whether messages wait; once for each announcement. */
  takeAnnouncement(): boolean {
    return Atomics.load(this.#words, Word.CONTROL) !== 0 && Atomics.exchange(this.#words, Word.CONTROL, 0) !== 0;
  }

  /** The pCPU: it is alive. */
  beat(): void {
    Atomics.add(this.#words, Word.HEARTBEAT, 1);
  }

  /** The pCPU: whether there is something that it has not read yet, after the order with this number. */
  hasNews(sequence: number): boolean {
    return Atomics.load(this.#words, Word.SEQUENCE) !== sequence || Atomics.load(this.#words, Word.CONTROL) !== 0;
  }

  /** Main thread: counts the pCPU's steps. */
  get heartbeat(): number {
    return Atomics.load(this.#words, Word.HEARTBEAT);
  }
}

const FIRST_BYTES = 4096;

/** Bytes that were handed over to be sent, from the first that is not acknowledged: a ring that grows up to its capacity. */
export class SendQueue {
  readonly #capacity: number;
  #bytes = new Uint8Array(0);
  #start = 0;
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that still fit. */
  get room(): number {
    return this.#capacity - this.#length;
  }

  /** Takes as many bytes as fit; how many those are. */
  write(source: Uint8Array): number {
    const taken = Math.min(source.length, this.room);
    if (taken === 0) return 0;
    this.#reserve(this.#length + taken);
    const capacity = this.#bytes.length;
    const at = (this.#start + this.#length) % capacity;
    const first = Math.min(taken, capacity - at);
    this.#bytes.set(source.subarray(0, first), at);
    if (first < taken) this.#bytes.set(source.subarray(first, taken), 0);
    this.#length += taken;
    return taken;
  }

  /** Copies bytes from the queue, which keeps them. */
  copyOut(offset: number, length: number, target: Uint8Array, at: number): void {
    if (offset + length > this.#length) throw new RangeError(`bytes ${offset} to ${offset + length} of ${this.#length} in the queue`);
    if (length === 0) return;
    const capacity = this.#bytes.length;
    const from = (this.#start + offset) % capacity;
    const first = Math.min(length, capacity - from);
    target.set(this.#bytes.subarray(from, from + first), at);
    if (first < length) target.set(this.#bytes.subarray(0, length - first), at + first);
  }

  /** Forgets the first bytes. */
  drop(length: number): void {
    if (length > 0) this.#start = (this.#start + length) % this.#bytes.length;
    this.#length -= length;
  }

  /** Most connections carry little: memory is taken as it is needed. */
  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.min(this.#capacity, Math.max(FIRST_BYTES, length, 2 * this.#bytes.length)));
    this.copyOut(0, this.#length, bytes, 0);
    this.#bytes = bytes;
    this.#start = 0;
  }
}

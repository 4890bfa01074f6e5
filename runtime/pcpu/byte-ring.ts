const HEAD = 0;
const TAIL = 1;
const HEADER_BYTES = 8;

/**
 * Hot path: every byte of the guest's consoles. A ring of bytes in shared memory with one writer and one reader, each
 * in a thread of its own. Positions count up without end (modulo 2^32); the size is a power of two.
 */
export class ByteRing {
  readonly #positions: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mask: number;
  /** The writer's position; readers see it when it is published. */
  #written: number;
  /** The reader's position as the writer saw it last. */
  #seenHead: number;

  /** @param memory - what {@link ByteRing.allocate} made; the same in each thread */
  constructor(memory: SharedArrayBuffer) {
    this.#positions = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES);
    this.#mask = this.#bytes.length - 1;
    this.#written = Atomics.load(this.#positions, TAIL);
    this.#seenHead = Atomics.load(this.#positions, HEAD);
  }

  /** Memory for a ring of `size` bytes, a power of two. */
  static allocate(size: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEADER_BYTES + size);
  }

  /** Writer: puts a byte, which the reader sees after {@link publish}; false when there is no room. */
  put(byte: number): boolean {
    if (((this.#written - this.#seenHead) | 0) > this.#mask) {
      this.#seenHead = Atomics.load(this.#positions, HEAD);
      if (((this.#written - this.#seenHead) | 0) > this.#mask) return false;
    }
    this.#bytes[this.#written & this.#mask] = byte;
    this.#written = (this.#written + 1) | 0;
    return true;
  }

  /** Writer: how many bytes are put but not published. */
  get unpublished(): number {
    return (this.#written - Atomics.load(this.#positions, TAIL)) | 0;
  }

  /** Writer: lets the reader see what was put. */
  publish(): void {
    Atomics.store(this.#positions, TAIL, this.#written);
  }

  /** Writer: puts and publishes as many of `bytes` as there is room for, and returns how many. */
  write(bytes: Uint8Array): number {
    let count = 0;
    while (count < bytes.length && this.put(bytes[count] ?? 0)) count += 1;
    this.publish();
    return count;
  }

  /** Reader: whether there is anything to read. */
  get isEmpty(): boolean {
    return Atomics.load(this.#positions, TAIL) === Atomics.load(this.#positions, HEAD);
  }

  /** Reader: takes at most `limit` bytes; the result is a copy. */
  read(limit: number): Uint8Array<ArrayBuffer> {
    const head = Atomics.load(this.#positions, HEAD);
    const length = Math.min((Atomics.load(this.#positions, TAIL) - head) | 0, limit);
    const start = head & this.#mask;
    const first = Math.min(length, this.#bytes.length - start);
    const result = new Uint8Array(length);
    result.set(this.#bytes.subarray(start, start + first));
    result.set(this.#bytes.subarray(0, length - first), first);
    Atomics.store(this.#positions, HEAD, (head + length) | 0);
    return result;
  }
}

const BUFFER_BYTES = 1 << 16;

/** Copies of bytes, many in one buffer: a buffer for each of them would take more than what is in it. */
export class KeptBytes {
  #buffer = new Uint8Array(0);
  #next = 0;

  /** A copy, of at most 64 KiB. */
  keep(bytes: Uint8Array): Uint8Array {
    if (this.#next + bytes.length > this.#buffer.length) {
      this.#buffer = new Uint8Array(BUFFER_BYTES);
      this.#next = 0;
    }
    const copy = this.#buffer.subarray(this.#next, this.#next + bytes.length);
    copy.set(bytes);
    this.#next += bytes.length;
    return copy;
  }
}

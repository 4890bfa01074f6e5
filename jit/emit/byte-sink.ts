/** Longest LEB128 of 32 bits. */
const MOST_LEB = 5;

/** Bytes that grow at the end, with the number formats of WebAssembly. Writers of single numbers ask for room themselves. */
export class ByteSink {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes sure that `count` more bytes fit. */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) this.grow(count);
  }

  private grow(count: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  /** One byte, for which there is room. */
  put(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** Unsigned LEB128 of 32 bits, for which there is room. */
  putU32(value: number): void {
    let rest = value >>> 0;
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** Signed LEB128 of 32 bits, for which there is room. */
  putS32(value: number): void {
    let rest = value;
    while (rest < -64 || rest > 63) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>= 7;
    }
    this.bytes[this.length++] = rest & 127;
  }

  /** Signed LEB128 of the 64 bits in two words, for which there is room. */
  putS64(low: number, high: number): void {
    let l = low;
    let h = high;
    while (h !== l >> 31 || l < -64 || l > 63) {
      this.bytes[this.length++] = (l & 127) | 128;
      l = (l >>> 7) | (h << 25);
      h >>= 7;
    }
    this.bytes[this.length++] = l & 127;
  }

  /** The four bytes of a word, for which there is room. */
  putWord(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = (value >>> shift) & 255;
  }

  byte(value: number): void {
    this.reserve(1);
    this.put(value);
  }

  u32(value: number): void {
    this.reserve(MOST_LEB);
    this.putU32(value);
  }

  /** Text as UTF-8 behind its length. */
  text(value: string): void {
    this.chunk(new TextEncoder().encode(value));
  }

  /** Bytes behind their length. */
  chunk(content: Uint8Array): void {
    this.u32(content.length);
    this.raw(content);
  }

  raw(content: Uint8Array): void {
    this.reserve(content.length);
    this.bytes.set(content, this.length);
    this.length += content.length;
  }

  /** Overwrites `size` bytes at a place with a number in LEB128 that is padded to that size. */
  patch(at: number, value: number, size: number): void {
    let rest = value;
    for (let i = 0; i < size - 1; i++) {
      this.bytes[at + i] = (rest & 127) | 128;
      rest >>>= 7;
    }
    if (rest > 127) throw new Error(`${value} does not fit into ${size} bytes`);
    this.bytes[at + size - 1] = rest;
  }

  /** A copy of what was written. */
  content(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

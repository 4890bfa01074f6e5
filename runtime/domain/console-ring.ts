const IN_BYTES = 1024;
const OUT_AT = 0x400;
const OUT_BYTES = 2048;
const Word = { inCons: 0x300, inProd: 0x301, outCons: 0x302, outProd: 0x303 } as const;

/** What the console of a domain is connected to. */
export interface ConsoleLine {
  /** Takes a byte that the guest sent. */
  write(byte: number): void;
  /** Sends the event of the console's port to the guest. */
  notify(): void;
}

/**
 * The page of the console, as a backend serves it: a ring of bytes each way. Indices count up without end. The guest can
 * write any of them at any time: one that makes no sense is taken for an empty or a full ring.
 */
export class ConsoleRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #line: ConsoleLine;

  /** @param page - the guest's page, aligned to four bytes */
  constructor(page: Uint8Array, line: ConsoleLine) {
    this.#bytes = page;
    this.#words = new Int32Array(page.buffer, page.byteOffset, page.byteLength / 4);
    this.#line = line;
  }

  /** Takes all output of the guest; to be called when its port is signalled. */
  drain(): void {
    const end = this.#load(Word.outProd);
    let at = this.#load(Word.outCons);
    const count = (end - at) >>> 0;
    if (count === 0 || count > OUT_BYTES) return;
    for (; at !== end; at = (at + 1) >>> 0) this.#line.write(this.#bytes[OUT_AT + (at % OUT_BYTES)] ?? 0);
    Atomics.store(this.#words, Word.outCons, end | 0);
    this.#line.notify();
  }

  /** Takes at most `limit` bytes of the guest's output. */
  take(limit: number): Uint8Array<ArrayBuffer> {
    const at = this.#load(Word.outCons);
    const waiting = (this.#load(Word.outProd) - at) >>> 0;
    const bytes = new Uint8Array(waiting > OUT_BYTES ? 0 : Math.min(waiting, limit));
    if (bytes.length === 0) return bytes;
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#bytes[OUT_AT + ((at + i) % OUT_BYTES)] ?? 0;
    Atomics.store(this.#words, Word.outCons, (at + bytes.length) | 0);
    this.#line.notify();
    return bytes;
  }

  /** How many bytes of input there is room for. */
  get room(): number {
    const waiting = (this.#load(Word.inProd) - this.#load(Word.inCons)) >>> 0;
    return waiting > IN_BYTES ? 0 : IN_BYTES - waiting;
  }

  /** Gives the guest input, of which there must be no more than there is room for. */
  send(bytes: Uint8Array): void {
    let at = this.#load(Word.inProd);
    for (const byte of bytes) {
      this.#bytes[at % IN_BYTES] = byte;
      at = (at + 1) >>> 0;
    }
    Atomics.store(this.#words, Word.inProd, at | 0);
    this.#line.notify();
  }

  #load(word: number): number {
    return Atomics.load(this.#words, word) >>> 0;
  }
}

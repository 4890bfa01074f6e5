import type { XenStoreConnection } from './xenstore-connection.ts';
import { XsConnectionError, XsLimit } from './xs-wire.ts';

/** Words of `struct xenstore_domain_interface`, counted from offset 2048. */
const Word = { reqCons: 0, reqProd: 1, rspCons: 2, rspProd: 3, features: 4, connection: 5, error: 6 } as const;

const WORDS_OFFSET = 2 * XsLimit.ringSize;
const WORD_COUNT = 7;

/** How often a pump goes round at most, so that a guest that runs meanwhile cannot keep it. */
const MAX_ROUNDS = 64;

/**
 * The page that a domain shares with the store: two rings of bytes and their indices.
 * What the domain can write is read once and checked; the store's own indices are kept apart, and a page in
 * which they differ is broken. After an error the domain can ask for a new beginning by the connection word.
 */
export class XenStoreRing {
  readonly #connection: XenStoreConnection;
  readonly #notify: () => void;
  readonly #words: Int32Array;
  readonly #req: Uint8Array;
  readonly #rsp: Uint8Array;
  readonly #scratch = new Uint8Array(XsLimit.ringSize);
  #reqCons: number;
  #rspProd: number;
  #pumping = false;

  /**
   * @param page - the guest's page; aligned to four bytes
   * @param notify - sends the event of the domain's port
   */
  constructor(page: DataView, connection: XenStoreConnection, notify: () => void) {
    const { ringSize } = XsLimit;
    this.#connection = connection;
    this.#notify = notify;
    this.#words = new Int32Array(page.buffer, page.byteOffset + WORDS_OFFSET, WORD_COUNT);
    this.#req = new Uint8Array(page.buffer, page.byteOffset, ringSize);
    this.#rsp = new Uint8Array(page.buffer, page.byteOffset + ringSize, ringSize);
    this.#reqCons = this.#load(Word.reqCons);
    this.#rspProd = this.#load(Word.rspProd);
    this.#store(Word.features, connection.features);
    this.#store(Word.error, connection.error);
  }

  /** Whether the connection has ended, for now or for good. */
  get isBroken(): boolean {
    return this.#connection.isClosed || this.#connection.error !== XsConnectionError.NONE;
  }

  /**
   * Takes what the domain sent and gives it what waits. To be called when its port is signalled and when the
   * connection is ready; a call from within itself does nothing, for the outer one goes on.
   * @returns whether there is more to do at once
   */
  pump(): boolean {
    if (this.#connection.isClosed || this.#pumping) return false;
    this.#pumping = true;
    try {
      return this.#pump();
    } finally {
      this.#pumping = false;
    }
  }

  /** Begins anew on an empty page, as `XS_INTRODUCE` does for a domain that is connected already. */
  restart(): void {
    this.#connection.reset();
    this.#reqCons = 0;
    this.#rspProd = 0;
    for (const word of [Word.reqCons, Word.reqProd, Word.rspCons, Word.rspProd, Word.error]) this.#store(word, 0);
    this.#store(Word.connection, 0);
  }

  #pump(): boolean {
    let moved = this.#reconnect();
    let round = 0;
    for (; round < MAX_ROUNDS && !this.isBroken; round++) {
      const got = this.#pull();
      const gave = this.#push();
      if (!got && !gave) break;
      moved = true;
    }
    if (this.#connection.error !== this.#load(Word.error)) {
      this.#store(Word.error, this.#connection.error);
      moved = true;
    }
    if (moved) this.#notify();
    return round === MAX_ROUNDS;
  }

  #reconnect(): boolean {
    const { features } = this.#connection;
    if ((features & 1) === 0 || this.#load(Word.connection) !== 1) return false;
    this.restart();
    return true;
  }

  /** Moves requests from the ring to the connection, as far as it wants them. */
  #pull(): boolean {
    const { ringSize } = XsLimit;
    const available = (this.#load(Word.reqProd) - this.#reqCons) >>> 0;
    if (available > ringSize || this.#load(Word.reqCons) !== this.#reqCons) return this.#fail();
    const at = this.#reqCons % ringSize;
    const length = Math.min(available, ringSize - at, this.#connection.wanted);
    if (length === 0) return false;
    // Copied first: the domain may change it meanwhile.
    const bytes = this.#scratch.subarray(0, length);
    bytes.set(this.#req.subarray(at, at + length));
    this.#reqCons = (this.#reqCons + length) >>> 0;
    this.#store(Word.reqCons, this.#reqCons);
    this.#connection.receive(bytes);
    return true;
  }

  /** Moves replies and events to the ring, as far as there is room. */
  #push(): boolean {
    const { ringSize } = XsLimit;
    if (!this.#connection.hasOutput) return false;
    const waiting = (this.#rspProd - this.#load(Word.rspCons)) >>> 0;
    if (waiting > ringSize || this.#load(Word.rspProd) !== this.#rspProd) return this.#fail();
    const at = this.#rspProd % ringSize;
    const room = Math.min(ringSize - waiting, ringSize - at);
    if (room === 0) return false;
    const length = this.#connection.take(this.#scratch.subarray(0, room));
    this.#rsp.set(this.#scratch.subarray(0, length), at);
    this.#rspProd = (this.#rspProd + length) >>> 0;
    this.#store(Word.rspProd, this.#rspProd);
    return true;
  }

  #fail(): boolean {
    this.#connection.break(XsConnectionError.RINGIDX);
    return false;
  }

  #load(word: number): number {
    return Atomics.load(this.#words, word) >>> 0;
  }

  #store(word: number, value: number): void {
    Atomics.store(this.#words, word, value | 0);
  }
}

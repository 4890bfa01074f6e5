/** Words that the state around a vCPU takes at most. */
export const STATE_WORDS = 512;

/**
 * Hot path: the state around a vCPU, written by its owners one after the other and read by them in the same order, on
 * another thread perhaps. A word is a number, or 64 bits.
 */
export class StateWords {
  readonly #numbers: Float64Array;
  readonly #longs: BigUint64Array;
  #at = 0;

  /** @param memory - {@link STATE_WORDS} words from `offset` on */
  constructor(memory: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(STATE_WORDS * 8), offset = 0) {
    this.#numbers = new Float64Array(memory, offset, STATE_WORDS);
    this.#longs = new BigUint64Array(memory, offset, STATE_WORDS);
  }

  /** Back to the first word. */
  rewind(): this {
    this.#at = 0;
    return this;
  }

  put(...values: readonly number[]): void {
    for (const value of values) this.#numbers[this.#next()] = value;
  }

  get(): number {
    return this.#numbers[this.#next()] ?? 0;
  }

  putFlag(value: boolean): void {
    this.put(value ? 1 : 0);
  }

  getFlag(): boolean {
    return this.get() !== 0;
  }

  putLong(value: bigint): void {
    this.#longs[this.#next()] = value;
  }

  getLong(): bigint {
    return this.#longs[this.#next()] ?? 0n;
  }

  /** A moment, or null. */
  putMoment(ns: number | null): void {
    this.put(ns ?? Number.POSITIVE_INFINITY);
  }

  getMoment(): number | null {
    const ns = this.get();
    return ns === Number.POSITIVE_INFINITY ? null : ns;
  }

  #next(): number {
    if (this.#at >= STATE_WORDS) throw new RangeError(`the state around a vCPU has more than ${STATE_WORDS} words`);
    return this.#at++;
  }
}

/** What has a part of the state around a vCPU. */
export interface Movable {
  /** Writes it; it stays as it is. */
  save(into: StateWords): void;
  /** Takes over what was saved, in place of what was there. */
  load(from: StateWords): void;
}

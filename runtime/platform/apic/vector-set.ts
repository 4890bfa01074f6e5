import type { Movable, StateWords } from '../../machine/state-words.ts';

/** A set of the 256 interrupt vectors, as the 256-bit registers of a local APIC. */
export class VectorSet implements Movable {
  readonly #words = new Uint32Array(8);

  /** Whether `vector` is in the set. */
  has(vector: number): boolean {
    return ((this.word(vector >> 5) >>> (vector & 31)) & 1) !== 0;
  }

  /** Puts `vector` in or takes it out. */
  set(vector: number, member: boolean): void {
    const bit = 1 << (vector & 31);
    const word = this.word(vector >> 5);
    this.#words[vector >> 5] = member ? word | bit : word & ~bit;
  }

  /** The highest vector, or -1 when the set is empty. */
  highest(): number {
    for (let i = 7; i >= 0; i--) {
      const word = this.word(i);
      if (word !== 0) return 32 * i + 31 - Math.clz32(word);
    }
    return -1;
  }

  /** Vectors 32 * index and on as a 32-bit register. */
  word(index: number): number {
    return this.#words[index] ?? 0;
  }

  save(into: StateWords): void {
    into.put(...this.#words);
  }

  load(from: StateWords): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = from.get();
  }

  /** Empties the set. */
  clear(): void {
    this.#words.fill(0);
  }
}

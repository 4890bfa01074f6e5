import type { Movable, StateWords } from '../../machine/state-words.ts';
import { lapicRegister } from './lapic-registers.ts';

const MASKED = 1 << 16;

/** The local vector table of a local APIC. */
export class LocalVectorTable implements Movable {
  readonly #entries = new Map<number, number>(lapicRegister.lvts.map((index) => [index, MASKED]));

  /** After a reset all entries are masked. */
  reset(): void {
    for (const index of lapicRegister.lvts) this.#entries.set(index, MASKED);
  }

  /** Whether a register is one of its entries. */
  has(index: number): boolean {
    return this.#entries.has(index);
  }

  /** An entry. */
  entry(index: number): number {
    return this.#entries.get(index) ?? MASKED;
  }

  /** Writes what can be written of an entry; `enabled` as the spurious-vector register says. Returns the entry. */
  write(index: number, value: number, enabled: boolean): number {
    const entry = (value & (lapicRegister.lvtBits.get(index) ?? 0)) | (enabled ? 0 : MASKED);
    this.#entries.set(index, entry);
    return entry;
  }

  save(into: StateWords): void {
    for (const index of lapicRegister.lvts) into.put(this.entry(index));
  }

  load(from: StateWords): void {
    for (const index of lapicRegister.lvts) this.#entries.set(index, from.get());
  }
}

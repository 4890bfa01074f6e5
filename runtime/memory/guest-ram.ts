import type { SharedBytes } from '#jit';

/** Bytes of a page. */
export const PAGE = 4096;

/**
 * The memory of a domain by address in its WebAssembly memory: RAM from 0, and behind it the pages that the hypervisor
 * lends the domain. Several threads have it at once.
 */
export class GuestRam {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Bytes of the guest's own RAM. */
  readonly ramBytes: number;
  /** Told of bytes that were written here, not by the guest: decoded code may be among them. */
  onWrite: ((address: number, length: number) => void) | undefined;

  constructor({ buffer }: SharedBytes, ramBytes: number) {
    this.ramBytes = ramBytes;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Writes bytes. */
  write(address: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, address);
    this.onWrite?.(address, bytes.length);
  }

  /** Fills a page with zeroes. */
  clearPage(address: number): void {
    this.bytes.fill(0, address, address + PAGE);
    this.onWrite?.(address, PAGE);
  }

  /** Copies a page onto another. */
  copyPage(to: number, from: number): void {
    this.bytes.copyWithin(to, from, from + PAGE);
    this.onWrite?.(to, PAGE);
  }

  /** Sets bits of an aligned word; returns what was there. */
  setBits(address: number, bits: number): number {
    return Atomics.or(this.words, address >> 2, bits);
  }

  /** Clears bits of an aligned word; returns what was there. */
  clearBits(address: number, bits: number): number {
    return Atomics.and(this.words, address >> 2, ~bits);
  }

  /** An aligned word. */
  load(address: number): number {
    return Atomics.load(this.words, address >> 2);
  }

  /** Replaces an aligned word if it is still `expected`. */
  replace(address: number, expected: number, value: number): boolean {
    return Atomics.compareExchange(this.words, address >> 2, expected, value) === expected;
  }
}

import type { ByteRing } from './byte-ring.ts';
import type { Doorbell } from './doorbell.ts';

/** Bytes that are collected before the main thread is told, within a slice. */
const BATCH = 4096;
const LOOK_MS = 100;

/** What a console needs to reach the main thread. */
export interface ConsoleLink {
  readonly ring: ByteRing;
  /** Rings when there is room again. Without it nobody waits, and what does not fit is dropped. */
  readonly doorbell?: Doorbell;
  readonly told: Int32Array;
  /** Called over and over while it waits for room: the pCPU is not stuck, its reader is slow. */
  waiting?(): void;
  /** Tells the main thread that there is output. */
  tell(): void;
}

/**
 * Hot path: the guest's console on its way to the main thread. When the ring is full, because nobody takes the host's
 * standard output, the pCPU waits; so neither thread ever holds more than the ring.
 */
export class ConsoleOutput {
  readonly #link: ConsoleLink;
  #pending = 0;

  constructor(link: ConsoleLink) {
    this.#link = link;
  }

  /** Takes a byte. After a stop was asked for, what does not fit is dropped. */
  write(byte: number): void {
    if (!this.#link.ring.put(byte) && !this.#waitAndPut(byte)) return;
    this.#pending += 1;
    if (this.#pending >= BATCH) this.flush();
  }

  /** Lets the main thread see what was written. */
  flush(): void {
    if (this.#pending === 0) return;
    this.#pending = 0;
    const { ring, told } = this.#link;
    ring.publish();
    if (Atomics.exchange(told, 0, 1) === 0) this.#link.tell();
  }

  #waitAndPut(byte: number): boolean {
    const { ring, doorbell, waiting } = this.#link;
    this.flush();
    while (doorbell !== undefined && !doorbell.stopRequested) {
      const sequence = doorbell.sequence;
      if (ring.put(byte)) return true;
      waiting?.();
      doorbell.wait(sequence, LOOK_MS);
    }
    return ring.put(byte);
  }
}

import { MAX_PORTS, MAX_VCPUS } from '../memory/domain-tables.ts';
import type { Doorbell } from './doorbell.ts';

const PORT_WORDS = MAX_PORTS / 32;
const TOLD = 0;
const KICKED = 1;
const DEAD = KICKED + MAX_VCPUS;
const HOMES = DEAD + MAX_VCPUS;
const PORTS = HOMES + MAX_VCPUS;
const NOWHERE = -1;

/**
 * Words in shared memory by which threads tell each other that something has happened to a domain: which ports it
 * signalled to backends on the main thread, which of its vCPUs should look at their events, and which wait for ever.
 */
export class DomainBoard {
  readonly #words: Int32Array;

  /** @param memory - what {@link DomainBoard.allocate} made; the same in each thread */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Memory for a board. */
  static allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer((PORTS + PORT_WORDS) * 4);
    new Int32Array(memory).fill(NOWHERE, HOMES, PORTS);
    return memory;
  }

  /** The domain signals a port; true when the main thread has to be told. */
  signal(port: number): boolean {
    Atomics.or(this.#words, PORTS + (port >>> 5), 1 << (port & 31));
    return Atomics.exchange(this.#words, TOLD, 1) === 0;
  }

  /** Main thread: calls back for each port that was signalled. */
  takeSignals(found: (port: number) => void): void {
    Atomics.store(this.#words, TOLD, 0);
    for (let index = 0; index < PORT_WORDS; index++) {
      if (Atomics.load(this.#words, PORTS + index) === 0) continue;
      for (let bits = Atomics.exchange(this.#words, PORTS + index, 0); bits !== 0; bits &= bits - 1) found(index * 32 + (31 - Math.clz32(bits & -bits)));
    }
  }

  /** The pCPU on which a vCPU lives, or -1. */
  homeOf(vcpu: number): number {
    return Atomics.load(this.#words, HOMES + vcpu);
  }

  /** A vCPU lives on a pCPU from now on. */
  setHome(vcpu: number, pcpu: number): void {
    Atomics.store(this.#words, HOMES + vcpu, pcpu);
  }

  /** Has the pCPU on which a vCPU lives look at its events. */
  kick(vcpu: number, doorbells: readonly Doorbell[]): void {
    Atomics.store(this.#words, KICKED + vcpu, 1);
    doorbells[this.homeOf(vcpu)]?.ring();
  }

  /** The pCPU: whether anybody kicked a vCPU, once. */
  takeKick(vcpu: number): boolean {
    return Atomics.load(this.#words, KICKED + vcpu) !== 0 && Atomics.exchange(this.#words, KICKED + vcpu, 0) !== 0;
  }

  /** A vCPU has halted with interrupts off, or runs again. */
  setDead(vcpu: number, dead: boolean): void {
    Atomics.store(this.#words, DEAD + vcpu, dead ? 1 : 0);
  }

  /** Whether a vCPU has halted with interrupts off: only another vCPU can have it run again. */
  isDead(vcpu: number): boolean {
    return Atomics.load(this.#words, DEAD + vcpu) !== 0;
  }
}

import { MAX_PORTS, MAX_VCPUS } from '../memory/domain-tables.ts';

const PORT_WORDS = MAX_PORTS / 32;
const TOLD = 0;
const KICKED = 1;
const DEAD = KICKED + MAX_VCPUS;
const HOMES = DEAD + MAX_VCPUS;
const WANTED = HOMES + MAX_VCPUS;
const RECORDS = WANTED + MAX_VCPUS;
const PORTS = RECORDS + MAX_VCPUS;
/** No pCPU: the vCPU is in its record. */
export const NOWHERE = -1;

/** What the record of a vCPU is worth. */
export const RecordState = {
  /** Nothing yet: the vCPU has not begun. */
  EMPTY: 0,
  /** It is the vCPU as it is. */
  SAVED: 1,
  /** The pCPU that has the vCPU is changing it. */
  STALE: 2,
} as const;

/**
 * Words in shared memory by which threads tell each other that something has happened to a domain: which ports it
 * signalled to backends on the main thread, which of its vCPUs should look at their events, which wait for ever, and
 * which pCPU has each of them. A vCPU that is nowhere is taken by whoever is ordered to run it; one that waits is
 * looked after by the pCPU that has it, until another one wants it.
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
    new Int32Array(memory).fill(NOWHERE, HOMES, RECORDS);
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

  /** The pCPU that has a vCPU, or {@link NOWHERE}. */
  homeOf(vcpu: number): number {
    return Atomics.load(this.#words, HOMES + vcpu);
  }

  /** A pCPU takes a vCPU; false when another has it. */
  take(vcpu: number, pcpu: number): boolean {
    return Atomics.compareExchange(this.#words, HOMES + vcpu, NOWHERE, pcpu) === NOWHERE;
  }

  /** A pCPU wants a vCPU that another has; the other one. It may have let go of it meanwhile. */
  want(vcpu: number, pcpu: number): number {
    Atomics.store(this.#words, WANTED + vcpu, pcpu);
    return this.homeOf(vcpu);
  }

  /** Whether another pCPU wants a vCPU. */
  isWanted(vcpu: number): boolean {
    return Atomics.load(this.#words, WANTED + vcpu) !== NOWHERE;
  }

  /** Nobody wants a vCPU any more: it is where it is to be. */
  forgetWanted(vcpu: number): void {
    Atomics.store(this.#words, WANTED + vcpu, NOWHERE);
  }

  /** The pCPU that has a vCPU, whose record is saved, lets go of it; the pCPU that wants it, or {@link NOWHERE}. */
  letGo(vcpu: number): number {
    Atomics.store(this.#words, HOMES + vcpu, NOWHERE);
    return Atomics.exchange(this.#words, WANTED + vcpu, NOWHERE);
  }

  /** What the record of a vCPU is worth. */
  recordState(vcpu: number): number {
    return Atomics.load(this.#words, RECORDS + vcpu);
  }

  setRecordState(vcpu: number, state: number): void {
    Atomics.store(this.#words, RECORDS + vcpu, state);
  }

  /** Has whoever has a vCPU look at its events; its pCPU is to be told afterwards. */
  kick(vcpu: number): void {
    Atomics.store(this.#words, KICKED + vcpu, 1);
  }

  /** Whether anybody kicked a vCPU. */
  isKicked(vcpu: number): boolean {
    return Atomics.load(this.#words, KICKED + vcpu) !== 0;
  }

  /** The pCPU: whether anybody kicked a vCPU, once. */
  takeKick(vcpu: number): boolean {
    return this.isKicked(vcpu) && Atomics.exchange(this.#words, KICKED + vcpu, 0) !== 0;
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

import * as L from '../state/vcpu-layout.ts';

/** A fault that was delivered, or was about to be. */
export interface RecordedFault {
  readonly vector: number;
  /** Error code, -1 when the vector has none. */
  readonly error: number;
  readonly rip: bigint;
  /** CR2 at that moment: of a page fault, its address. */
  readonly cr2: bigint;
}

const BLOCKS = 32;
const FAULTS = 8;

/**
 * Hot path: each return to the host loop. Keeps where the host loop entered the guest last and which faults it
 * delivered, for the report of a crash.
 */
export class FlightRecorder {
  readonly #rips = new BigUint64Array(BLOCKS);
  readonly #faults = new BigUint64Array(FAULTS * 2);
  readonly #codes = new Int32Array(FAULTS * 2);
  #blocks = 0;
  #faultCount = 0;

  /** Notes that the block at `rip` is entered. */
  block(rip: bigint): void {
    this.#rips[this.#blocks++ & (BLOCKS - 1)] = rip;
  }

  /** Notes the fault that is recorded in the machine state. */
  fault(view: DataView): void {
    const at = (this.#faultCount++ & (FAULTS - 1)) * 2;
    this.#codes[at] = view.getInt32(L.FAULT_VECTOR, true);
    this.#codes[at + 1] = view.getInt32(L.FAULT_ERROR, true);
    this.#faults[at] = view.getBigUint64(L.RIP, true);
    this.#faults[at + 1] = view.getBigUint64(L.CR2, true);
  }

  /** Blocks entered last, the latest last. A block that another one led to without the host loop is not among them. */
  get lastBlocks(): bigint[] {
    const count = Math.min(this.#blocks, BLOCKS);
    return Array.from({ length: count }, (_, i) => this.#rips[(this.#blocks - count + i) & (BLOCKS - 1)] ?? 0n);
  }

  /** Faults delivered last, the latest last. */
  get lastFaults(): RecordedFault[] {
    const count = Math.min(this.#faultCount, FAULTS);
    return Array.from({ length: count }, (_, i) => {
      const at = ((this.#faultCount - count + i) & (FAULTS - 1)) * 2;
      return { vector: this.#codes[at] ?? 0, error: this.#codes[at + 1] ?? -1, rip: this.#faults[at] ?? 0n, cr2: this.#faults[at + 1] ?? 0n };
    });
  }
}

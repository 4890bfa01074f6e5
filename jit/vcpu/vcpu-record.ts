import * as L from '../state/vcpu-layout.ts';

/**
 * Bytes of a vCPU outside any core. A word of the processor's state is at its address in `vcpu-layout.ts`, from GPR up to
 * FETCH_ANY; below stand the RECORD_ words. What belongs to a core (budget, caches, generation of the jump cache) is 0.
 */
export const VCPU_RECORD_BYTES = 0x800;
/** u64: which save of which core this is; who changes control registers or paging in a record writes 0 here. */
export const RECORD_RESIDENCE = 0;
/** u64 instructions executed. */
export const RECORD_EXECUTED = 8;
/** u32: 1 when a non-maskable interrupt waits. */
export const RECORD_NMI_PENDING = 16;

const START = L.GPR;
const END = L.FETCH_ANY;
const CONTEXT_MASK = 0xffff;
/** Words of the image that are the core's. */
const CORE_WORDS = [L.BUDGET, L.CUR_REC, L.TLB_BASE, L.RAM_SIZE] as const;

/** What moving vCPUs asks of a core. */
export interface RecordCore {
  readonly view: DataView;
  readonly exports: { flushTlb(includeGlobal: number): void; updateContext(): void };
}

/** Takes vCPUs off a core and puts them on it, and knows which one its caches belong to. */
export class VcpuResidence {
  readonly #core: RecordCore;
  readonly #state: Uint8Array;
  readonly #serial = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  #saves = 0;

  constructor(core: RecordCore) {
    this.#core = core;
    this.#state = new Uint8Array(core.view.buffer, START, END - START);
  }

  /** The vCPU runs: no record made before is of it as it is now. */
  ran(): void {
    this.#saves++;
  }

  /** Writes the vCPU to a record of {@link VCPU_RECORD_BYTES}. */
  save(into: Uint8Array): void {
    const { view } = this.#core;
    const record = viewOf(into);
    into.fill(0);
    into.set(this.#state, START);
    for (const word of CORE_WORDS) record.setUint32(word, 0, true);
    record.setUint32(L.CTX, view.getUint32(L.CTX, true) & CONTEXT_MASK, true);
    record.setUint32(RECORD_RESIDENCE, ++this.#saves, true);
    record.setUint32(RECORD_RESIDENCE + 4, this.#serial, true);
    record.setBigUint64(RECORD_EXECUTED, view.getBigUint64(L.EXECUTED, true), true);
    record.setUint32(RECORD_NMI_PENDING, view.getUint32(L.NMI_PENDING, true), true);
  }

  /** Takes the vCPU of a record. The TLB goes, unless this core saved the record last and has run nothing since. */
  load(from: Uint8Array): void {
    const { view, exports } = this.#core;
    const record = viewOf(from);
    const resident = record.getUint32(RECORD_RESIDENCE, true) === this.#saves && record.getUint32(RECORD_RESIDENCE + 4, true) === this.#serial;
    const generation = view.getUint32(L.CTX, true) & ~CONTEXT_MASK;
    const kept = CORE_WORDS.map((word) => view.getUint32(word, true));
    this.#state.set(from.subarray(START, END));
    for (const [i, word] of CORE_WORDS.entries()) view.setUint32(word, kept[i] as number, true);
    view.setUint32(L.CTX, (record.getUint32(L.CTX, true) & CONTEXT_MASK) | generation, true);
    view.setBigUint64(L.EXECUTED, record.getBigUint64(RECORD_EXECUTED, true), true);
    view.setUint32(L.NMI_PENDING, record.getUint32(RECORD_NMI_PENDING, true), true);
    if (!resident) {
      // a record may be loaded twice: what ran in between is not what the next save of this core will be compared with
      this.#saves++;
      view.setUint32(L.CUR_REC, 0, true);
      exports.flushTlb(1);
    }
    exports.updateContext();
  }
}

function viewOf(record: Uint8Array): DataView {
  if (record.length !== VCPU_RECORD_BYTES) throw new RangeError(`a vCPU's record has ${VCPU_RECORD_BYTES} bytes, not ${record.length}`);
  return new DataView(record.buffer, record.byteOffset, record.length);
}

import type { Lapic } from '../platform/lapic.ts';
import type { Movable, StateWords } from './state-words.ts';

/** MSRs that only keep what is written, with their values after reset (SDM vol 4). */
const KEPT: ReadonlyMap<number, bigint> = new Map<number, bigint>([
  [0x3a, 1n], // IA32_FEATURE_CONTROL: locked, no VMX
  [0x8b, 0x1n << 32n], // microcode revision
  [0xce, 0n],
  [0xfe, 0x508n], // IA32_MTRRCAP: 8 variable ranges, fixed ranges, write-combining
  [0x2ff, 0xc06n], // default type write-back, enabled
  [0x250, 0x0606060606060606n],
  [0x258, 0x0606060606060606n],
  [0x259, 0n],
  ...Array.from({ length: 8 }, (_, i) => [0x268 + i, 0x0606060606060606n] as const),
  ...Array.from({ length: 16 }, (_, i) => [0x200 + i, 0n] as const),
  // IA32_ARCH_CAPABILITIES: RDCL_NO, IBRS_ALL, SKIP_L1DFL, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO; SBDR_SSDP_NO, FBSDP_NO, PSDP_NO;
  // BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO: nothing here runs ahead of itself, and a guest that knows spares itself the thunks
  [0x10a, 0x17bn | (7n << 13n) | (1n << 20n) | (1n << 24n) | (3n << 26n) | (1n << 62n)],
  [0x140, 0n],
  [0x17, 0n],
  [0x33, 0n],
  [0x34, 0n],
  [0x1b0, 0n],
  [0x1d9, 0n],
  [0x606, 0n],
  [0x179, 0n],
  [0x17a, 0n],
  [0x122, 0n],
  [0xcd, 3n],
  [0x2a, 0n],
  [0x119, 0n],
]);

/** MSRs whose writes are refused. */
const READ_ONLY = new Set([0xfe, 0x10a, 0xce, 0x17, 0xcd]);

const APIC_BASE = 0x1b;
const TSC_DEADLINE = 0x6e0;

/** The MSRs of one vCPU that microcode does not keep itself. */
export class MsrBank implements Movable {
  /** Those that were written. */
  readonly #written = new Map<number, bigint>();
  readonly #lapic: Lapic;

  constructor(lapic: Lapic) {
    this.#lapic = lapic;
  }

  /** The value, or null when there is no such MSR. */
  read(index: number): bigint | null {
    if (isApicMsr(index)) {
      const value = this.#lapic.readMsr(index);
      return value === null ? null : BigInt(value.low >>> 0) | (BigInt(value.high >>> 0) << 32n);
    }
    return this.#written.get(index) ?? KEPT.get(index) ?? null;
  }

  /** Takes a value; false when there is no such MSR or it refuses the value. */
  write(index: number, value: bigint): boolean {
    if (isApicMsr(index)) return this.#lapic.writeMsr(index, Number(value & 0xffffffffn), Number(value >> 32n));
    if (!KEPT.has(index)) return index === 0x49 || index === 0x10b; // IA32_PRED_CMD, IA32_FLUSH_CMD: commands
    if (READ_ONLY.has(index)) return false;
    this.#written.set(index, value);
    return true;
  }

  save(into: StateWords): void {
    into.put(this.#written.size);
    for (const [index, value] of this.#written) {
      into.put(index);
      into.putLong(value);
    }
  }

  load(from: StateWords): void {
    this.#written.clear();
    for (let left = from.get(); left > 0; left--) {
      const index = from.get();
      this.#written.set(index, from.getLong());
    }
  }
}

const isApicMsr = (index: number): boolean => index === APIC_BASE || index === TSC_DEADLINE || (index >= 0x800 && index < 0x900);

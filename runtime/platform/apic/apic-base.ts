import type { Movable, StateWords } from '../../machine/state-words.ts';

const BSP = 1 << 8;
const X2APIC = 1 << 10;
const ENABLED = 1 << 11;
const BOTH = ENABLED | X2APIC;
const RESERVED = 0x2ff;
const DEFAULT_ADDRESS = 0xfee0_0000;
const TWO_32 = 2 ** 32;

/** A model-specific register as RDMSR returns it. */
export interface MsrValue {
  readonly low: number;
  readonly high: number;
}

/** IA32_APIC_BASE: where a local APIC is, and in which mode. */
export class ApicBase implements Movable {
  #address = DEFAULT_ADDRESS;
  #flags = ENABLED;

  constructor(bootstrap: boolean) {
    if (bootstrap) this.#flags |= BSP;
  }

  /** The APIC is switched on. */
  get enabled(): boolean {
    return (this.#flags & ENABLED) !== 0;
  }

  /** The APIC is in x2APIC mode. */
  get x2apic(): boolean {
    return (this.#flags & X2APIC) !== 0;
  }

  /** Physical address of the registers, or null when none are mapped. */
  get mmioAddress(): number | null {
    return (this.#flags & BOTH) === ENABLED ? this.#address : null;
  }

  save(into: StateWords): void {
    into.put(this.#address, this.#flags);
  }

  load(from: StateWords): void {
    this.#address = from.get();
    this.#flags = from.get();
  }

  /** The register. */
  read(): MsrValue {
    return { low: (this.#address % TWO_32) + this.#flags, high: Math.floor(this.#address / TWO_32) };
  }

  /** Writes the register; false where the processor raises #GP. */
  write(low: number, high: number): boolean {
    const mode = low & BOTH;
    const before = this.#flags & BOTH;
    const reserved = (low & RESERVED) !== 0 || high >= 1 << 20;
    // x2APIC is entered from xAPIC only, and left only by switching the APIC off.
    const badMode = mode === X2APIC || (before === 0 && mode === BOTH) || (before === BOTH && mode === ENABLED);
    if (reserved || badMode) return false;
    this.#address = high * TWO_32 + ((low & 0xffff_f000) >>> 0);
    this.#flags = mode | (low & BSP);
    return true;
  }
}

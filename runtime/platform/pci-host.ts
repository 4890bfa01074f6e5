import { type AccessSize, type BusDevice, HypervisorError } from '#sdk';

const ENABLE = 0x8000_0000;

/** A PCI function as its configuration space: 256 bytes, little-endian. */
export interface PciFunction {
  /** Reads `size` bytes at `offset`; accesses are aligned. */
  readConfig(offset: number, size: AccessSize): number;
  /** Writes `size` bytes at `offset`; accesses are aligned. */
  writeConfig(offset: number, size: AccessSize, value: number): void;
}

/** Where a PCI function sits. */
export interface PciAddress {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

/**
 * The PCI host bridge with configuration mechanism 1, ports CF8h-CFFh. Byte accesses to CF9h belong
 * to the reset control register, which the board puts in the middle of the address register.
 */
export class PciHost implements BusDevice {
  readonly #functions = new Map<number, PciFunction>();
  readonly #resetControl: BusDevice;
  #address = 0;

  constructor(deps: { readonly resetControl: BusDevice }) {
    this.#resetControl = deps.resetControl;
    this.attach({ bus: 0, device: 0, function: 0 }, new HostBridge());
  }

  /**
   * Attaches a function.
   * @throws HypervisorError `HV_ERR_PCI_SLOT` when the address is bad or taken.
   */
  attach(address: PciAddress, device: PciFunction): void {
    const { bus, device: slot, function: number } = address;
    const inRange = bus >= 0 && bus < 256 && slot >= 0 && slot < 32 && number >= 0 && number < 8;
    const key = (bus << 8) | (slot << 3) | number;
    if (!inRange || this.#functions.has(key)) {
      const reason = inRange ? 'it is taken' : 'there is no such address';
      throw new HypervisorError('HV_ERR_PCI_SLOT', `A PCI function can't be attached at ${bus}:${slot}.${number}: ${reason}.`);
    }
    this.#functions.set(key, device);
  }

  read(offset: number, size: AccessSize): number {
    if (offset === 0 && size === 4) return this.#address;
    if (offset === 1 && size === 1) return this.#resetControl.read(0, 1);
    const target = offset >= 4 ? this.#selected() : undefined;
    if (target === undefined) return size === 4 ? 0xffff_ffff : (1 << (8 * size)) - 1;
    return target.readConfig(this.#register(offset), size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === 0 && size === 4) this.#address = (value & 0x80ff_fffc) >>> 0;
    else if (offset === 1 && size === 1) this.#resetControl.write(0, 1, value);
    else if (offset >= 4) this.#selected()?.writeConfig(this.#register(offset), size, value);
  }

  #selected(): PciFunction | undefined {
    return this.#address & ENABLE ? this.#functions.get((this.#address >>> 8) & 0xffff) : undefined;
  }

  #register(offset: number): number {
    return (this.#address & 0xfc) | (offset & 3);
  }
}

/** 8086:1237 (440FX) at 0:0.0: operating systems look for a host bridge to believe in PCI at all. */
class HostBridge implements PciFunction {
  readonly #config = new DataView(new ArrayBuffer(256));

  constructor() {
    const config = this.#config;
    config.setUint32(0x00, 0x1237_8086, true);
    config.setUint16(0x04, 0x0006, true);
    config.setUint16(0x06, 0x0280, true);
    config.setUint32(0x08, 0x0600_0002, true);
  }

  readConfig(offset: number, size: AccessSize): number {
    if (size === 1) return this.#config.getUint8(offset);
    return size === 2 ? this.#config.getUint16(offset & ~1, true) : this.#config.getUint32(offset & ~3, true);
  }

  writeConfig(): void {
    // Nothing to program: memory is RAM up to 1 MiB, and no bridge lies behind this one.
  }
}

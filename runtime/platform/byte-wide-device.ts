import type { AccessSize, BusDevice } from '#sdk';

/**
 * A device whose registers are bytes. Wider accesses reach consecutive registers, lowest first, as
 * an 8-bit ISA device sees them.
 */
export abstract class ByteWideDevice implements BusDevice {
  /** Reads the register at `offset`. */
  protected abstract readByte(offset: number): number;
  /** Writes the register at `offset`. */
  protected abstract writeByte(offset: number, value: number): void;

  read(offset: number, size: AccessSize): number {
    let value = this.readByte(offset);
    for (let i = 1; i < size; i++) value |= this.readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }
}

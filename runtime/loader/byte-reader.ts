import { HypervisorError } from '#sdk';

/** Reads little-endian fields of an image that may be cut off or hostile. */
export class ByteReader {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly subject: string;

  /** @param subject - what is read, for messages: `vmlinuz (a Linux bzImage)` */
  constructor(bytes: Uint8Array, subject: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.subject = subject;
  }

  u8(offset: number, what: string): number {
    return this.view.getUint8(this.check(offset, 1, what));
  }

  u16(offset: number, what: string): number {
    return this.view.getUint16(this.check(offset, 2, what), true);
  }

  u32(offset: number, what: string): number {
    return this.view.getUint32(this.check(offset, 4, what), true);
  }

  /** Reads 64 bits; values that no guest address reaches come back as `Infinity`, which fails every range check. */
  u64(offset: number, what: string): number {
    const value = Number(this.view.getBigUint64(this.check(offset, 8, what), true));
    return Number.isSafeInteger(value) ? value : Infinity;
  }

  slice(offset: number, length: number, what: string): Uint8Array {
    return this.bytes.subarray(this.check(offset, length, what), offset + length);
  }

  private check(offset: number, length: number, what: string): number {
    const end = offset + length;
    if (offset >= 0 && length >= 0 && end <= this.bytes.length) return offset;
    throw new HypervisorError(
      'HV_ERR_LOADER_TRUNCATED',
      `${this.subject} is cut off or damaged: its ${what} would end at byte ${end}, the file has ${this.bytes.length}`,
      { hint: 'copy or download the file again' },
    );
  }
}

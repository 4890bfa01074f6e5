import { ByteWideDevice } from './byte-wide-device.ts';

/** Port 80h: firmware shows its progress there, and Linux writes it to let time pass. */
export class PostPort extends ByteWideDevice {
  #code = 0;

  /** The last byte written. */
  get code(): number {
    return this.#code;
  }

  protected readByte(): number {
    return this.#code;
  }

  protected writeByte(_offset: number, value: number): void {
    this.#code = value;
  }
}

import { ByteWideDevice } from './byte-wide-device.ts';

/** Port and value of a reset, for the ACPI tables. */
export const resetLayout = { port: 0xcf9, value: 0x06 } as const;

const RESET_CPU = 0x04;

/** The reset control register CF9h: a rising bit 2 resets the machine. */
export class ResetControl extends ByteWideDevice {
  readonly #reset: () => void;
  #value = 0;

  constructor(deps: { reset(): void }) {
    super();
    this.#reset = () => deps.reset();
  }

  protected readByte(): number {
    return this.#value;
  }

  protected writeByte(_offset: number, value: number): void {
    const rises = (value & ~this.#value & RESET_CPU) !== 0;
    this.#value = value & 0x0e;
    if (rises) this.#reset();
  }
}

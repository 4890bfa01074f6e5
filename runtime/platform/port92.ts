import { ByteWideDevice } from './byte-wide-device.ts';

/** What port 92h drives. */
export interface Port92Deps {
  setA20(enabled: boolean): void;
  reset(): void;
}

/** System control port A, 92h: bit 1 opens A20, a rising bit 0 resets the machine. */
export class Port92 extends ByteWideDevice {
  readonly #deps: Port92Deps;
  #value = 0;

  constructor(deps: Port92Deps) {
    super();
    this.#deps = deps;
  }

  protected readByte(): number {
    return this.#value;
  }

  protected writeByte(_offset: number, value: number): void {
    const resetRises = (value & ~this.#value & 1) !== 0;
    this.#value = value & 3;
    this.#deps.setA20((value & 2) !== 0);
    if (resetRises) this.#deps.reset();
  }
}

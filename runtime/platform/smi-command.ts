import { ByteWideDevice } from './byte-wide-device.ts';
import { pmLayout } from './pm.ts';

/** What the SMI command port drives. */
export interface SmiCommandDeps {
  setAcpiMode(enabled: boolean): void;
}

/** Ports B2h-B3h, where an operating system asks the firmware to hand over to ACPI. */
export class SmiCommand extends ByteWideDevice {
  readonly #deps: SmiCommandDeps;
  readonly #bytes: [number, number] = [0, 0];

  constructor(deps: SmiCommandDeps) {
    super();
    this.#deps = deps;
  }

  protected readByte(offset: number): number {
    return this.#bytes[offset === 0 ? 0 : 1];
  }

  protected writeByte(offset: number, value: number): void {
    this.#bytes[offset === 0 ? 0 : 1] = value;
    if (offset !== 0) return;
    if (value === pmLayout.enableCommand) this.#deps.setAcpiMode(true);
    else if (value === pmLayout.disableCommand) this.#deps.setAcpiMode(false);
  }
}

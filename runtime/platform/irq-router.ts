import type { InterruptLine } from '#sdk';
import type { Ioapic } from './ioapic.ts';
import { apicLayout } from './acpi/madt.ts';
import type { Pic } from './pic.ts';

const ISA_INTERRUPTS = 16;
const TIMER_IRQ = 0;

/** What the ISA interrupt lines end at. */
export interface IrqRouterDeps {
  readonly pic: Pic;
  readonly ioapic: Ioapic;
}

/** The interrupt lines of the board: each reaches the 8259A pair and the I/O APIC. */
export class IrqRouter {
  readonly #deps: IrqRouterDeps;
  /** For each interrupt, how many of the devices that share it assert it. */
  readonly #asserted = new Uint16Array(ISA_INTERRUPTS);

  constructor(deps: IrqRouterDeps) {
    this.#deps = deps;
  }

  /** A new line to interrupt `irq` (0 to 15); lines to the same interrupt are ORed. */
  createLine(irq: number): InterruptLine {
    let current = false;
    return {
      set: (level) => {
        if (level === current) return;
        current = level;
        const before = this.#asserted[irq] ?? 0;
        const after = before + (level ? 1 : -1);
        this.#asserted[irq] = after;
        if ((before === 0) !== (after === 0)) this.#drive(irq, level);
      },
    };
  }

  #drive(irq: number, level: boolean): void {
    this.#deps.pic.setIrq(irq, level);
    this.#deps.ioapic.setPin(irq === TIMER_IRQ ? apicLayout.timerGsi : irq, level);
  }
}

import type { AccessSize, BusDevice } from '#sdk';
import { type ApicBus, deliveryMode, type EoiTarget } from './apic/apic-bus.ts';

/** Inputs of the I/O APIC. */
export const IOAPIC_PINS = 24;

const VERSION = 0x20;
const SELECT = 0x00;
const WINDOW = 0x10;
const EOI = 0x40;
const ENTRY_BASE = 0x10;

const REMOTE_IRR = 0x4000;
const LEVEL = 0x8000;
const MASKED = 0x1_0000;
const WRITABLE = 0x1_afff;

interface Pin {
  low: number;
  high: number;
  line: boolean;
}

/** What the I/O APIC needs from the board. */
export interface IoapicDeps {
  readonly id: number;
  readonly bus: ApicBus;
  /** The redirection of the 8259A pair may have been let in. */
  extIntChanged(): void;
}

/**
 * The I/O APIC, 24 pins, version 20h (with EOI register). A line's level is "asserted or not":
 * polarity is what the board and the guest agree on, and has no effect.
 */
export class Ioapic implements BusDevice, EoiTarget {
  readonly #deps: IoapicDeps;
  readonly #pins: readonly Pin[] = Array.from({ length: IOAPIC_PINS }, () => ({ low: MASKED, high: 0, line: false }));
  #id: number;
  #select = 0;

  constructor(deps: IoapicDeps) {
    this.#deps = deps;
    this.#id = deps.id << 24;
    deps.bus.addEoiTarget(this);
  }

  /** Asserts or releases input `pin`. An edge at a masked pin is lost, as the 82093AA says. */
  setPin(pin: number, level: boolean): void {
    const state = this.#pins[pin];
    if (state === undefined || state.line === level) return;
    state.line = level;
    if (!level) return;
    if (state.low & LEVEL) this.#serveLevel(state);
    else if (!(state.low & MASKED)) this.#send(state);
  }

  /** Whether the 8259A pair, at pin 0, reaches a processor through here. */
  acceptsExtInt(): boolean {
    const pin = this.#pins[0];
    return pin !== undefined && !(pin.low & MASKED) && ((pin.low >> 8) & 7) === deliveryMode.extInt;
  }

  /** Whether an input may reach a processor as a non-maskable interrupt. */
  sendsNmi(): boolean {
    return this.#pins.some(({ low }) => !(low & MASKED) && ((low >> 8) & 7) === deliveryMode.nmi);
  }

  endOfInterrupt(vector: number): void {
    for (const pin of this.#pins) {
      if ((pin.low & 0xff) !== vector || !(pin.low & LEVEL)) continue;
      pin.low &= ~REMOTE_IRR;
      this.#serveLevel(pin);
    }
  }

  read(offset: number, size: AccessSize): number {
    const aligned = offset & ~3;
    const value = aligned === SELECT ? this.#select : aligned === WINDOW ? this.#readRegister(this.#select) >>> 0 : 0;
    const shifted = value >>> (8 * (offset & 3));
    return size === 4 ? shifted : shifted & ((1 << (8 * size)) - 1);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === SELECT) this.#select = value & 0xff;
    else if (offset === WINDOW && size === 4) this.#writeRegister(this.#select, value);
    else if (offset === EOI) this.endOfInterrupt(value & 0xff);
  }

  #readRegister(index: number): number {
    if (index === 0 || index === 2) return this.#id;
    if (index === 1) return ((IOAPIC_PINS - 1) << 16) | VERSION;
    const pin = this.#pins[(index - ENTRY_BASE) >> 1];
    if (index < ENTRY_BASE || pin === undefined) return 0;
    return index & 1 ? pin.high : pin.low;
  }

  #writeRegister(index: number, value: number): void {
    if (index === 0) this.#id = value & 0x0f00_0000;
    const pin = this.#pins[(index - ENTRY_BASE) >> 1];
    if (index < ENTRY_BASE || pin === undefined) return;
    if (index & 1) {
      pin.high = value & 0xff00_0000;
      return;
    }
    pin.low = (value & WRITABLE) | (pin.low & REMOTE_IRR);
    // Changing the pin to edges forgets a level interrupt in service: how old drivers send an EOI.
    if (!(value & LEVEL)) pin.low &= ~REMOTE_IRR;
    this.#serveLevel(pin);
    if (index === ENTRY_BASE) this.#deps.extIntChanged();
  }

  #serveLevel(pin: Pin): void {
    if (!pin.line || !(pin.low & LEVEL) || pin.low & (MASKED | REMOTE_IRR)) return;
    if (((pin.low >> 8) & 7) > deliveryMode.lowestPriority) return;
    // The remote IRR goes up before the message: an EOI may come from within.
    pin.low |= REMOTE_IRR;
    if (!this.#send(pin)) pin.low &= ~REMOTE_IRR;
  }

  #send(pin: Pin): boolean {
    return this.#deps.bus.send({
      mode: (pin.low >> 8) & 7,
      vector: pin.low & 0xff,
      level: (pin.low & LEVEL) !== 0,
      destination: pin.high >>> 24,
      logical: (pin.low & 0x800) !== 0,
      wide: false,
    });
  }
}

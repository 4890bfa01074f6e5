import { ByteWideDevice } from '../byte-wide-device.ts';

const CASCADE = 1 << 2;
const LOWEST_RANK = 8;

/** What an 8259A needs from the board. */
export interface PicChipDeps {
  /** The master has the other chip at its input 2. */
  readonly master: boolean;
  /** Drives the INT pin; may be called with an unchanged level. */
  output(level: boolean): void;
}

/** One 8259A interrupt controller: two byte ports, eight inputs (Intel 8259A data sheet). */
export class PicChip extends ByteWideDevice {
  readonly #deps: PicChipDeps;
  /** Inputs as they are now, and edges seen and not yet acknowledged. */
  #lines = 0;
  #edges = 0;
  #isr = 0;
  #imr = 0xff;
  #vectorBase = 0;
  /** The input of lowest priority; the one after it has the highest. */
  #lowest = 7;
  /** Next initialisation word (2 to 4), or 0 when the chip runs. */
  #nextWord = 0;
  #icw1 = 0;
  #autoEoi = false;
  #rotateOnAutoEoi = false;
  #fullyNestedSpecial = false;
  #specialMask = false;
  #readIsr = false;
  #poll = false;
  #elcr = 0;
  /** The last input that raised INT: what an INTA finds gone was this one. */
  #lastRequest = 7;

  constructor(deps: PicChipDeps) {
    super();
    this.#deps = deps;
  }

  /** Edge/level control: a set bit makes the input level-triggered. */
  get elcr(): number {
    return this.#elcr;
  }

  set elcr(mask: number) {
    this.#elcr = mask;
    this.#update();
  }

  /** First vector, as the guest chose it in ICW2. */
  get vectorBase(): number {
    return this.#vectorBase;
  }

  /** Sets input `irq` (0 to 7). A request that goes away before INTA is forgotten. */
  setLine(irq: number, level: boolean): void {
    const bit = 1 << irq;
    if (level) {
      this.#edges |= bit & ~this.#lines;
      this.#lines |= bit;
    } else {
      this.#lines &= ~bit;
      this.#edges &= ~bit;
    }
    this.#update();
  }

  /** INTA: the input to be served. It is 7 without an in-service bit when no request is left. */
  acknowledge(): number {
    let irq = this.#pending();
    if (irq < 0) {
      // A request that vanished at the other chip is that chip's to report: it says 15.
      if (!this.#deps.master || this.#lastRequest !== 2) return 7;
      irq = this.#lastRequest;
    }
    const bit = 1 << irq;
    this.#edges &= ~bit;
    if (!this.#autoEoi) this.#isr |= bit;
    else if (this.#rotateOnAutoEoi) this.#lowest = irq;
    this.#update();
    return irq;
  }

  protected readByte(offset: number): number {
    if (this.#poll) {
      this.#poll = false;
      return this.#pending() < 0 ? 0 : 0x80 | this.acknowledge();
    }
    if (offset === 1) return this.#imr;
    return this.#readIsr ? this.#isr : this.#irr();
  }

  protected writeByte(offset: number, value: number): void {
    if (offset === 1) this.#writeHigh(value);
    else if (value & 0x10) this.#initialise(value);
    else if (value & 0x08) this.#writeOcw3(value);
    else this.#writeOcw2(value);
    this.#update();
  }

  #initialise(icw1: number): void {
    this.#icw1 = icw1;
    this.#nextWord = 2;
    this.#edges = 0;
    this.#imr = 0;
    this.#isr = 0;
    this.#lowest = 7;
    this.#specialMask = false;
    this.#readIsr = false;
    this.#poll = false;
    this.#autoEoi = false;
    this.#rotateOnAutoEoi = false;
    this.#fullyNestedSpecial = false;
  }

  #writeHigh(value: number): void {
    const single = (this.#icw1 & 0x02) !== 0;
    const wantsIcw4 = (this.#icw1 & 0x01) !== 0;
    switch (this.#nextWord) {
      case 2:
        this.#vectorBase = value & 0xf8;
        this.#nextWord = single ? (wantsIcw4 ? 4 : 0) : 3;
        return;
      case 3:
        // The wiring between the chips is fixed on a PC, whatever ICW3 says.
        this.#nextWord = wantsIcw4 ? 4 : 0;
        return;
      case 4:
        this.#autoEoi = (value & 0x02) !== 0;
        this.#fullyNestedSpecial = (value & 0x10) !== 0;
        this.#nextWord = 0;
        return;
      default:
        this.#imr = value;
    }
  }

  #writeOcw2(value: number): void {
    const level = value & 7;
    switch (value >> 5) {
      case 0:
      case 4:
        this.#rotateOnAutoEoi = value >> 5 === 4;
        return;
      case 1:
      case 5: {
        const masked = this.#specialMask ? this.#imr : 0;
        const rank = this.#rank(this.#isr & ~masked);
        if (rank < LOWEST_RANK) this.#endOfInterrupt(this.#atRank(rank), value >> 5 === 5);
        return;
      }
      case 3:
      case 7:
        this.#endOfInterrupt(level, value >> 5 === 7);
        return;
      case 6:
        this.#lowest = level;
    }
  }

  #endOfInterrupt(irq: number, rotate: boolean): void {
    this.#isr &= ~(1 << irq);
    if (rotate) this.#lowest = irq;
  }

  #writeOcw3(value: number): void {
    if (value & 0x04) this.#poll = true;
    else if (value & 0x02) this.#readIsr = (value & 0x01) !== 0;
    if (value & 0x40) this.#specialMask = (value & 0x20) !== 0;
  }

  #irr(): number {
    let level = this.#icw1 & 0x08 ? 0xff : this.#elcr;
    // The other chip's INT may stay high from one request to the next.
    if (this.#deps.master) level |= CASCADE;
    return (this.#lines & level) | (this.#edges & ~level);
  }

  #atRank(rank: number): number {
    return (this.#lowest + 1 + rank) & 7;
  }

  #rank(mask: number): number {
    let rank = 0;
    while (rank < LOWEST_RANK && !(mask & (1 << this.#atRank(rank)))) rank += 1;
    return rank;
  }

  #pending(): number {
    const requests = this.#irr() & ~this.#imr;
    if (requests === 0 || this.#nextWord !== 0) return -1;
    let inService = this.#isr;
    if (this.#specialMask) inService &= ~this.#imr;
    // The other chip orders its own requests, so that its better ones may interrupt its worse.
    if (this.#fullyNestedSpecial && this.#deps.master) inService &= ~CASCADE;
    const rank = this.#rank(requests);
    return rank < this.#rank(inService) ? this.#atRank(rank) : -1;
  }

  #update(): void {
    const irq = this.#pending();
    if (irq >= 0) this.#lastRequest = irq;
    this.#deps.output(irq >= 0);
  }
}

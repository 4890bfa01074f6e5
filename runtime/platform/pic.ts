import type { BusDevice } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';
import { PicChip } from './chip/pic-chip.ts';

const CASCADE_IRQ = 2;

/** What the pair of controllers needs from the board. */
export interface PicDeps {
  /** Called whenever the INT pin of the master changes. */
  output(level: boolean): void;
}

/** The two cascaded 8259A of a PC, with their edge/level control registers. */
export class Pic {
  readonly #deps: PicDeps;
  readonly #master: PicChip;
  readonly #slave: PicChip;
  #output = false;

  /** Ports 20h-21h. */
  readonly master: BusDevice;
  /** Ports A0h-A1h. */
  readonly slave: BusDevice;
  /** Ports 4D0h-4D1h. */
  readonly edgeLevelControl: BusDevice;

  constructor(deps: PicDeps) {
    this.#deps = deps;
    this.#master = new PicChip({ master: true, output: (level) => this.#setOutput(level) });
    this.#slave = new PicChip({ master: false, output: (level) => this.#master.setLine(CASCADE_IRQ, level) });
    this.master = this.#master;
    this.slave = this.#slave;
    this.edgeLevelControl = new EdgeLevelControl(this.#master, this.#slave);
  }

  /** Sets interrupt request 0 to 15; 2 is the cascade, which no device can have. */
  setIrq(irq: number, level: boolean): void {
    if (irq >= 8) this.#slave.setLine(irq - 8, level);
    else if (irq !== CASCADE_IRQ) this.#master.setLine(irq, level);
  }

  /** Whether INT is high. */
  hasInterrupt(): boolean {
    return this.#output;
  }

  /** The INTA cycle: the vector to run; a request that has gone away gives IRQ 7 or 15. */
  acknowledge(): number {
    const irq = this.#master.acknowledge();
    if (irq !== CASCADE_IRQ) return this.#master.vectorBase + irq;
    return this.#slave.vectorBase + this.#slave.acknowledge();
  }

  #setOutput(level: boolean): void {
    if (level === this.#output) return;
    this.#output = level;
    this.#deps.output(level);
  }
}

class EdgeLevelControl extends ByteWideDevice {
  readonly #chips: readonly [PicChip, PicChip];

  constructor(master: PicChip, slave: PicChip) {
    super();
    this.#chips = [master, slave];
  }

  protected readByte(offset: number): number {
    return this.#chips[offset === 0 ? 0 : 1].elcr;
  }

  protected writeByte(offset: number, value: number): void {
    // IRQ 0, 1, 2, 8 and 13 belong to the board and are always edges.
    if (offset === 0) this.#chips[0].elcr = value & 0xf8;
    else this.#chips[1].elcr = value & 0xde;
  }
}

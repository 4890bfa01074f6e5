import type { VirtualClock } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';

/** Half a period of the memory refresh request, which counter 1 of the timer makes on a real PC. */
const REFRESH_NS = 15_085;

/** What port 61h needs from the board. */
export interface Port61Deps {
  readonly clock: VirtualClock;
  /** The timer chip, whose counter 2 this port gates and shows. */
  readonly pit: { setSpeakerGate(level: boolean): void; speakerOutput(): boolean };
}

/** Port 61h, NMI status and speaker control: Linux measures the TSC with it. */
export class Port61 extends ByteWideDevice {
  readonly #deps: Port61Deps;
  #control = 0;

  constructor(deps: Port61Deps) {
    super();
    this.#deps = deps;
  }

  protected readByte(): number {
    const refresh = Math.floor(this.#deps.clock.now() / REFRESH_NS) & 1;
    return this.#control | (refresh << 4) | (this.#deps.pit.speakerOutput() ? 0x20 : 0);
  }

  protected writeByte(_offset: number, value: number): void {
    this.#control = value & 0x0f;
    this.#deps.pit.setSpeakerGate((value & 1) !== 0);
  }
}

import type { InterruptLine, Timer, TimerFactory, VirtualClock } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';
import { PitCounter } from './chip/pit-counter.ts';
import { nsAtTicks, ticksAt } from './time-scale.ts';

/** Input clock of the 8254 on a PC. */
export const PIT_HZ = 1_193_182;

/** What the timer chip needs from the board. */
export interface PitDeps {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  /** OUT of counter 0: IRQ 0. */
  readonly irq: InterruptLine;
}

/**
 * The 8254 interval timer, ports 40h-43h. Counter 0 drives IRQ 0, counter 2 the speaker. Pulses of
 * one clock (modes 2, 4 and 5) lower the interrupt line only at their end, so that a period costs
 * one event; OUT as the guest reads it is exact.
 */
export class Pit extends ByteWideDevice {
  readonly #deps: PitDeps;
  readonly #timer: Timer;
  readonly #system = new PitCounter();
  readonly #refresh = new PitCounter();
  readonly #speaker = new PitCounter();
  #lastTick = 0;

  constructor(deps: PitDeps) {
    super();
    this.#deps = deps;
    this.#timer = deps.timers.create(() => this.#settle(this.#advance()));
    this.#speaker.setGate(false, 0);
  }

  /** GATE of counter 2, from port 61h. */
  setSpeakerGate(level: boolean): void {
    const tick = this.#tick();
    this.#speaker.reload(tick);
    this.#speaker.setGate(level, tick);
  }

  /** OUT of counter 2, for port 61h. */
  speakerOutput(): boolean {
    const tick = this.#tick();
    this.#speaker.reload(tick);
    return this.#speaker.output(tick);
  }

  protected readByte(offset: number): number {
    if (offset === 3) return 0xff;
    const tick = this.#advance();
    const value = this.#counter(offset).read(tick);
    this.#settle(tick);
    return value;
  }

  protected writeByte(offset: number, value: number): void {
    const tick = this.#advance();
    if (offset < 3) this.#counter(offset).write(value, tick);
    else this.#control(value, tick);
    this.#settle(tick);
  }

  #control(value: number, tick: number): void {
    const select = value >> 6;
    if (select === 3) {
      for (let i = 0; i < 3; i++) {
        if (!(value & (2 << i))) continue;
        if (!(value & 0x20)) this.#counter(i).latchCount(tick);
        if (!(value & 0x10)) this.#counter(i).latchStatus(tick);
      }
    } else if ((value & 0x30) === 0) this.#counter(select).latchCount(tick);
    else this.#counter(select).configure(value);
  }

  #counter(index: number): PitCounter {
    return index === 0 ? this.#system : index === 1 ? this.#refresh : this.#speaker;
  }

  #tick(): number {
    return ticksAt(this.#deps.clock.now(), PIT_HZ);
  }

  /** Passes on what happened since the last look. Several missed edges are one, as at a PIC. */
  #advance(): number {
    const tick = this.#tick();
    const rise = this.#system.nextRise(this.#lastTick);
    if (rise !== null && rise <= tick) {
      this.#deps.irq.set(false);
      this.#deps.irq.set(true);
    }
    for (let i = 0; i < 3; i++) this.#counter(i).reload(tick);
    this.#lastTick = tick;
    return tick;
  }

  #settle(tick: number): void {
    this.#deps.irq.set(this.#system.output(tick));
    const rise = this.#system.nextRise(tick);
    const fall = this.#system.nextFall(tick);
    if (rise === null) this.#timer.cancel();
    else this.#timer.arm(nsAtTicks(fall === null ? rise : Math.min(rise, fall), PIT_HZ));
  }
}

import type { AccessSize, InterruptLine, Timer, TimerFactory, VirtualClock } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';
import { nsAtTicks, ticksAt } from './time-scale.ts';

/** Clock of the ACPI power management timer. */
export const PM_TIMER_HZ = 3_579_545;

/** Numbers that the device and the ACPI tables share. */
export const pmLayout = {
  /** PM1a event block, 4 bytes; the control block and the timer follow. */
  base: 0x600,
  length: 12,
  controlOffset: 4,
  timerOffset: 8,
  smiCommandPort: 0xb2,
  enableCommand: 0xf1,
  disableCommand: 0xf0,
  /** SLP_TYP of soft off (S5). */
  softOffType: 0,
  sciIrq: 9,
} as const;

const STATUS_TIMER = 0x0001;
const STATUS_POWER_BUTTON = 0x0100;
const STATUS_MASK = 0x8731;
const ENABLE_MASK = 0x0721;
const CONTROL_SCI = 0x0001;
const CONTROL_MASK = 0x1c03;
const SLEEP_ENABLE = 0x20;

/** What the power management block needs from the board. */
export interface PmDeps {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  /** The system control interrupt, a level. */
  readonly sci: InterruptLine;
  /** Width of the timer; 24 unless the tables say otherwise. */
  readonly timerBits: 24 | 32;
  powerOff(): void;
}

/** The ACPI fixed hardware: PM1a event and control registers and the PM timer. */
export class Pm extends ByteWideDevice {
  readonly #deps: PmDeps;
  readonly #timer: Timer;
  readonly #halfPeriod: number;
  #status = 0;
  #enable = 0;
  #control = 0;
  /** Half periods of the timer seen: its top bit changes with each. */
  #halves = 0;

  constructor(deps: PmDeps) {
    super();
    this.#deps = deps;
    this.#halfPeriod = 2 ** (deps.timerBits - 1);
    this.#halves = this.#currentHalf();
    this.#timer = deps.timers.create(() => this.#update());
  }

  /** Turns ACPI mode on or off, as a command at the SMI port does. */
  setAcpiMode(enabled: boolean): void {
    this.#control = enabled ? this.#control | CONTROL_SCI : this.#control & ~CONTROL_SCI;
    this.#update();
  }

  /** A short press of the power button: the guest should shut down. */
  pressPowerButton(): void {
    this.#status |= STATUS_POWER_BUTTON;
    this.#update();
  }

  override read(offset: number, size: AccessSize): number {
    if (offset < pmLayout.timerOffset) return super.read(offset, size);
    // The timer runs on between bytes: one access must see one value.
    const value = this.#timerValue() >>> ((offset & 3) * 8);
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  protected readByte(offset: number): number {
    const high = (offset & 1) * 8;
    this.#collect();
    if (offset < 2) return (this.#status >> high) & 0xff;
    if (offset < 4) return (this.#enable >> high) & 0xff;
    return offset < 6 ? (this.#control >> high) & 0xff : 0;
  }

  protected writeByte(offset: number, value: number): void {
    const shift = (offset & 1) * 8;
    const keep = ~(0xff << shift);
    this.#collect();
    if (offset < 2) this.#status &= ~(value << shift);
    else if (offset < 4) this.#enable = ((this.#enable & keep) | (value << shift)) & ENABLE_MASK;
    else if (offset < 6) {
      this.#control = ((this.#control & keep) | (value << shift)) & CONTROL_MASK;
      if (offset === 5 && value & SLEEP_ENABLE) this.#sleep();
    }
    this.#update();
  }

  #sleep(): void {
    if (this.#control >> 10 === pmLayout.softOffType) this.#deps.powerOff();
  }

  #ticks(): number {
    return ticksAt(this.#deps.clock.now(), PM_TIMER_HZ);
  }

  #timerValue(): number {
    return this.#ticks() % (2 * this.#halfPeriod);
  }

  #currentHalf(): number {
    return Math.floor(this.#ticks() / this.#halfPeriod);
  }

  #collect(): void {
    const half = this.#currentHalf();
    if (half !== this.#halves) this.#status |= STATUS_TIMER;
    this.#halves = half;
  }

  #update(): void {
    this.#collect();
    const sciEnabled = (this.#control & CONTROL_SCI) !== 0;
    this.#deps.sci.set(sciEnabled && (this.#status & this.#enable & STATUS_MASK) !== 0);
    if (sciEnabled && this.#enable & STATUS_TIMER) this.#timer.arm(nsAtTicks((this.#halves + 1) * this.#halfPeriod, PM_TIMER_HZ));
    else this.#timer.cancel();
  }
}

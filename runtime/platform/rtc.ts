import type { InterruptLine, Timer, TimerFactory, VirtualClock } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';
import {
  type AlarmTime,
  type CalendarFields,
  calendarFromSeconds,
  decodeField,
  decodeHour,
  encodeField,
  encodeHour,
  nextAlarm,
  type RegisterFormat,
  secondsFromCalendar,
} from './chip/rtc-calendar.ts';
import { fillNvram } from './chip/rtc-nvram.ts';
import { nsAtTicks, ticksAt } from './time-scale.ts';

const CRYSTAL_HZ = 32_768;
/** UIP goes up 244 us before the 1984 us that an update takes (MC146818 data sheet, table 6). */
const UPDATE_TICKS = 73;
const RegisterA = 0x0a;
const RegisterB = 0x0b;
const RegisterC = 0x0c;
const RegisterD = 0x0d;
const Century = 0x32;

const SET = 0x80;
const FLAG_PERIODIC = 0x40;
const FLAG_ALARM = 0x20;
const FLAG_UPDATE = 0x10;
const FLAGS = FLAG_PERIODIC | FLAG_ALARM | FLAG_UPDATE;
const DIVIDER_RUNS = 0x20;

/** What the clock chip needs from the board. */
export interface RtcDeps {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  readonly irq: InterruptLine;
  /** The time of day, in milliseconds since 1970, when the virtual clock stands where it stands now. */
  readonly wallClockMs: number;
  /** Guest RAM, for the sizes in the NVRAM. */
  readonly memoryBytes: number;
  /** Bit 7 of port 70h was written: the board's NMIs are held back while it is set. */
  nmiMasked?(masked: boolean): void;
}

/** The MC146818 real-time clock with its NVRAM, ports 70h-71h and IRQ 8. It keeps UTC. */
export class Rtc extends ByteWideDevice {
  readonly #deps: RtcDeps;
  readonly #timer: Timer;
  readonly #nvram = new Uint8Array(128);
  #index = 0;
  #a = DIVIDER_RUNS | 0x06;
  #b = 0x02;
  #flags = 0;
  /** The time at tick 0 of the divider, whose tick 0 was at `#epochNs`. */
  #baseSeconds: number;
  #epochNs: number;
  /** The registers while the guest sets them (SET = 1) or the divider stands still. */
  #frozen: CalendarFields | null = null;
  #weekdayOffset = 0;
  #seenTick = 0;

  constructor(deps: RtcDeps) {
    super();
    this.#deps = deps;
    this.#timer = deps.timers.create(() => this.#settle());
    const wallMs = Math.floor(deps.wallClockMs);
    this.#baseSeconds = Math.floor(wallMs / 1000);
    this.#epochNs = deps.clock.now() - (wallMs - this.#baseSeconds * 1000) * 1e6;
    this.#seenTick = this.#tick();
    fillNvram(this.#nvram, deps.memoryBytes);
  }

  protected readByte(offset: number): number {
    if (offset === 0) return 0xff;
    const index = this.#index;
    if (index < RegisterA || index === Century) return this.#readTime(index);
    switch (index) {
      case RegisterA:
        return this.#a | (this.#updating() ? 0x80 : 0);
      case RegisterB:
        return this.#b;
      case RegisterC:
        return this.#readFlags();
      case RegisterD:
        return 0x80;
      default:
        return this.#nvram[index] ?? 0;
    }
  }

  protected writeByte(offset: number, value: number): void {
    if (offset === 0) {
      this.#index = value & 0x7f;
      this.#deps.nmiMasked?.((value & 0x80) !== 0);
      return;
    }
    const index = this.#index;
    this.#collect();
    if (index === RegisterA) this.#writeA(value & 0x7f);
    else if (index === RegisterB) this.#writeB(value);
    else if (index === 1 || index === 3 || index === 5) this.#nvram[index] = value;
    else if (index < RegisterA || index === Century) this.#writeTime(index, value);
    else if (index !== RegisterC && index !== RegisterD) this.#nvram[index] = value;
    this.#settle();
  }

  #readTime(index: number): number {
    const fields = this.#fields();
    const format = this.#format();
    switch (index) {
      case 0:
        return encodeField(fields.second, format);
      case 2:
        return encodeField(fields.minute, format);
      case 4:
        return encodeHour(fields.hour, format);
      case 6:
        return encodeField(fields.weekday, format);
      case 7:
        return encodeField(fields.day, format);
      case 8:
        return encodeField(fields.month, format);
      case 9:
        return encodeField(fields.year % 100, format);
      case Century:
        return encodeField(Math.floor(fields.year / 100), format);
      default:
        return this.#nvram[index] ?? 0;
    }
  }

  #writeTime(index: number, raw: number): void {
    const fields = this.#fields();
    const format = this.#format();
    const value = decodeField(raw, format);
    if (index === 0) fields.second = value;
    else if (index === 2) fields.minute = value;
    else if (index === 4) fields.hour = decodeHour(raw, format);
    else if (index === 6) fields.weekday = value;
    else if (index === 7) fields.day = value;
    else if (index === 8) fields.month = value;
    else if (index === 9) fields.year = Math.floor(fields.year / 100) * 100 + value;
    else fields.year = value * 100 + (fields.year % 100);
    if (this.#frozen === null) this.#adopt(fields, Math.floor(this.#tick() / CRYSTAL_HZ));
    else this.#frozen = fields;
  }

  #writeA(value: number): void {
    const ran = this.#dividerRuns();
    if (ran && (value & 0x70) !== DIVIDER_RUNS) this.#frozen ??= this.#fields();
    this.#a = value;
    if (ran || !this.#dividerRuns()) return;
    // Leaving divider reset, the first update comes half a second later.
    this.#epochNs = this.#deps.clock.now() - 5e8;
    this.#seenTick = this.#tick();
    if (!(this.#b & SET)) this.#thaw();
  }

  #writeB(value: number): void {
    const wasSet = (this.#b & SET) !== 0;
    // Setting SET clears the update interrupt enable.
    const next = value & SET ? value & ~FLAG_UPDATE : value;
    if (!wasSet && value & SET) this.#frozen ??= this.#fields();
    this.#b = next;
    if (wasSet && !(value & SET) && this.#dividerRuns()) this.#thaw();
  }

  #thaw(): void {
    const fields = this.#frozen;
    this.#frozen = null;
    if (fields !== null) this.#adopt(fields, Math.floor(this.#tick() / CRYSTAL_HZ));
  }

  /** Makes `fields` the time of the running second `second` of the divider. */
  #adopt(fields: CalendarFields, second: number): void {
    const seconds = secondsFromCalendar(fields);
    this.#baseSeconds = seconds - second;
    this.#weekdayOffset = (fields.weekday - calendarFromSeconds(seconds).weekday + 7) % 7;
    this.#seenTick = this.#tick();
  }

  #fields(): CalendarFields {
    if (this.#frozen !== null) return { ...this.#frozen };
    const fields = calendarFromSeconds(this.#baseSeconds + Math.floor(this.#tick() / CRYSTAL_HZ));
    fields.weekday = ((fields.weekday - 1 + this.#weekdayOffset) % 7) + 1;
    return fields;
  }

  #format(): RegisterFormat {
    return { binary: (this.#b & 4) !== 0, hours24: (this.#b & 2) !== 0 };
  }

  #dividerRuns(): boolean {
    return (this.#a & 0x70) === DIVIDER_RUNS;
  }

  #tick(): number {
    return ticksAt(this.#deps.clock.now() - this.#epochNs, CRYSTAL_HZ);
  }

  #updating(): boolean {
    if (this.#frozen !== null) return false;
    return CRYSTAL_HZ - (this.#tick() % CRYSTAL_HZ) <= UPDATE_TICKS;
  }

  #readFlags(): number {
    this.#collect();
    const flags = this.#flags;
    const requested = flags & this.#b & FLAGS;
    this.#flags = 0;
    this.#settle();
    return flags | (requested ? 0x80 : 0);
  }

  /** Sets the flags of everything that came due since the last look. */
  #collect(): void {
    const now = this.#tick();
    const seen = this.#seenTick;
    this.#seenTick = now;
    const period = this.#periodTicks();
    if (this.#dividerRuns() && period > 0 && Math.floor(now / period) !== Math.floor(seen / period)) this.#flags |= FLAG_PERIODIC;
    if (this.#frozen !== null) return;
    const second = Math.floor(now / CRYSTAL_HZ);
    const seenSecond = Math.floor(seen / CRYSTAL_HZ);
    if (second === seenSecond) return;
    this.#flags |= FLAG_UPDATE;
    const alarm = nextAlarm(this.#alarm(), this.#baseSeconds + seenSecond);
    if (alarm !== null && alarm <= this.#baseSeconds + second) this.#flags |= FLAG_ALARM;
  }

  /** Drives IRQ 8 and arms the timer for the next event that may interrupt. */
  #settle(): void {
    this.#collect();
    this.#deps.irq.set((this.#flags & this.#b & FLAGS) !== 0);
    const next = this.#nextEventTick();
    if (next === null) this.#timer.cancel();
    else this.#timer.arm(nsAtTicks(next, CRYSTAL_HZ) + this.#epochNs);
  }

  #nextEventTick(): number | null {
    // A flag already set asks for nothing more until register C is read.
    const wanted = this.#b & ~this.#flags;
    const ticks: number[] = [];
    const period = this.#periodTicks();
    if (wanted & FLAG_PERIODIC && period > 0 && this.#dividerRuns()) ticks.push((Math.floor(this.#seenTick / period) + 1) * period);
    if (this.#frozen === null) {
      const second = Math.floor(this.#seenTick / CRYSTAL_HZ);
      if (wanted & FLAG_UPDATE) ticks.push((second + 1) * CRYSTAL_HZ);
      const alarm = wanted & FLAG_ALARM ? nextAlarm(this.#alarm(), this.#baseSeconds + second) : null;
      if (alarm !== null) ticks.push((alarm - this.#baseSeconds) * CRYSTAL_HZ);
    }
    return ticks.length === 0 ? null : Math.min(...ticks);
  }

  #periodTicks(): number {
    const rate = this.#a & 15;
    // Rates 1 and 2 repeat 8 and 9 with the 32768 Hz time base.
    return rate === 0 ? 0 : 1 << ((rate < 3 ? rate + 7 : rate) - 1);
  }

  #alarm(): AlarmTime {
    const format = this.#format();
    const field = (index: number): number | null => {
      const raw = this.#nvram[index] ?? 0;
      if ((raw & 0xc0) === 0xc0) return null;
      return index === 5 ? decodeHour(raw, format) : decodeField(raw, format);
    };
    return { second: field(1), minute: field(3), hour: field(5) };
  }
}

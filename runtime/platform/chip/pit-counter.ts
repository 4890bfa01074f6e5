const FIRST_BYTE_LOW = 3;

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: number): number {
  return ((Math.floor(value / 1000) % 10) << 12) | ((Math.floor(value / 100) % 10) << 8) | ((Math.floor(value / 10) % 10) << 4) | (value % 10);
}

/**
 * One counter of an 8254. Nothing is counted: everything is worked out from the tick at which the
 * count was loaded, so a counter that nobody looks at costs nothing.
 */
export class PitCounter {
  #mode = 3;
  #bcd = false;
  #access = FIRST_BYTE_LOW;
  #gate = true;
  /** Clocks per run or period: 2 to 65536, or 10000 in BCD. */
  #count = 0x10000;
  /** A count that waits for the end of the period (modes 2, 3) or for a trigger (1, 5). */
  #next: number | null = null;
  #nextAtTick = 0;
  #loaded = false;
  #running = false;
  #startTick = 0;
  #pausedAt = 0;
  #lowByte: number | null = null;
  #readHigh = false;
  #latchedCount: number[] = [];
  #latchedStatus: number | null = null;

  /** A control word for this counter, other than latch and read-back. */
  configure(control: number): void {
    const mode = (control >> 1) & 7;
    this.#mode = mode > 5 ? mode - 4 : mode;
    this.#bcd = (control & 1) !== 0;
    this.#access = (control >> 4) & 3;
    this.#next = null;
    this.#loaded = false;
    this.#running = false;
    this.#pausedAt = 0;
    this.#lowByte = null;
    this.#readHigh = false;
    this.#latchedCount = [];
    this.#latchedStatus = null;
  }

  /** A byte of a new count. */
  write(value: number, tick: number): void {
    if (this.#access === FIRST_BYTE_LOW && this.#lowByte === null) {
      this.#lowByte = value;
      // Mode 0 stops counting between the two bytes.
      if (this.#mode === 0) this.#stop();
      return;
    }
    const raw = this.#access === 2 ? value << 8 : this.#access === 1 ? value : (value << 8) | (this.#lowByte ?? 0);
    this.#lowByte = null;
    const count = this.#bcd ? fromBcd(raw) : raw;
    this.#load(count === 0 ? this.#modulus() : count, tick);
  }

  /** Reads a byte: the latched status, the latched count, or the count as it runs. */
  read(tick: number): number {
    const status = this.#latchedStatus;
    if (status !== null) {
      this.#latchedStatus = null;
      return status;
    }
    const latched = this.#latchedCount.shift();
    if (latched !== undefined) return latched;
    const value = this.#value(tick);
    const high = this.#access === 2 || (this.#access === FIRST_BYTE_LOW && this.#readHigh);
    if (this.#access === FIRST_BYTE_LOW) this.#readHigh = !this.#readHigh;
    return high ? value >> 8 : value & 0xff;
  }

  /** Latches the count; a latch not yet read stays. */
  latchCount(tick: number): void {
    if (this.#latchedCount.length > 0) return;
    const value = this.#value(tick);
    if (this.#access !== 2) this.#latchedCount.push(value & 0xff);
    if (this.#access !== 1) this.#latchedCount.push(value >> 8);
  }

  /** Latches the status byte; a latch not yet read stays. */
  latchStatus(tick: number): void {
    const nullCount = !this.#loaded || this.#next !== null;
    this.#latchedStatus ??= (this.output(tick) ? 0x80 : 0) | (nullCount ? 0x40 : 0) | (this.#access << 4) | (this.#mode << 1) | (this.#bcd ? 1 : 0);
  }

  /** Drives the GATE pin. */
  setGate(level: boolean, tick: number): void {
    if (level === this.#gate) return;
    this.#gate = level;
    if (this.#mode === 1 || this.#mode === 5) {
      if (level && this.#loaded) this.#trigger(tick);
    } else if (!level) {
      this.#pausedAt = this.#elapsed(tick);
      this.#running = false;
    } else if (this.#loaded) {
      // Modes 0 and 4 go on where they were; 2 and 3 begin again.
      if (this.#mode === 0 || this.#mode === 4) this.#start(tick - this.#pausedAt);
      else this.#trigger(tick);
    }
  }

  /** The OUT pin. */
  output(tick: number): boolean {
    const elapsed = this.#elapsed(tick);
    switch (this.#mode) {
      case 0:
        return this.#loaded && elapsed >= this.#count;
      case 1:
        return !this.#running || elapsed >= this.#count;
      case 2:
        return !this.#running || elapsed % this.#count !== this.#count - 1;
      case 3:
        return !this.#running || elapsed % this.#count < Math.ceil(this.#count / 2);
      default:
        return !this.#running || elapsed !== this.#count;
    }
  }

  /** The first tick after `tick` at which OUT rises, or null. */
  nextRise(tick: number): number | null {
    if (!this.#running) return null;
    const elapsed = this.#elapsed(tick);
    const count = this.#count;
    switch (this.#mode) {
      case 0:
      case 1:
        return elapsed < count ? this.#startTick + count : null;
      case 2:
      case 3:
        return count < 2 ? null : this.#startTick + (Math.floor(elapsed / count) + 1) * count;
      default:
        return elapsed <= count ? this.#startTick + count + 1 : null;
    }
  }

  /** The first tick after `tick` at which a square wave falls; null in every other mode. */
  nextFall(tick: number): number | null {
    if (!this.#running || this.#mode !== 3 || this.#count < 2) return null;
    const high = Math.ceil(this.#count / 2);
    const period = Math.floor((this.#elapsed(tick) - high) / this.#count) + 1;
    return this.#startTick + period * this.#count + high;
  }

  /** Lets a waiting count take over if its period has begun. */
  reload(tick: number): void {
    if (this.#next === null || !this.#running || (this.#mode !== 2 && this.#mode !== 3) || tick < this.#nextAtTick) return;
    this.#count = this.#next;
    this.#next = null;
    this.#startTick = this.#nextAtTick;
  }

  #load(count: number, tick: number): void {
    const hardwareTriggered = this.#mode === 1 || this.#mode === 5;
    const periodic = this.#mode === 2 || this.#mode === 3;
    if (hardwareTriggered || (periodic && this.#running)) {
      this.#next = count;
      this.#nextAtTick = this.#startTick + (Math.floor(this.#elapsed(tick) / this.#count) + 1) * this.#count;
    } else {
      this.#count = count;
      this.#pausedAt = 0;
      if (this.#gate) this.#start(tick);
    }
    this.#loaded = true;
  }

  #trigger(tick: number): void {
    this.#count = this.#next ?? this.#count;
    this.#next = null;
    this.#start(tick);
  }

  #start(tick: number): void {
    this.#startTick = tick;
    this.#running = true;
  }

  #stop(): void {
    this.#running = false;
    this.#loaded = false;
    this.#pausedAt = 0;
  }

  #modulus(): number {
    return this.#bcd ? 10_000 : 0x10000;
  }

  #elapsed(tick: number): number {
    return this.#running ? tick - this.#startTick : this.#pausedAt;
  }

  #value(tick: number): number {
    const value = this.#binaryValue(this.#elapsed(tick)) % this.#modulus();
    return this.#bcd ? toBcd(value) : value;
  }

  #binaryValue(elapsed: number): number {
    const count = this.#count;
    if (this.#mode === 2) return count - (elapsed % count);
    if (this.#mode === 3) {
      // Counts by two; an odd count loses its last bit and makes the high half one clock longer.
      const high = Math.ceil(count / 2);
      const phase = elapsed % count;
      return (count & ~1) - 2 * (phase < high ? phase : phase - high);
    }
    const modulus = this.#modulus();
    return (((count - elapsed) % modulus) + modulus) % modulus;
  }
}

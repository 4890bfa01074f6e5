import type { InterruptLine, VirtualClock } from '#sdk';
import type { PcOptions } from '../../../../runtime/platform/pc-contract.ts';
import { createPc } from '../../../../runtime/platform/pc.ts';
import { TimerQueue } from '../../../../runtime/platform/timer-queue.ts';

/** Guest time under the test's control; timers fire at their exact moments. */
export class TestTime {
  #now = 0;
  readonly clock: VirtualClock = { now: () => this.#now };
  readonly timers = new TimerQueue(this.clock);

  advance(ns: number): void {
    const end = this.#now + ns;
    for (let next = this.timers.nextDeadline(); next !== null && next <= end; next = this.timers.nextDeadline()) {
      this.#now = Math.max(this.#now, next);
      this.timers.runDue(this.#now);
    }
    this.#now = end;
  }

  /** Lets time pass without serving timers: a host that was busy. */
  stall(ns: number): void {
    this.#now += ns;
  }
}

/** An interrupt line that remembers. */
export class TestLine implements InterruptLine {
  level = false;
  rises = 0;

  set(level: boolean): void {
    if (level && !this.level) this.rises += 1;
    this.level = level;
  }
}

/** A whole PC with what it did to the outside. */
export function createTestPc(overrides: Partial<PcOptions> = {}) {
  const time = new TestTime();
  const events: string[] = [];
  const sent: number[][] = [[], [], [], []];
  const pc = createPc({
    clock: time.clock,
    timers: time.timers,
    memoryBytes: 256 * 2 ** 20,
    tscHz: 2_500_000_000,
    wallClockMs: Date.UTC(2024, 1, 28, 23, 59, 58, 250),
    transmit: (port, byte) => sent[port]?.push(byte),
    powerOff: () => events.push('powerOff'),
    reset: () => events.push('reset'),
    setA20: (enabled) => events.push(`a20 ${enabled}`),
    interruptChanged: (cpu) => events.push(`interrupt ${cpu}`),
    init: (cpu) => events.push(`init ${cpu}`),
    startup: (cpu, vector) => events.push(`startup ${cpu} ${vector}`),
    ...overrides,
  });
  const inb = (port: number): number => pc.ports.read(port, 1);
  const outb = (port: number, ...values: number[]): void => {
    for (const value of values) pc.ports.write(port, 1, value);
  };
  return { pc, time, events, sent, inb, outb };
}

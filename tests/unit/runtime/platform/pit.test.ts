import { describe, expect, it } from 'vitest';
import { PIT_HZ, Pit } from '../../../../runtime/platform/pit.ts';
import { Port61 } from '../../../../runtime/platform/port61.ts';
import { nsAtTicks, ticksAt } from '../../../../runtime/platform/time-scale.ts';
import { TestLine, TestTime } from './fixtures.ts';

function createPit() {
  const time = new TestTime();
  const line = new TestLine();
  const pit = new Pit({ clock: time.clock, timers: time.timers, irq: line });
  const port61 = new Port61({ clock: time.clock, pit });
  const out = (offset: number, ...values: number[]): void => {
    for (const value of values) pit.write(offset, 1, value);
  };
  const word = (offset: number): number => pit.read(offset, 1) | (pit.read(offset, 1) << 8);
  /** Moves to the exact start of the tick `ticks` later. */
  const run = (ticks: number): void => {
    const now = time.clock.now();
    time.advance(nsAtTicks(ticksAt(now, PIT_HZ) + ticks, PIT_HZ) - now);
  };
  const status = (counter: number): number => {
    out(3, 0xe0 | (2 << counter));
    return pit.read(counter, 1);
  };
  return { time, line, pit, port61, out, word, run, status };
}

describe('8254', () => {
  it('mode 0 counts down once, raises OUT at zero and counts on', () => {
    const { out, word, run, line } = createPit();
    out(3, 0x30);
    expect(line.level).toBe(false);
    out(0, 100, 0);
    run(40);
    expect(word(0)).toBe(60);
    expect(line.level).toBe(false);
    run(59);
    expect(line.level).toBe(false);
    run(1);
    expect(line.level).toBe(true);
    run(1);
    expect(word(0)).toBe(0xffff);
    run(70_000);
    expect(line.rises).toBe(1);
  });

  it('mode 2 interrupts once a period', () => {
    const { out, word, run, line, status } = createPit();
    out(3, 0x34);
    out(0, 0xa9, 0x04);
    run(0x4a9 * 10);
    expect(line.rises - 1).toBe(10);
    expect(word(0)).toBe(0x4a9);
    run(0x4a8);
    expect(word(0)).toBe(1);
    expect(status(0) & 0x80).toBe(0);
    run(1);
    expect(status(0)).toBe(0xb4);
  });

  it('mode 3 is a square wave, longer up for odd counts', () => {
    for (const count of [10, 11]) {
      const { out, run, line, word } = createPit();
      out(3, 0x36);
      out(0, count, 0);
      const wave: number[] = [];
      const values: number[] = [];
      for (let i = 0; i < 2 * count; i++) {
        wave.push(line.level ? 1 : 0);
        values.push(word(0));
        run(1);
      }
      const half = count === 10 ? '1111100000' : '11111100000';
      expect(wave.join('')).toBe(half + half);
      const down = count === 10 ? [10, 8, 6, 4, 2, 10, 8, 6, 4, 2] : [10, 8, 6, 4, 2, 0, 10, 8, 6, 4, 2];
      expect(values).toEqual([...down, ...down]);
    }
  });

  it('mode 3 with count 65536 gives 18.2 interrupts a second', () => {
    const { out, time, line } = createPit();
    out(3, 0x36);
    out(0, 0, 0);
    const before = line.rises;
    time.advance(1e9);
    expect(line.rises - before).toBe(18);
  });

  it('mode 4 strobes once after the count', () => {
    const { out, run, line, status } = createPit();
    out(3, 0x38);
    out(0, 50, 0);
    const before = line.rises;
    run(49);
    expect(status(0) & 0x80).toBe(0x80);
    run(1);
    expect(status(0) & 0x80).toBe(0);
    expect(line.rises).toBe(before);
    run(1);
    expect(status(0) & 0x80).toBe(0x80);
    expect(line.rises).toBe(before + 1);
    run(100_000);
    expect(line.rises).toBe(before + 1);
  });

  it('mode 1 and 5 wait for the gate', () => {
    const { out, run, port61, status } = createPit();
    out(3, 0xb2);
    out(2, 20, 0);
    run(100);
    expect(status(2) & 0x80).toBe(0x80);
    port61.write(0, 1, 1);
    expect(status(2) & 0x80).toBe(0);
    run(19);
    expect(status(2) & 0x80).toBe(0);
    run(1);
    expect(status(2) & 0x80).toBe(0x80);
    port61.write(0, 1, 0);
    out(3, 0xba);
    out(2, 20, 0);
    port61.write(0, 1, 1);
    run(20);
    expect(status(2) & 0x80).toBe(0);
    run(1);
    expect(status(2) & 0x80).toBe(0x80);
  });

  it('the gate pauses mode 0 and restarts mode 2', () => {
    const { out, run, word, port61 } = createPit();
    port61.write(0, 1, 1);
    out(3, 0xb0);
    out(2, 100, 0);
    run(30);
    port61.write(0, 1, 0);
    run(500);
    expect(word(2)).toBe(70);
    port61.write(0, 1, 1);
    run(10);
    expect(word(2)).toBe(60);
    out(3, 0xb4);
    out(2, 100, 0);
    run(30);
    port61.write(0, 1, 0);
    expect(port61.read(0, 1) & 0x20).toBe(0x20);
    port61.write(0, 1, 1);
    expect(word(2)).toBe(100);
  });

  it('a new count of a periodic mode waits for the end of the period', () => {
    const { out, run, word, status, line } = createPit();
    out(3, 0x34);
    out(0, 100, 0);
    run(30);
    out(0, 50, 0);
    expect(status(0) & 0x40).toBe(0x40);
    expect(word(0)).toBe(70);
    run(70);
    expect(status(0) & 0x40).toBe(0);
    expect(word(0)).toBe(50);
    const before = line.rises;
    run(100);
    expect(line.rises - before).toBe(2);
  });

  it('counts in BCD', () => {
    const { out, run, word } = createPit();
    out(3, 0x35);
    out(0, 0x00, 0x10);
    run(1);
    expect(word(0)).toBe(0x0999);
    out(3, 0x31);
    out(0, 0, 0);
    run(1);
    expect(word(0)).toBe(0x9999);
  });

  it('latches counts and status until they are read', () => {
    const { out, run, pit, word } = createPit();
    out(3, 0x34);
    out(0, 0x00, 0x20);
    run(0x100);
    out(3, 0x00);
    run(0x100);
    out(3, 0x00);
    expect(word(0)).toBe(0x1f00);
    expect(word(0)).toBe(0x1e00);
    // Read-back of status and count: status comes first.
    out(3, 0xc2);
    run(0x10);
    expect(pit.read(0, 1)).toBe(0xb4);
    expect(word(0)).toBe(0x1e00);
    expect(pit.read(3, 1)).toBe(0xff);
  });

  it('reads and writes single bytes', () => {
    const { out, run, pit } = createPit();
    out(3, 0x14);
    out(0, 0x80);
    run(1);
    expect(pit.read(0, 1)).toBe(0x7f);
    expect(pit.read(0, 1)).toBe(0x7f);
    out(3, 0x24);
    out(0, 0x10);
    run(1);
    expect(pit.read(0, 1)).toBe(0x0f);
  });

  it('gives one edge for many missed ones and keeps its phase', () => {
    const { out, time, line } = createPit();
    out(3, 0x34);
    out(0, 0xa9, 0x04);
    const before = line.rises;
    time.stall(1e9);
    time.timers.runDue();
    expect(line.rises - before).toBe(1);
    const deadline = time.timers.nextDeadline() ?? 0;
    expect(ticksAt(deadline, PIT_HZ) % 0x4a9).toBe(0);
  });
});

describe('port 61h', () => {
  it('measures time as the Linux TSC calibration does', () => {
    const { out, time, port61 } = createPit();
    port61.write(0, 1, (port61.read(0, 1) & ~0x02) | 0x01);
    out(3, 0xb0);
    const latch = Math.floor(PIT_HZ / 100);
    out(2, latch & 0xff, latch >> 8);
    const start = time.clock.now();
    while (!(port61.read(0, 1) & 0x20)) time.advance(1000);
    expect((time.clock.now() - start) / 1e6).toBeCloseTo(10, 2);
  });

  it('counts down visibly for the quick calibration', () => {
    const { out, pit, time, port61 } = createPit();
    port61.write(0, 1, 1);
    out(3, 0xb0);
    out(2, 0xff, 0xff);
    const high = (): number => {
      pit.read(2, 1);
      return pit.read(2, 1);
    };
    expect(high()).toBe(0xff);
    time.advance(Math.ceil((256 * 1e9) / PIT_HZ) + 1000);
    expect(high()).toBe(0xfe);
  });

  it('toggles the refresh bit and keeps its control bits', () => {
    const { time, port61 } = createPit();
    port61.write(0, 1, 0xff);
    expect(port61.read(0, 1) & 0x0f).toBe(0x0f);
    const first = port61.read(0, 1) & 0x10;
    time.advance(15_085);
    expect(port61.read(0, 1) & 0x10).not.toBe(first);
  });
});

import { describe, expect, it } from 'vitest';
import { nextAlarm } from '../../../../runtime/platform/chip/rtc-calendar.ts';
import { Rtc } from '../../../../runtime/platform/rtc.ts';
import { TestLine, TestTime } from './fixtures.ts';

const SECOND = 1e9;

function createRtc(wallClockMs = Date.UTC(2024, 1, 28, 23, 59, 58, 250), memoryBytes = 256 * 2 ** 20) {
  const time = new TestTime();
  const line = new TestLine();
  const rtc = new Rtc({ clock: time.clock, timers: time.timers, irq: line, wallClockMs, memoryBytes });
  const get = (index: number): number => {
    rtc.write(0, 1, index);
    return rtc.read(1, 1);
  };
  const put = (index: number, value: number): void => {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  };
  const shown = (): string => [0x32, 9, 8, 7, 4, 2, 0].map((index) => get(index).toString(16).padStart(2, '0')).join(' ');
  return { time, line, rtc, get, put, shown };
}

describe('MC146818', () => {
  it('starts at the wall clock and rolls over leap days', () => {
    const { time, shown, get } = createRtc();
    expect(shown()).toBe('20 24 02 28 23 59 58');
    expect(get(6)).toBe(4);
    time.advance(0.75 * SECOND - 1);
    expect(shown()).toBe('20 24 02 28 23 59 58');
    time.advance(1);
    expect(shown()).toBe('20 24 02 28 23 59 59');
    time.advance(SECOND);
    expect(shown()).toBe('20 24 02 29 00 00 00');
    expect(get(6)).toBe(5);
    expect(get(0x0d)).toBe(0x80);
  });

  it('shows binary and 12 hours when asked', () => {
    const { put, get } = createRtc();
    put(0x0b, 0x06);
    expect([get(4), get(0)]).toEqual([23, 58]);
    put(0x0b, 0x04);
    expect(get(4)).toBe(0x80 | 11);
    put(0x0b, 0x00);
    expect(get(4)).toBe(0x91);
  });

  it('can be set while it is halted, and goes on from there', () => {
    const { put, get, shown, time } = createRtc();
    put(0x0b, 0x92);
    expect(get(0x0b)).toBe(0x82);
    for (const [index, value] of [
      [7, 0x31],
      [8, 0x12],
      [9, 0x99],
      [0x32, 0x19],
      [4, 0x23],
      [2, 0x59],
      [0, 0x59],
      [6, 0x06],
    ] as const)
      put(index, value);
    time.advance(3 * SECOND);
    expect(shown()).toBe('19 99 12 31 23 59 59');
    put(0x0b, 0x02);
    time.advance(SECOND);
    expect(shown()).toBe('20 00 01 01 00 00 00');
    expect(get(6)).toBe(0x07);
  });

  it('stands still in divider reset and updates half a second after it', () => {
    const { put, get, time, shown } = createRtc();
    put(0x0a, 0x76);
    time.advance(10 * SECOND);
    expect(shown()).toBe('20 24 02 28 23 59 58');
    put(0x0a, 0x26);
    time.advance(0.5 * SECOND - 1000);
    expect(get(0)).toBe(0x58);
    time.advance(2000);
    expect(get(0)).toBe(0x59);
  });

  it('announces updates with UIP', () => {
    const { time, get } = createRtc(Date.UTC(2024, 0, 1));
    expect(get(0x0a)).toBe(0x26);
    time.advance(SECOND - 2_000_000);
    expect(get(0x0a)).toBe(0xa6);
    time.advance(2_000_000);
    expect(get(0x0a)).toBe(0x26);
  });

  it('interrupts at every update, until register C is read', () => {
    const { time, line, put, get } = createRtc(Date.UTC(2024, 0, 1));
    get(0x0c);
    put(0x0b, 0x12);
    time.advance(SECOND - 1);
    expect(line.level).toBe(false);
    time.advance(1);
    expect(line.level).toBe(true);
    time.advance(5 * SECOND);
    expect(line.rises).toBe(1);
    expect(get(0x0c)).toBe(0x90 | (get(0x0c) & 0x40) | 0x40);
    expect(line.level).toBe(false);
    time.advance(SECOND);
    expect(line.rises).toBe(2);
  });

  it('interrupts periodically at 1024 Hz', () => {
    const { time, line, put, get } = createRtc(Date.UTC(2024, 0, 1));
    put(0x0b, 0x42);
    let count = 0;
    for (let i = 0; i < 4000; i++) {
      time.advance(250_000);
      if (line.level && get(0x0c) & 0x40) count += 1;
    }
    expect(count).toBe(1024);
  });

  it('rings at the alarm, with wild cards', () => {
    const { time, line, put, get } = createRtc(Date.UTC(2024, 0, 1, 7, 59, 50));
    put(5, 0x08);
    put(3, 0x00);
    put(1, 0x05);
    put(0x0b, 0x22);
    time.advance(14.9 * SECOND);
    expect(line.level).toBe(false);
    time.advance(0.2 * SECOND);
    expect(line.level).toBe(true);
    expect(get(0x0c) & 0xa0).toBe(0xa0);
    put(5, 0xff);
    put(3, 0xff);
    put(1, 0x30);
    time.advance(60 * SECOND);
    expect(line.rises).toBe(2);
  });

  it('sets flags without interrupts for those who poll', () => {
    const { time, line, get } = createRtc(Date.UTC(2024, 0, 1));
    get(0x0c);
    time.advance(SECOND);
    expect(get(0x0c)).toBe(0x50);
    expect(get(0x0c)).toBe(0);
    expect(line.rises).toBe(0);
    expect(time.timers.nextDeadline()).toBeNull();
  });

  it('finds the next alarm as a search second by second would', () => {
    const slow = (alarm: Parameters<typeof nextAlarm>[0], from: number): number | null => {
      for (let at = from + 1; at <= from + 86_400; at++) {
        const ok = (wanted: number | null, value: number): boolean => wanted === null || wanted === value;
        if (ok(alarm.hour, Math.floor(at / 3600) % 24) && ok(alarm.minute, Math.floor(at / 60) % 60) && ok(alarm.second, at % 60)) return at;
      }
      return null;
    };
    for (const hour of [null, 0, 13]) {
      for (const minute of [null, 0, 59]) {
        for (const second of [null, 7]) {
          for (const from of [0, 46_859, 1_700_000_007]) expect(nextAlarm({ hour, minute, second }, from)).toBe(slow({ hour, minute, second }, from));
        }
      }
    }
    expect(nextAlarm({ hour: 25, minute: null, second: null }, 0)).toBeNull();
  });

  it('tells memory sizes in its NVRAM, with a checksum', () => {
    const { get, put } = createRtc(0, 256 * 2 ** 20);
    expect(get(0x15) | (get(0x16) << 8)).toBe(640);
    expect(get(0x17) | (get(0x18) << 8)).toBe(0xffff);
    expect((get(0x34) | (get(0x35) << 8)) * 64).toBe(240 * 1024);
    let sum = 0;
    for (let i = 0x10; i < 0x2e; i++) sum += get(i);
    expect((get(0x2e) << 8) | get(0x2f)).toBe(sum);
    put(0x0f, 0x05);
    expect(get(0x0f)).toBe(0x05);
    const large = createRtc(0, 6 * 2 ** 30);
    expect((large.get(0x5b) | (large.get(0x5c) << 8)) * 65_536).toBe(2.5 * 2 ** 30);
  });
});

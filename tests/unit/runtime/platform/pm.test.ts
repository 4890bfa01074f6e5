import { describe, expect, it } from 'vitest';
import { PM_TIMER_HZ, Pm } from '../../../../runtime/platform/pm.ts';
import { createTestPc, TestLine, TestTime } from './fixtures.ts';

describe('ACPI fixed hardware', () => {
  it('switches to ACPI mode by command', () => {
    const { pc, outb } = createTestPc();
    expect(pc.ports.read(0x604, 2) & 1).toBe(0);
    outb(0xb2, 0xf1);
    expect(pc.ports.read(0x604, 2) & 1).toBe(1);
    outb(0xb2, 0xf0);
    expect(pc.ports.read(0x604, 2) & 1).toBe(0);
  });

  it('powers off at SLP_EN with the type of S5 only', () => {
    const { pc, events } = createTestPc();
    pc.ports.write(0x604, 2, 0x0000);
    pc.ports.write(0x604, 2, 0x2400);
    expect(events).toEqual([]);
    pc.ports.write(0x604, 2, 0x2000);
    expect(events).toEqual(['powerOff']);
    expect(pc.ports.read(0x604, 2) & 0x2000).toBe(0);
  });

  it('runs its timer at 3.579545 MHz, in one piece', () => {
    const { pc, time } = createTestPc();
    time.advance(1e9);
    expect(pc.ports.read(0x608, 4)).toBe(PM_TIMER_HZ);
    expect(pc.ports.read(0x609, 1)).toBe((PM_TIMER_HZ >> 8) & 0xff);
    time.advance(4e9);
    expect(pc.ports.read(0x608, 4)).toBe((5 * PM_TIMER_HZ) % 2 ** 24);
  });

  it('reports the half wraps of its timer, with an interrupt in ACPI mode', () => {
    for (const timerBits of [24, 32] as const) {
      const time = new TestTime();
      const sci = new TestLine();
      const pm = new Pm({ clock: time.clock, timers: time.timers, sci, timerBits, powerOff: () => {} });
      const half = (2 ** (timerBits - 1) / PM_TIMER_HZ) * 1e9;
      pm.write(2, 2, 0x0001);
      expect(time.timers.nextDeadline()).toBeNull();
      pm.setAcpiMode(true);
      time.advance(half - 1000);
      expect(sci.level).toBe(false);
      time.advance(2000);
      expect(sci.level).toBe(true);
      expect(pm.read(0, 2)).toBe(1);
      pm.write(0, 2, 1);
      expect(sci.level).toBe(false);
      time.advance(half);
      expect(sci.level).toBe(true);
    }
  });

  it('agrees with the interval timer, as the check of the Linux acpi_pm clock source wants', () => {
    const { pc, time, inb, outb } = createTestPc();
    const latch = Math.round((1_193_182 * 30) / 1000);
    outb(0x61, (inb(0x61) & ~0x02) | 0x01);
    outb(0x43, 0xb0);
    outb(0x42, latch & 0xff, latch >> 8);
    const start = pc.ports.read(0x608, 4);
    while (!(inb(0x61) & 0x20)) time.advance(1000);
    const counted = pc.ports.read(0x608, 4) - start;
    expect(counted / ((latch * PM_TIMER_HZ) / 1_193_182)).toBeCloseTo(1, 3);
  });

  it('reports the power button', () => {
    const { pc, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x21, 0xfb);
    outb(0xa1, 0xfd);
    outb(0x4d1, 0x02);
    outb(0xb2, 0xf1);
    pc.ports.write(0x602, 2, 0x0100);
    pc.pressPowerButton();
    expect(pc.hasInterrupt()).toBe(true);
    expect(pc.acknowledgeInterrupt()).toBe(0x71);
    expect(pc.ports.read(0x600, 2) & 0x100).toBe(0x100);
    pc.ports.write(0x600, 2, 0x100);
    expect(pc.ports.read(0x600, 2) & 0x100).toBe(0);
  });

  it('resets through the reset register', () => {
    const { events, inb, outb } = createTestPc();
    outb(0xcf9, 0x02);
    expect(events).toEqual([]);
    outb(0xcf9, 0x06);
    expect(events).toEqual(['reset']);
    expect(inb(0xcf9)).toBe(0x06);
  });
});

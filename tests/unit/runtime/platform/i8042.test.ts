import { describe, expect, it } from 'vitest';
import { createTestPc } from './fixtures.ts';

describe('8042', () => {
  it('passes the probe of the Linux i8042 driver', () => {
    const { inb, outb } = createTestPc();
    expect(inb(0x64) & 0x01).toBe(0);
    outb(0x64, 0xaa);
    expect(inb(0x64) & 0x01).toBe(1);
    expect(inb(0x60)).toBe(0x55);
    outb(0x64, 0x20);
    const mode = inb(0x60);
    outb(0x64, 0x60);
    outb(0x60, mode | 0x10);
    outb(0x64, 0x20);
    expect(inb(0x60)).toBe(mode | 0x10);
    expect(inb(0x64) & 0x10).toBe(0x10);
    outb(0x64, 0xab);
    expect(inb(0x60)).toBe(0);
  });

  it('has no mouse port', () => {
    const { inb, outb } = createTestPc();
    outb(0x64, 0xd3);
    outb(0x60, 0x5a);
    expect(inb(0x64) & 0x20).toBe(0);
    expect(inb(0x60)).toBe(0x5a);
    outb(0x64, 0xa9);
    expect([0x00, 0xfa, 0xff]).not.toContain(inb(0x60));
  });

  it('says at once that no keyboard answers, with an interrupt if wanted', () => {
    const { pc, inb, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x21, 0xf9);
    outb(0x64, 0x60);
    outb(0x60, 0x01);
    expect(pc.hasInterrupt()).toBe(false);
    outb(0x60, 0xf2);
    expect(pc.hasInterrupt()).toBe(true);
    expect(pc.acknowledgeInterrupt()).toBe(0x09);
    expect(inb(0x64) & 0x41).toBe(0x41);
    expect(inb(0x60)).toBe(0xfe);
    expect(inb(0x64) & 0x41).toBe(0);
  });

  it('resets by pulse and by output port', () => {
    const { events, outb } = createTestPc();
    outb(0x64, 0xff);
    expect(events).toEqual([]);
    outb(0x64, 0xfe);
    outb(0x64, 0xd1);
    outb(0x60, 0xde);
    expect(events).toEqual(['reset', 'reset']);
  });

  it('opens A20 together with port 92h', () => {
    const { events, inb, outb } = createTestPc();
    outb(0x64, 0xd0);
    expect(inb(0x60) & 3).toBe(3);
    outb(0x64, 0xd1);
    outb(0x60, 0xdd);
    expect(events).toEqual(['a20 false']);
    outb(0x92, 0x02);
    expect(inb(0x92)).toBe(0x02);
    outb(0x64, 0xdf);
    outb(0x92, 0x00);
    expect(events).toEqual(['a20 false', 'a20 true']);
    outb(0x64, 0xdd);
    expect(events).toEqual(['a20 false', 'a20 true', 'a20 false']);
  });

  it('keeps its RAM', () => {
    const { inb, outb } = createTestPc();
    outb(0x64, 0x65);
    outb(0x60, 0x77);
    outb(0x64, 0x25);
    expect(inb(0x60)).toBe(0x77);
  });
});

describe('port 92h', () => {
  it('resets on a rising bit 0', () => {
    const { events, outb } = createTestPc();
    outb(0x92, 0x03, 0x03, 0x02, 0x03);
    expect(events).toEqual(['reset', 'reset']);
  });
});

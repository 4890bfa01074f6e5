import { describe, expect, it } from 'vitest';
import { createTestPc } from './fixtures.ts';

const LAPIC = 0xfee0_0000;
const IOAPIC = 0xfec0_0000;

describe('createPc', () => {
  it('delivers through the virtual wire that the firmware sets up', () => {
    const { pc, time, events, inb, outb } = createTestPc();
    pc.initialiseAsFirmware();
    expect(pc.mmio.read(LAPIC + 0x350, 4)).toBe(0x700);
    expect(pc.mmio.read(LAPIC + 0x360, 4)).toBe(0x400);
    expect([inb(0x21), inb(0xa1)]).toEqual([0xfb, 0xff]);
    time.advance(60e6);
    expect(pc.hasInterrupt()).toBe(false);
    events.length = 0;
    outb(0x21, 0xfa);
    expect(events).toEqual(['interrupt 0']);
    expect(pc.hasInterrupt()).toBe(true);
    expect(pc.acknowledgeInterrupt()).toBe(0x08);
    expect(pc.hasInterrupt()).toBe(false);
  });

  it('gives the 8259A the processor while the local APIC is off', () => {
    const { pc, time, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x21, 0xfa);
    time.advance(60e6);
    pc.mmio.write(LAPIC + 0x350, 4, 0x1_0700);
    expect(pc.hasInterrupt()).toBe(false);
    pc.mmio.write(LAPIC + 0xf0, 4, 0xff);
    expect(pc.hasInterrupt()).toBe(true);
    pc.mmio.write(LAPIC + 0xf0, 4, 0x1ff);
    expect(pc.hasInterrupt()).toBe(false);
    pc.lapic.writeMsr(0x1b, 0xfee0_0100, 0);
    expect(pc.hasInterrupt()).toBe(true);
    expect(pc.mmio.read(LAPIC + 0x30, 4)).toBe(0xffff_ffff);
    pc.lapic.writeMsr(0x1b, 0xfed0_0900, 0);
    expect(pc.mmio.read(0xfed0_0030, 4)).toBe(0x5_0014);
  });

  it('routes the timer to pin 2, as check_timer of Linux wants it', () => {
    const { pc, time, outb } = createTestPc();
    pc.initialiseAsFirmware();
    pc.mmio.write(LAPIC + 0x350, 4, 0x1_0700);
    outb(0x21, 0xff);
    pc.mmio.write(IOAPIC, 4, 0x14);
    pc.mmio.write(IOAPIC + 0x10, 4, 0x30);
    outb(0x43, 0x34);
    outb(0x40, 0xa9, 0x12);
    let ticks = 0;
    for (let i = 0; i < 100; i++) {
      time.advance(1e6);
      while (pc.hasInterrupt()) {
        expect(pc.acknowledgeInterrupt()).toBe(0x30);
        pc.mmio.write(LAPIC + 0xb0, 4, 0);
        ticks += 1;
      }
    }
    expect(ticks).toBeGreaterThanOrEqual(24);
    expect(ticks).toBeLessThanOrEqual(26);
  });

  it('takes the fallbacks of check_timer: ExtINT through pin 0, and LINT0 as a plain interrupt', () => {
    const { pc, time, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x21, 0xfa);
    pc.mmio.write(LAPIC + 0x350, 4, 0x1_0700);
    pc.mmio.write(IOAPIC, 4, 0x10);
    pc.mmio.write(IOAPIC + 0x10, 4, 0x700);
    time.advance(60e6);
    expect(pc.acknowledgeInterrupt()).toBe(0x08);
    outb(0x20, 0x20);
    pc.mmio.write(IOAPIC + 0x10, 4, 0x1_0700);
    pc.mmio.write(LAPIC + 0x350, 4, 0x31);
    time.advance(60e6);
    expect(pc.acknowledgeInterrupt()).toBe(0x31);
  });

  it('has four serial ports on two interrupts', () => {
    const { pc, sent, inb, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x21, 0xe3);
    [0x3f8, 0x2f8, 0x3e8, 0x2e8].forEach((base, index) => outb(base, 65 + index));
    expect(sent).toEqual([[65], [66], [67], [68]]);
    for (const [base, vector] of [
      [0x3f8, 0x0c],
      [0x2f8, 0x0b],
      [0x3e8, 0x0c],
      [0x2e8, 0x0b],
    ] as const) {
      outb(base + 4, 0x08);
      outb(base + 1, 0x02);
      expect(pc.acknowledgeInterrupt()).toBe(vector);
      expect(inb(base + 2)).toBe(0x02);
      outb(0x20, 0x20);
      outb(base + 1, 0x00);
    }
    expect(pc.hasInterrupt()).toBe(false);
  });

  it('ORs lines that share an interrupt', () => {
    const { pc, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x21, 0xfb);
    outb(0xa1, 0xf3);
    outb(0x4d1, 0x0c);
    const first = pc.pciInterruptLine(1, 0);
    const second = pc.pciInterruptLine(3, 0);
    first.set(true);
    second.set(true);
    const vector = pc.acknowledgeInterrupt();
    first.set(false);
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
    expect(pc.acknowledgeInterrupt()).toBe(vector);
    second.set(false);
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
    expect(pc.hasInterrupt()).toBe(false);
  });

  it('pulses its NMI line at LINT1, unless port 70h masks it', () => {
    const { pc, events, outb } = createTestPc();
    pc.initialiseAsFirmware();
    outb(0x70, 0x8f);
    pc.triggerNmi();
    expect(pc.nmiPending()).toBe(false);
    events.length = 0;
    outb(0x70, 0x0f);
    expect([pc.nmiPending(), events]).toEqual([true, ['interrupt 0']]);
    pc.acknowledgeNmi();
    pc.triggerNmi();
    pc.triggerNmi();
    expect(pc.nmiPending()).toBe(true);
    pc.acknowledgeNmi();
    expect(pc.nmiPending()).toBe(false);
  });

  it('knows whether a device can raise an NMI', () => {
    const { pc, time, outb } = createTestPc();
    pc.initialiseAsFirmware();
    expect(pc.mayRaiseNmi()).toBe(false);
    pc.mmio.write(LAPIC + 0x350, 4, 0x400);
    expect(pc.mayRaiseNmi()).toBe(true);
    pc.mmio.write(LAPIC + 0x350, 4, 0x1_0700);
    pc.mmio.write(IOAPIC, 4, 0x14);
    pc.mmio.write(IOAPIC + 0x10, 4, 0x400);
    expect(pc.mayRaiseNmi()).toBe(true);
    outb(0x43, 0x30);
    outb(0x40, 0xff, 0x20);
    time.advance(60e6);
    expect(pc.nmiPending()).toBe(true);
    pc.mmio.write(IOAPIC + 0x10, 4, 0x1_0400);
    pc.acknowledgeNmi();
    expect(pc.mayRaiseNmi()).toBe(false);
  });

  it('shows CR8 and NMIs', () => {
    const { pc } = createTestPc();
    pc.initialiseAsFirmware();
    pc.setTpr(9);
    expect(pc.getTpr()).toBe(9);
    expect(pc.mmio.read(LAPIC + 0x80, 4)).toBe(0x90);
    pc.mmio.write(LAPIC + 0x300, 4, 0x4_0400);
    expect(pc.nmiPending()).toBe(true);
    pc.acknowledgeNmi();
    expect(pc.nmiPending()).toBe(false);
  });

  it('gives every processor its own local APIC', () => {
    const { pc, events } = createTestPc({ processors: 2 });
    pc.initialiseAsFirmware();
    pc.activeCpu = 1;
    expect(pc.mmio.read(LAPIC + 0x20, 4)).toBe(0x0100_0000);
    pc.mmio.write(LAPIC + 0xf0, 4, 0x1ff);
    pc.activeCpu = 0;
    events.length = 0;
    pc.mmio.write(LAPIC + 0x310, 4, 0x0100_0000);
    pc.mmio.write(LAPIC + 0x300, 4, 0x4030);
    expect(events).toEqual(['interrupt 1']);
    expect([pc.hasInterrupt(0), pc.hasInterrupt(1)]).toEqual([false, true]);
    pc.mmio.write(LAPIC + 0x300, 4, 0xc500);
    pc.mmio.write(LAPIC + 0x300, 4, 0x0608);
    expect(events.slice(-2)).toEqual(['init 1', 'startup 1 8']);
    expect(() => pc.hasInterrupt(2)).toThrow(/no processor 2/);
  });

  it('latches port 80h', () => {
    const { inb, outb } = createTestPc();
    outb(0x80, 0x42);
    expect(inb(0x80)).toBe(0x42);
  });

  it('runs the same twice', () => {
    const trace = (): unknown[] => {
      const { pc, time, outb, inb, events } = createTestPc();
      pc.initialiseAsFirmware();
      outb(0x21, 0xe8);
      outb(0x70, 0x0b);
      outb(0x71, 0x42);
      const seen: unknown[] = [];
      for (let i = 0; i < 200; i++) {
        time.advance(997_331);
        if (pc.hasInterrupt()) seen.push(pc.acknowledgeInterrupt(), outb(0x20, 0x20));
        seen.push(inb(0x40), pc.ports.read(0x608, 4), inb(0x71));
      }
      return [...seen, ...events];
    };
    expect(trace()).toEqual(trace());
  });
});

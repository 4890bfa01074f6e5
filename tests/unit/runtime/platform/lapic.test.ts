import { describe, expect, it } from 'vitest';
import { ApicBus, deliveryMode, type InterruptMessage } from '../../../../runtime/platform/apic/apic-bus.ts';
import { Lapic } from '../../../../runtime/platform/lapic.ts';
import { TestTime } from './fixtures.ts';

const TSC_HZ = 2_000_000_000;
const fixed = (vector: number, more: Partial<InterruptMessage> = {}): InterruptMessage => ({
  mode: deliveryMode.fixed,
  vector,
  level: false,
  destination: 0,
  logical: false,
  wide: false,
  ...more,
});

function createLapics(count = 1) {
  const time = new TestTime();
  const bus = new ApicBus();
  const events: string[] = [];
  const ended: number[] = [];
  bus.addEoiTarget({ endOfInterrupt: (vector) => ended.push(vector) });
  const lapics = Array.from(
    { length: count },
    (_, id) =>
      new Lapic({
        id,
        bus,
        clock: time.clock,
        timers: time.timers,
        tscHz: TSC_HZ,
        cpu: {
          interruptChanged: () => events.push(`interrupt ${id}`),
          init: () => events.push(`init ${id}`),
          startup: (vector) => events.push(`startup ${id} ${vector}`),
          baseChanged: (address) => events.push(`base ${address?.toString(16)}`),
        },
      }),
  );
  const first = lapics[0];
  if (first === undefined) throw new Error('no APIC');
  for (const lapic of lapics) lapic.write(0xf0, 4, 0x1ff);
  events.length = 0;
  const get = (offset: number): number => first.read(offset, 4);
  const put = (offset: number, value: number): void => first.write(offset, 4, value);
  return { time, bus, events, ended, lapics, lapic: first, get, put };
}

const at = (lapics: readonly Lapic[], index: number): Lapic => {
  const lapic = lapics[index];
  if (lapic === undefined) throw new Error(`no APIC ${index}`);
  return lapic;
};

describe('local APIC', () => {
  it('has the registers of reset', () => {
    const time = new TestTime();
    const cpu = { interruptChanged() {}, init() {}, startup() {}, baseChanged() {} };
    const lapic = new Lapic({ id: 3, bus: new ApicBus(), clock: time.clock, timers: time.timers, tscHz: TSC_HZ, cpu });
    expect(lapic.read(0x20, 4)).toBe(0x0300_0000);
    expect(lapic.read(0x30, 4)).toBe(0x0005_0014);
    expect(lapic.read(0xe0, 4)).toBe(0xffff_ffff);
    expect(lapic.read(0xf0, 4)).toBe(0xff);
    for (const lvt of [0x320, 0x330, 0x340, 0x350, 0x360, 0x370]) expect(lapic.read(lvt, 4)).toBe(0x1_0000);
    expect(lapic.readMsr(0x1b)).toEqual({ low: 0xfee0_0800, high: 0 });
    // Switched off in software, it takes no interrupts and its entries stay masked.
    expect(lapic.receive(fixed(0x40))).toBe(false);
    lapic.write(0x350, 4, 0x700);
    expect(lapic.read(0x350, 4)).toBe(0x1_0700);
    expect(lapic.acceptsExtInt()).toBe(true);
  });

  it('serves the highest vector first and blocks its class until the EOI', () => {
    const { lapic, get, put, events } = createLapics();
    for (const vector of [0x31, 0x52, 0x55]) lapic.receive(fixed(vector));
    expect(events).toContain('interrupt 0');
    expect(get(0x210)).toBe((1 << 17) >>> 0);
    expect(get(0x220)).toBe((1 << 18) | (1 << 21));
    expect(lapic.acknowledgeInterrupt()).toBe(0x55);
    expect(get(0xa0)).toBe(0x50);
    expect(lapic.hasInterrupt()).toBe(false);
    lapic.receive(fixed(0x61));
    expect(lapic.acknowledgeInterrupt()).toBe(0x61);
    put(0xb0, 0);
    expect(lapic.hasInterrupt()).toBe(false);
    put(0xb0, 0);
    expect(lapic.acknowledgeInterrupt()).toBe(0x52);
    expect(get(0x120)).toBe(1 << 18);
    put(0xb0, 0);
    expect(lapic.acknowledgeInterrupt()).toBe(0x31);
  });

  it('holds interrupts back by task priority, and gives the spurious vector for what has gone', () => {
    const { lapic, get } = createLapics();
    lapic.receive(fixed(0x45));
    lapic.taskPriority = 4;
    expect(get(0x80)).toBe(0x40);
    expect(get(0xa0)).toBe(0x40);
    expect(lapic.hasInterrupt()).toBe(false);
    expect(lapic.acknowledgeInterrupt()).toBe(0xff);
    lapic.taskPriority = 3;
    expect(lapic.acknowledgeInterrupt()).toBe(0x45);
  });

  it('tells the I/O APICs of the end of level interrupts only', () => {
    const { lapic, put, ended, get } = createLapics();
    lapic.receive(fixed(0x41, { level: true }));
    lapic.receive(fixed(0x71));
    expect(get(0x1a0)).toBe(1 << 1);
    lapic.acknowledgeInterrupt();
    put(0xb0, 0);
    expect(ended).toEqual([]);
    lapic.acknowledgeInterrupt();
    put(0xb0, 0);
    expect(ended).toEqual([0x41]);
  });

  it('sends IPIs by ID, logical address and shorthand', () => {
    const { lapics, get, put } = createLapics(4);
    const pending = (vector: number): number[] =>
      lapics.filter((lapic) => (lapic.read(0x200 + (vector >> 5) * 16, 4) >>> (vector & 31)) & 1).map((lapic) => lapic.id);
    const send = (low: number, destination = 0): void => {
      put(0x310, destination << 24);
      put(0x300, low);
    };
    lapics.forEach((lapic, id) => {
      lapic.write(0xe0, 4, 0xffff_ffff);
      lapic.write(0xd0, 4, (1 << id) << 24);
    });
    send(0x40, 2);
    expect(pending(0x40)).toEqual([2]);
    send(0x41, 0xff);
    expect(pending(0x41)).toEqual([0, 1, 2, 3]);
    send(0x842, 0b1010);
    expect(pending(0x42)).toEqual([1, 3]);
    send(0x4_0043);
    expect(pending(0x43)).toEqual([0]);
    send(0x8_0044);
    expect(pending(0x44)).toEqual([0, 1, 2, 3]);
    send(0xc_0045);
    expect(pending(0x45)).toEqual([1, 2, 3]);
    expect(get(0x300) & 0x1000).toBe(0);
    lapics.forEach((lapic, id) => {
      lapic.write(0xe0, 4, 0x0fff_ffff);
      lapic.write(0xd0, 4, (((id >> 1) << 4) | (1 << (id & 1))) << 24);
    });
    send(0x846, 0x13);
    expect(pending(0x46)).toEqual([2, 3]);
    send(0x847, 0xf1);
    expect(pending(0x47)).toEqual([0, 2]);
  });

  it('gives lowest-priority interrupts to the idlest', () => {
    const { lapics, bus } = createLapics(3);
    at(lapics, 0).taskPriority = 5;
    at(lapics, 1).taskPriority = 2;
    at(lapics, 2).write(0xf0, 4, 0xff);
    bus.send(fixed(0x90, { mode: deliveryMode.lowestPriority, destination: 0xff }));
    expect(lapics.map((lapic) => lapic.hasInterrupt())).toEqual([false, true, false]);
  });

  it('starts other processors', () => {
    const { put, events, lapics } = createLapics(2);
    at(lapics, 1).receive(fixed(0x50));
    events.length = 0;
    put(0x310, 1 << 24);
    put(0x300, 0xc500);
    put(0x300, 0x8500);
    put(0x300, 0x0609);
    expect(events).toEqual(['init 1', 'startup 1 9']);
    expect(at(lapics, 1).hasInterrupt()).toBe(false);
    expect(at(lapics, 1).read(0xf0, 4)).toBe(0xff);
  });

  it('delivers NMIs by IPI and LINT1', () => {
    const { lapic, put } = createLapics();
    put(0x300, 0x4_0400);
    expect(lapic.nmiPending).toBe(true);
    lapic.acknowledgeNmi();
    lapic.setLint1(true);
    expect(lapic.nmiPending).toBe(false);
    lapic.setLint1(false);
    put(0x360, 0x400);
    lapic.setLint1(true);
    expect(lapic.nmiPending).toBe(true);
  });

  it('records errors and interrupts for them', () => {
    const { lapic, get, put } = createLapics();
    put(0x370, 0xfe);
    put(0x300, 0x4_0005);
    expect(lapic.acknowledgeInterrupt()).toBe(0xfe);
    lapic.receive(fixed(3));
    get(0x3f0);
    expect(get(0x280)).toBe(0);
    put(0x280, 0);
    expect(get(0x280)).toBe(0xe0);
    put(0x280, 0);
    expect(get(0x280)).toBe(0);
  });

  it('accepts the 8259A through LINT0 as ExtINT, or as a plain interrupt', () => {
    const { lapic, put } = createLapics();
    expect(lapic.acceptsExtInt()).toBe(false);
    put(0x350, 0x700);
    expect(lapic.acceptsExtInt()).toBe(true);
    put(0x350, 0x0044);
    expect(lapic.acceptsExtInt()).toBe(false);
    lapic.setLint0(true);
    expect(lapic.acknowledgeInterrupt()).toBe(0x44);
  });
});

describe('local APIC timer', () => {
  it('counts down once', () => {
    const { time, lapic, get, put } = createLapics();
    put(0x320, 0x60);
    put(0x3e0, 0x03);
    put(0x380, 1000);
    time.advance(8000);
    expect(get(0x390)).toBe(500);
    time.advance(7999);
    expect(lapic.hasInterrupt()).toBe(false);
    time.advance(1);
    expect(lapic.acknowledgeInterrupt()).toBe(0x60);
    expect(get(0x390)).toBe(0);
    time.advance(1e9);
    expect(lapic.hasInterrupt()).toBe(false);
  });

  it.each([
    [0x0, 2],
    [0x1, 4],
    [0x2, 8],
    [0x3, 16],
    [0x8, 32],
    [0x9, 64],
    [0xa, 128],
    [0xb, 1],
  ])('divides by code %i', (code, divisor) => {
    const { time, get, put } = createLapics();
    put(0x3e0, code);
    put(0x380, 1000);
    time.advance(100 * divisor);
    expect(get(0x390)).toBe(900);
  });

  it('repeats in periodic mode, without drift, and stops at count 0', () => {
    const { time, lapic, put } = createLapics();
    put(0x320, 0x2_0060);
    put(0x3e0, 0x0b);
    put(0x380, 10_000);
    let count = 0;
    for (let i = 0; i < 1000; i++) {
      time.advance(3000);
      if (!lapic.hasInterrupt()) continue;
      lapic.acknowledgeInterrupt();
      put(0xb0, 0);
      count += 1;
    }
    expect(count).toBe(300);
    put(0x380, 0);
    expect(time.timers.nextDeadline()).toBeNull();
  });

  it('goes on counting while masked, at no cost', () => {
    const { time, lapic, get, put } = createLapics();
    put(0x3e0, 0x0b);
    put(0x320, 0x3_0060);
    put(0x380, 10_000);
    expect(time.timers.nextDeadline()).toBeNull();
    time.advance(25_000);
    expect(get(0x390)).toBe(5000);
    put(0x320, 0x2_0060);
    time.advance(4999);
    expect(lapic.hasInterrupt()).toBe(false);
    time.advance(1);
    expect(lapic.hasInterrupt()).toBe(true);
    // A one-shot that ran out behind its mask is over.
    const other = createLapics();
    other.put(0x3e0, 0x0b);
    other.put(0x320, 0x1_0060);
    other.put(0x380, 1000);
    other.time.advance(2000);
    other.put(0x320, 0x60);
    other.time.advance(1e9);
    expect(other.lapic.hasInterrupt()).toBe(false);
  });

  it('fires at a TSC deadline', () => {
    const { time, lapic, get, put } = createLapics();
    expect(lapic.writeMsr(0x6e0, 5, 0)).toBe(true);
    expect(lapic.readMsr(0x6e0)).toEqual({ low: 0, high: 0 });
    put(0x320, 0x4_0060);
    put(0x380, 77);
    expect(get(0x380)).toBe(0);
    const deadline = 6_000_000_000;
    lapic.writeMsr(0x6e0, deadline % 2 ** 32, Math.floor(deadline / 2 ** 32));
    time.advance(3e9 - 1);
    expect(lapic.hasInterrupt()).toBe(false);
    expect(lapic.readMsr(0x6e0)).toEqual({ low: deadline % 2 ** 32, high: 1 });
    time.advance(1);
    expect(lapic.acknowledgeInterrupt()).toBe(0x60);
    expect(lapic.readMsr(0x6e0)).toEqual({ low: 0, high: 0 });
    lapic.writeMsr(0x6e0, 0xffff_ffff, 0xffff_ffff);
    expect(lapic.readMsr(0x6e0)).toEqual({ low: 0xffff_ffff, high: 0xffff_ffff });
    lapic.writeMsr(0x6e0, 1, 0);
    put(0xb0, 0);
    time.timers.runDue();
    expect(lapic.hasInterrupt()).toBe(true);
  });

  it('follows a changed time-stamp counter', () => {
    const { time, lapic, put } = createLapics();
    put(0x320, 0x4_0060);
    time.advance(1e9);
    lapic.timer.setTscOffset(-TSC_HZ);
    expect(lapic.timer.tsc()).toBe(0);
    lapic.writeMsr(0x6e0, TSC_HZ, 0);
    time.advance(1e9 - 1);
    expect(lapic.hasInterrupt()).toBe(false);
    time.advance(1);
    expect(lapic.hasInterrupt()).toBe(true);
  });
});

describe('x2APIC', () => {
  function enabled(count = 1) {
    const made = createLapics(count);
    for (const lapic of made.lapics) expect(lapic.writeMsr(0x1b, 0xfee0_0c00 | (lapic.id === 0 ? 0x100 : 0), 0)).toBe(true);
    return made;
  }

  it('has registers as MSRs only in its mode', () => {
    const off = createLapics();
    expect(off.lapic.readMsr(0x802)).toBeNull();
    expect(off.lapic.writeMsr(0x80b, 0, 0)).toBe(false);
    const { lapics, events } = enabled(20);
    expect(events).toContain('base undefined');
    expect(at(lapics, 17).readMsr(0x802)).toEqual({ low: 17, high: 0 });
    expect(at(lapics, 17).readMsr(0x80d)).toEqual({ low: 0x1_0002, high: 0 });
    expect(at(lapics, 0).readMsr(0x803)).toEqual({ low: 0x5_0014, high: 0 });
    expect(at(lapics, 0).readMsr(0x80e)).toBeNull();
    expect(at(lapics, 0).readMsr(0x831)).toBeNull();
    expect(at(lapics, 0).readMsr(0x80b)).toBeNull();
    expect(at(lapics, 0).readMsr(0x10)).toBeNull();
  });

  it('raises #GP for reserved bits', () => {
    const { lapic } = enabled();
    expect(lapic.writeMsr(0x80b, 1, 0)).toBe(false);
    expect(lapic.writeMsr(0x828, 1, 0)).toBe(false);
    expect(lapic.writeMsr(0x808, 0x100, 0)).toBe(false);
    expect(lapic.writeMsr(0x808, 0, 1)).toBe(false);
    expect(lapic.writeMsr(0x802, 0, 0)).toBe(false);
    expect(lapic.writeMsr(0x832, 0x2_0060, 0)).toBe(true);
    expect(lapic.readMsr(0x832)).toEqual({ low: 0x2_0060, high: 0 });
  });

  it('sends IPIs with 32-bit destinations and to itself', () => {
    const { lapics, lapic } = enabled(20);
    const pending = (): number[] => lapics.filter((target) => target.hasInterrupt()).map((target) => target.id);
    lapic.writeMsr(0x830, 0x51, 18);
    expect(pending()).toEqual([18]);
    expect(lapic.readMsr(0x830)).toEqual({ low: 0x51, high: 18 });
    lapic.writeMsr(0x830, 0x852, 0x1_0003);
    expect(pending()).toEqual([16, 17, 18]);
    lapic.writeMsr(0x83f, 0x53, 0);
    expect(pending()).toEqual([0, 16, 17, 18]);
    expect(lapic.acknowledgeInterrupt()).toBe(0x53);
    expect(lapic.writeMsr(0x80b, 0, 0)).toBe(true);
    lapic.writeMsr(0x830, 0x54, 0xffff_ffff);
    expect(pending()).toHaveLength(20);
  });

  it('is entered and left only as the manual allows', () => {
    const { lapic, events, get } = createLapics();
    expect(lapic.writeMsr(0x1b, 0xfee0_0500, 0)).toBe(false);
    expect(lapic.writeMsr(0x1b, 0xfee0_0901, 0)).toBe(false);
    expect(lapic.writeMsr(0x1b, 0xfed0_0900, 0)).toBe(true);
    expect(events).toEqual(['base fed00000']);
    expect(lapic.writeMsr(0x1b, 0xfee0_0d00, 0)).toBe(true);
    expect(lapic.writeMsr(0x1b, 0xfee0_0900, 0)).toBe(false);
    lapic.receive(fixed(0x40));
    expect(lapic.writeMsr(0x1b, 0xfee0_0100, 0)).toBe(true);
    expect(lapic.hasInterrupt()).toBe(false);
    expect(lapic.receive(fixed(0x40))).toBe(false);
    expect(lapic.acceptsExtInt()).toBe(true);
    expect(lapic.writeMsr(0x1b, 0xfee0_0d00, 0)).toBe(false);
    expect(lapic.writeMsr(0x1b, 0xfee0_0900, 0)).toBe(true);
    expect(get(0xf0)).toBe(0xff);
  });
});

import { describe, expect, it } from 'vitest';
import { ApicBus, type InterruptMessage } from '../../../../runtime/platform/apic/apic-bus.ts';
import { Ioapic } from '../../../../runtime/platform/ioapic.ts';

function createIoapic() {
  const bus = new ApicBus();
  const sent: InterruptMessage[] = [];
  const target = { accepts: true };
  bus.addTarget({
    matches: (message) => message.destination === 0,
    arbitrationPriority: () => 0,
    receive: (message) => {
      if (target.accepts) sent.push(message);
      return target.accepts;
    },
  });
  const ioapic = new Ioapic({ id: 5, bus, extIntChanged: () => {} });
  const get = (index: number): number => {
    ioapic.write(0, 4, index);
    return ioapic.read(0x10, 4);
  };
  const put = (index: number, value: number): void => {
    ioapic.write(0, 4, index);
    ioapic.write(0x10, 4, value);
  };
  const route = (pin: number, low: number, high = 0): void => {
    put(0x11 + 2 * pin, high);
    put(0x10 + 2 * pin, low);
  };
  return { bus, ioapic, sent, target, get, put, route, vectors: () => sent.map((message) => message.vector) };
}

describe('I/O APIC', () => {
  it('identifies itself', () => {
    const { get, put } = createIoapic();
    expect(get(0)).toBe(0x0500_0000);
    put(0, 0x0300_0000);
    expect(get(0)).toBe(0x0300_0000);
    expect(get(1)).toBe(0x0017_0020);
    for (let pin = 0; pin < 24; pin++) expect(get(0x10 + 2 * pin)).toBe(0x1_0000);
    expect(get(0x40)).toBe(0);
  });

  it('delivers an edge once and loses it when masked', () => {
    const { ioapic, route, vectors, get } = createIoapic();
    ioapic.setPin(4, true);
    route(4, 0x30);
    expect(vectors()).toEqual([]);
    ioapic.setPin(4, false);
    ioapic.setPin(4, true);
    ioapic.setPin(4, true);
    expect(vectors()).toEqual([0x30]);
    expect(get(0x18)).toBe(0x30);
    ioapic.setPin(4, false);
    ioapic.setPin(4, true);
    expect(vectors()).toEqual([0x30, 0x30]);
  });

  it('repeats a level after its EOI, and keeps it behind a mask', () => {
    const { bus, ioapic, route, vectors, get } = createIoapic();
    ioapic.setPin(9, true);
    route(9, 0x8041);
    expect(vectors()).toEqual([0x41]);
    expect(get(0x22)).toBe(0xc041);
    ioapic.setPin(9, false);
    ioapic.setPin(9, true);
    expect(vectors()).toEqual([0x41]);
    bus.endOfInterrupt(0x41);
    expect(vectors()).toEqual([0x41, 0x41]);
    ioapic.setPin(9, false);
    bus.endOfInterrupt(0x41);
    expect(get(0x22)).toBe(0x8041);
    expect(vectors()).toHaveLength(2);
  });

  it('forgets the remote IRR by EOI register or by a turn to edges', () => {
    const { ioapic, route, vectors, put, get } = createIoapic();
    route(9, 0x8041);
    ioapic.setPin(9, true);
    ioapic.write(0x40, 4, 0x41);
    expect(vectors()).toHaveLength(2);
    put(0x22, 0x1_0041);
    expect(get(0x22)).toBe(0x1_0041);
    put(0x22, 0x8041);
    expect(vectors()).toHaveLength(3);
  });

  it('tries a refused level again', () => {
    const { ioapic, route, vectors, target, get } = createIoapic();
    target.accepts = false;
    route(9, 0x8041);
    ioapic.setPin(9, true);
    expect(get(0x22)).toBe(0x8041);
    target.accepts = true;
    route(9, 0x8041);
    expect(vectors()).toEqual([0x41]);
  });

  it('passes destination, mode and vector on, and keeps read-only bits', () => {
    const { ioapic, route, sent, get } = createIoapic();
    route(23, 0xffff_5955 & ~0x1_0000, 0x0000_0000);
    ioapic.setPin(23, true);
    expect(sent).toEqual([{ mode: 1, vector: 0x55, level: false, destination: 0, logical: true, wide: false }]);
    expect(get(0x3e)).toBe(0x0955);
    route(1, 0x31, 0x0700_0000);
    ioapic.setPin(1, true);
    expect(sent).toHaveLength(1);
  });

  it('lets the 8259A through pin 0 as ExtINT', () => {
    const { ioapic, route } = createIoapic();
    expect(ioapic.acceptsExtInt()).toBe(false);
    route(0, 0x700);
    expect(ioapic.acceptsExtInt()).toBe(true);
    route(0, 0x1_0700);
    expect(ioapic.acceptsExtInt()).toBe(false);
  });
});

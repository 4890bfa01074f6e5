import { describe, expect, it } from 'vitest';
import { Errno, EventFifo } from '#sdk';
import { testDomain } from '../domain/domain-fixture.ts';
import { FifoGuest } from './fifo-guest.ts';

/** A domain with the FIFO ABI and `count` IPIs. */
function fifoDomain(count: number) {
  const domain = testDomain();
  const guest = new FifoGuest(domain.state);
  expect(guest.begin()).toEqual([0, 0]);
  const ports = Array.from({ length: count }, () => domain.state.events.bindIpi(0));
  return { ...domain, guest, ports, events: domain.state.events };
}

describe('event channels with the FIFO ABI', () => {
  it('hand over events in the order in which they came', () => {
    const { guest, events, ports, kicked } = fifoDomain(4);
    for (const port of [3, 1, 4, 1]) events.send(port);
    expect(kicked).toEqual([0]);
    expect(guest.handle()).toEqual([3, 1, 4]);
    expect(guest.handle()).toEqual([]);
    for (const port of ports) events.send(port);
    expect(guest.handle()).toEqual(ports);
    expect(kicked).toEqual([0, 0]);
  });

  it('hand over those of higher priority first', () => {
    const { guest, events } = fifoDomain(3);
    expect(events.setPriority(3, 0)).toBe(0);
    expect(events.setPriority(1, 15)).toBe(0);
    for (const port of [1, 2, 3]) events.send(port);
    expect(guest.handle()).toEqual([3, 2, 1]);
    expect(events.setPriority(1, 16)).toBe(-Errno.EINVAL);
    expect(events.setPriority(99, 1)).toBe(-Errno.EINVAL);
  });

  it('take a port that changed its priority out of its old queue', () => {
    const { guest, events } = fifoDomain(3);
    events.send(1);
    expect(guest.handle()).toEqual([1]);
    events.setPriority(1, 2);
    events.send(1);
    events.send(2);
    expect(guest.handle()).toEqual([1, 2]);
    events.setPriority(1, 7);
    events.send(2);
    events.send(1);
    expect(guest.handle()).toEqual([2, 1]);
  });

  it('keep masked events back until they are unmasked', () => {
    const { guest, events } = fifoDomain(2);
    guest.mask(1);
    events.send(1);
    expect(guest.handle()).toEqual([]);
    expect(events.isPending(1)).toBe(true);
    events.unmask(1);
    expect(guest.handle()).toEqual([1]);
    expect(events.isPending(1)).toBe(false);
  });

  it('keep what was pending before there was a page for its port, and before the ABI changed', () => {
    const { state } = testDomain();
    const { events } = state;
    events.send(events.bindIpi(0));
    events.bindIpi(0);
    const guest = new FifoGuest(state);
    expect(events.expandArray(0x21)).toBe(-Errno.ENOSYS);
    expect(events.initControl(0, 0x20, 0)).toBe(0);
    events.send(2);
    expect(events.isPending(2)).toBe(true);
    expect(events.expandArray(0x21)).toBe(0);
    expect(guest.handle()).toEqual([1, 2]);
  });

  it('refuse control blocks and pages that cannot be', () => {
    const { events } = testDomain().state;
    expect(events.setPriority(1, 1)).toBe(-Errno.ENOSYS);
    expect(events.initControl(5, 0x20, 0)).toBe(-Errno.ENOENT);
    expect(events.initControl(0, 0xfffff, 0)).toBe(-Errno.EINVAL);
    expect(events.initControl(0, 0x20, 4)).toBe(-Errno.EINVAL);
    expect(events.initControl(0, 0x20, 4096 - 64)).toBe(-Errno.EINVAL);
    expect(events.initControl(0, 0x20, 8)).toBe(0);
    expect(events.initControl(0, 0x20, 8)).toBe(-Errno.EINVAL);
    expect(events.expandArray(Number.POSITIVE_INFINITY)).toBe(-Errno.EINVAL);
    for (let page = 0; page < 4; page++) expect(events.expandArray(0x30 + page)).toBe(0);
    expect(events.expandArray(0x34)).toBe(-Errno.ENOSPC);
  });

  it('loses and repeats nothing in a long random run', () => {
    const { guest, events } = fifoDomain(64);
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    const expected = new Set<number>();
    for (let i = 0; i < 20_000; i++) {
      const port = 1 + random(64);
      if (random(5) === 0) events.setPriority(port, random(16));
      events.send(port);
      expected.add(port);
      if (random(8) !== 0) continue;
      expect(guest.handle().sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b));
      expected.clear();
    }
  });

  it.each([1, 2, 100])('leave no word busy when the guest changes it %i times under their hands', (changes) => {
    const { guest, events, state } = fifoDomain(2);
    const { ram } = state;
    const BUSY = 1 << EventFifo.EVTCHN_FIFO_BUSY;
    events.send(1);
    const word = guest.wordOf(1);
    let left = changes;
    const replace = ram.replace.bind(ram);
    ram.replace = (address, expected, value) => {
      if (address === word && left-- > 0) {
        // at last it takes the event out of its queue
        if (left === 0) ram.clearBits(word, 1 << EventFifo.EVTCHN_FIFO_LINKED);
        return false;
      }
      return replace(address, expected, value);
    };
    events.send(2);
    expect(ram.load(word) & BUSY).toBe(0);
  });

  it('survives whatever the guest writes into its words', () => {
    const { state, guest, events } = fifoDomain(16);
    let seed = 99;
    for (let i = 0; i < 20_000; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      state.ram.words[(guest.wordOf(seed & 15) >> 2) + 1] = seed;
      events.send(1 + ((seed >>> 4) & 15));
      events.unmask(1 + ((seed >>> 8) & 15));
    }
    expect(state.events.allocUnbound(0)).toBe(17);
  });
});

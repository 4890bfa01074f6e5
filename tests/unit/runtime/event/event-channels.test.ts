import { describe, expect, it } from 'vitest';
import { Domid, Errno, EventChannelStatus, Virq } from '#sdk';
import type { DomainState } from '../../../../runtime/domain/domain-state.ts';
import { testDomain } from '../domain/domain-fixture.ts';

const { DOMID_SELF } = Domid;

/** The bits of the 2-level ABI as a 64-bit guest sees them. */
function seenBy({ ram, physmap, upcall }: DomainState, port: number, vcpu = 0) {
  const bit = (at: number): boolean => ((ram.bytes[at + (port >> 3)] ?? 0) & (1 << (port & 7))) !== 0;
  const info = upcall.infoOf(vcpu);
  return {
    pending: bit(physmap.sharedInfo + 0x800),
    masked: bit(physmap.sharedInfo + 0xa00),
    selected: ((ram.bytes[info + 8 + (port >> 9)] ?? 0) & (1 << ((port >> 6) & 7))) !== 0,
    upcall: ram.bytes[info],
  };
}

const mask = ({ ram, physmap }: DomainState, port: number): void => {
  ram.bytes[physmap.sharedInfo + 0xa00 + (port >> 3)] = 1 << (port & 7);
};

describe('event channels with the 2-level ABI', () => {
  it('give the lowest free port, and never port 0', () => {
    const { events } = testDomain().state;
    expect([events.allocUnbound(0), events.allocUnbound(0), events.bindIpi(0)]).toEqual([1, 2, 3]);
    expect(events.close(2)).toBe(0);
    expect(events.allocUnbound(DOMID_SELF)).toBe(2);
    expect(events.status(2)).toMatchObject({ state: EventChannelStatus.EVTCHNSTAT_unbound, remoteDomid: 1 });
    expect(events.close(0)).toBe(-Errno.EINVAL);
    expect(events.close(4000)).toBe(-Errno.EINVAL);
    expect(events.status(0)).toBeUndefined();
  });

  it('set pending, selector and upcall once, and kick the vCPU that the port is bound to', () => {
    const { state, kicked } = testDomain();
    const port = state.events.bindIpi(1);
    expect(state.events.send(port)).toBe(0);
    expect(seenBy(state, port, 1)).toEqual({ pending: true, masked: false, selected: true, upcall: 1 });
    state.events.send(port);
    expect(kicked).toEqual([1]);
  });

  it('leave a masked port pending, and deliver it when it is unmasked', () => {
    const { state, kicked } = testDomain();
    const port = state.events.bindVirq(Virq.VIRQ_TIMER, 0);
    mask(state, port);
    state.events.raiseVirq(Virq.VIRQ_TIMER, 0);
    expect(seenBy(state, port)).toEqual({ pending: true, masked: true, selected: false, upcall: 0 });
    expect(state.events.unmask(port)).toBe(0);
    expect(seenBy(state, port)).toEqual({ pending: true, masked: false, selected: true, upcall: 1 });
    expect(kicked).toEqual([0]);
  });

  it('have each virtual interrupt once: those of a vCPU per vCPU, those of the domain at vCPU 0', () => {
    const { events } = testDomain().state;
    expect(events.bindVirq(Virq.VIRQ_TIMER, 0)).toBe(1);
    expect(events.bindVirq(Virq.VIRQ_TIMER, 1)).toBe(2);
    expect(events.bindVirq(Virq.VIRQ_TIMER, 0)).toBe(-Errno.EEXIST);
    expect(events.bindVirq(3, 1)).toBe(-Errno.EINVAL);
    expect(events.bindVirq(24, 0)).toBe(-Errno.EINVAL);
    expect(events.bindVirq(Virq.VIRQ_TIMER, 2)).toBe(-Errno.ENOENT);
    events.close(1);
    expect(events.bindVirq(Virq.VIRQ_TIMER, 0)).toBe(1);
  });

  it('move to another vCPU, but for those that are a vCPU’s own', () => {
    const { state, kicked } = testDomain();
    const { events } = state;
    const port = events.allocBackend(0);
    expect(events.bindVcpu(port, 1)).toBe(0);
    events.notify(port);
    expect(kicked).toEqual([1]);
    expect(events.bindVcpu(port, 2)).toBe(-Errno.ENOENT);
    expect(events.bindVcpu(events.bindIpi(0), 1)).toBe(-Errno.EINVAL);
    expect(events.bindVcpu(99, 1)).toBe(-Errno.EINVAL);
  });

  it('reach backends in the process, both ways', () => {
    const { state, signalled, closed } = testDomain();
    const { events } = state;
    const port = events.allocUnbound(0);
    expect(events.send(port)).toBe(0);
    expect(signalled).toEqual([]);
    expect(events.bindBackend(port, 7)).toBe(false);
    expect(events.bindBackend(port, 0)).toBe(true);
    expect(seenBy(state, port).pending).toBe(true);
    events.send(port);
    expect(signalled).toEqual([port]);
    events.close(port);
    expect(closed).toEqual([port]);
    events.notify(port);
    expect(seenBy(state, port).pending).toBe(false);
  });

  it('connect two domains, and the end that stays is unbound again', () => {
    const others = new Map<number, DomainState>();
    const one = testDomain({ domid: 1, others });
    const two = testDomain({ domid: 2, others });
    const port = one.state.events.allocUnbound(2);
    expect(two.state.events.bindInterdomain(1, port + 1)).toBe(-Errno.EINVAL);
    const other = two.state.events.bindInterdomain(1, port);
    expect(other).toBe(1);
    one.state.events.send(port);
    expect(two.kicked).toEqual([0]);
    two.state.events.send(other);
    expect(one.kicked).toEqual([0]);
    expect(two.state.events.bindInterdomain(1, port)).toBe(-Errno.EINVAL);
    two.state.events.close(other);
    expect(one.state.events.status(port)).toMatchObject({ state: EventChannelStatus.EVTCHNSTAT_unbound });
    expect(two.state.events.bindInterdomain(9, 1)).toBe(-Errno.ESRCH);
  });

  it('run out as the layout of the guest says, and are all closed by a reset', () => {
    const { state } = testDomain();
    state.tables.wordBits = 32;
    let last = 0;
    for (let port = state.events.allocUnbound(0); port > 0; port = state.events.allocUnbound(0)) last = port;
    expect(last).toBe(1023);
    expect(state.events.allocUnbound(0)).toBe(-Errno.ENOSPC);
    expect(state.events.reset()).toBe(0);
    expect(state.events.allocUnbound(0)).toBe(1);
  });

  it('wake a vCPU that polls even when the port is masked', () => {
    const { state, kicked } = testDomain();
    const port = state.events.bindIpi(0);
    mask(state, port);
    state.events.send(port);
    expect(kicked).toEqual([]);
    state.tables.setVcpu(0, 3, 1);
    state.events.send(port);
    expect(kicked).toEqual([0]);
    expect(state.events.isPending(port)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { RemoteVcpu } from '../../../../runtime/domain/remote-vcpu.ts';
import { VcpuMailbox } from '../../../../runtime/domain/vcpu-mailbox.ts';
import { deliveryMode, type InterruptMessage } from '../../../../runtime/platform/apic/apic-bus.ts';
import { testDomain } from './domain-fixture.ts';

const message = (facts: Partial<InterruptMessage>): InterruptMessage => ({
  mode: deliveryMode.fixed,
  vector: 0x40,
  level: false,
  destination: 2,
  logical: false,
  wide: false,
  ...facts,
});
const ON = { enabled: true, x2apic: false, softwareEnabled: true, logicalDestination: 0x0200_0000, destinationFormat: 0xffff_ffff };

/** vCPU 1 as vCPU 0 sees it, and what its own thread takes from its mailbox. */
function pair() {
  const { state } = testDomain();
  let kicks = 0;
  const remote = new RemoteVcpu(1, state, () => kicks++);
  const mailbox = new VcpuMailbox(state.tables, 1);
  const take = (): string[] => {
    const taken: string[] = [];
    mailbox.take({
      interrupt: (vector) => taken.push(`interrupt ${vector}`),
      nmi: () => taken.push('nmi'),
      periodic: (ns) => taken.push(`periodic ${ns}`),
      updateFlag: (on) => taken.push(`flag ${on}`),
    });
    return taken;
  };
  const takeStart = (): string[] => {
    const taken: string[] = [];
    mailbox.takeStart({
      init: () => taken.push('init'),
      startup: (vector) => taken.push(`startup ${vector}`),
      up: () => taken.push('up'),
      down: () => taken.push('down'),
    });
    return taken;
  };
  return { remote, mailbox, take, takeStart, kicks: () => kicks };
}

describe('a vCPU on another thread', () => {
  it('is found by what its local APIC published', () => {
    const { remote, mailbox } = pair();
    expect(remote.matches(message({}))).toBe(false);
    mailbox.publish(ON);
    expect([remote.matches(message({})), remote.matches(message({ destination: 4 })), remote.matches(message({ logical: true }))]).toEqual([true, false, true]);
    mailbox.publish({ ...ON, x2apic: true, logicalDestination: 4 });
    expect(remote.matches(message({ logical: true, wide: true, destination: 4 }))).toBe(true);
  });

  it('takes interrupts once, in whatever number, and is kicked for each', () => {
    const { remote, mailbox, take, kicks } = pair();
    expect([remote.receive(message({})), kicks()]).toEqual([false, 0]);
    mailbox.publish(ON);
    for (const vector of [0x40, 0x41, 0xff, 0x40, 0x10]) expect(remote.receive(message({ vector }))).toBe(true);
    expect(remote.receive(message({ mode: deliveryMode.nmi }))).toBe(true);
    expect(kicks()).toBe(6);
    expect(take()).toEqual(['interrupt 16', 'interrupt 64', 'interrupt 65', 'interrupt 255', 'nmi']);
    expect(take()).toEqual([]);
  });

  it('refuses fixed interrupts while its APIC is switched off by software, but not INIT', () => {
    const { remote, mailbox, takeStart } = pair();
    mailbox.publish({ ...ON, softwareEnabled: false });
    expect([remote.receive(message({})), remote.receive(message({ mode: deliveryMode.smi }))]).toEqual([false, false]);
    expect(remote.receive(message({ mode: deliveryMode.startup, vector: 9 }))).toBe(true);
    expect(remote.receive(message({ mode: deliveryMode.init }))).toBe(true);
    expect(remote.receive(message({ mode: deliveryMode.startup, vector: 0x9a }))).toBe(true);
    expect(mailbox.startWaits).toBe(true);
    expect(takeStart()).toEqual(['init', `startup ${0x9a}`]);
    expect(mailbox.startWaits).toBe(false);
  });

  it('hears what hypercalls ask of it', () => {
    const { remote, take, takeStart } = pair();
    remote.periodic.start(5_000_000_000_000);
    remote.runstate.updateFlag = true;
    remote.sendNmi();
    expect(take()).toEqual(['nmi', 'flag true', 'periodic 5000000000000']);
    remote.down();
    remote.up();
    expect(takeStart()).toEqual(['down', 'up']);
  });
});

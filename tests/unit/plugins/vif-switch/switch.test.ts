import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyFrame, type NetFrame, netFrame } from '#sdk';
import { macAt, MacTable, parseMac } from '../../../../plugins/vif-switch/mac-table.ts';
import { LearningSwitch, type SwitchPort } from '../../../../plugins/vif-switch/switch.ts';

const BROADCAST = 0xffff_ffff_ffff;
const macOf = (host: number): number => 0x0016_3e00_0000 + host;

/** A frame from one address to another. */
function frame(from: number, to: number, length = 60): NetFrame {
  const bytes = new Uint8Array(length);
  [to, from].forEach((mac, i) => {
    for (let byte = 0; byte < 6; byte++) bytes[i * 6 + byte] = Math.floor(mac / 2 ** (40 - byte * 8)) & 0xff;
  });
  return netFrame(bytes);
}

/** A switch with hosts, each with what it got. */
function network(hosts: number, { ageingMs = 1000, addresses = 100, antispoof = false, takes = true } = {}) {
  const clock = { ms: 0 };
  const bridge = new LearningSwitch({ ageingMs, addresses, nowMs: () => clock.ms });
  const got: NetFrame[][] = Array.from({ length: hosts }, () => []);
  const ports = got.map((own, host) =>
    bridge.attach(
      {
        deliver: (each) => {
          if (takes) own.push(copyFrame(each));
          return takes;
        },
      },
      { name: `vif${host}.0`, onlyAddress: antispoof ? macOf(host) : undefined },
    ),
  );
  const send = (host: number, to: number, from = macOf(host)): number[] => {
    for (const own of got) own.length = 0;
    (ports[host] as SwitchPort).receive(frame(from, to));
    return got.map((own) => own.length);
  };
  return { bridge, clock, got, ports, send };
}

describe('a learning switch', () => {
  it('floods what is for an address that it does not know, and learns from the answer', () => {
    const { send } = network(3);
    expect(send(0, macOf(1))).toEqual([0, 1, 1]);
    expect(send(1, macOf(0))).toEqual([1, 0, 0]);
    expect(send(0, macOf(1))).toEqual([0, 1, 0]);
  });

  it('gives broadcasts and groups to all others', () => {
    const { send } = network(3);
    expect(send(1, BROADCAST)).toEqual([1, 0, 1]);
    expect(send(1, 0x0100_5e00_0001)).toEqual([1, 0, 1]);
  });

  it('keeps frames for the next bridge to itself', () => {
    const { send } = network(2);
    expect(send(0, 0x0180_c200_0000)).toEqual([0, 0]);
    expect(send(0, 0x0180_c200_000f)).toEqual([0, 0]);
    expect(send(0, 0x0180_c200_0010)).toEqual([0, 1]);
  });

  it('forgets addresses that are not heard of', () => {
    const { send, clock, bridge } = network(3);
    send(1, BROADCAST);
    clock.ms = 999;
    expect(send(0, macOf(1))).toEqual([0, 1, 0]);
    clock.ms = 1000;
    expect(send(0, macOf(1))).toEqual([0, 1, 1]);
    expect(bridge.knownAddresses).toBe(1);
  });

  it('follows an address to another port', () => {
    const { send } = network(3);
    send(1, BROADCAST);
    send(2, BROADCAST, macOf(1));
    expect(send(0, macOf(1))).toEqual([0, 0, 1]);
  });

  it('sends nothing back to where it came from', () => {
    const { send } = network(2);
    send(0, BROADCAST);
    expect(send(0, macOf(0))).toEqual([0, 0]);
  });

  it('refuses group addresses as a source, frames that are too short, and strangers where told to', () => {
    const { send, ports } = network(2, { antispoof: true });
    expect(send(0, BROADCAST, 0x0100_0000_0000)).toEqual([0, 0]);
    expect(send(0, BROADCAST, macOf(5))).toEqual([0, 0]);
    ports[0]?.receive(netFrame(new Uint8Array(13)));
    expect(ports[0]?.counters).toMatchObject({ framesIn: 3, refused: 3 });
    expect(send(0, BROADCAST)).toEqual([0, 1]);
  });

  it('counts frames and bytes of each port, and those that were not taken', () => {
    const { send, ports } = network(3);
    send(0, BROADCAST);
    send(1, macOf(0));
    expect(ports[0]?.counters).toEqual({ framesIn: 1, bytesIn: 60, framesOut: 1, bytesOut: 60, refused: 0, dropped: 0 });
    expect(ports[2]?.counters).toEqual({ framesIn: 0, bytesIn: 0, framesOut: 1, bytesOut: 60, refused: 0, dropped: 0 });
    const full = network(2, { takes: false });
    full.send(0, BROADCAST);
    expect(full.ports[1]?.counters).toMatchObject({ framesOut: 0, dropped: 1 });
  });

  it('forgets a port that leaves, with its addresses', () => {
    const { send, ports, bridge } = network(3);
    send(1, BROADCAST);
    ports[1]?.detach();
    expect(bridge.knownAddresses).toBe(0);
    expect(send(0, macOf(1))).toEqual([0, 0, 1]);
    expect(send(1, macOf(0))).toEqual([0, 0, 0]);
  });

  it('hands a frame on as it is, with what is left to do about it', () => {
    const { ports, got } = network(2);
    ports[0]?.receive({ ...frame(macOf(0), BROADCAST), checksum: 1, gsoType: 1, gsoSize: 1448 });
    expect(got[1]?.[0]).toMatchObject({ checksum: 1, gsoType: 1, gsoSize: 1448, length: 60 });
  });

  it('never delivers to the sender, to two for a known address, or to nobody for an unknown one', () => {
    const step = fc.record({ from: fc.nat({ max: 4 }), to: fc.nat({ max: 9 }), wait: fc.nat({ max: 400 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { send, clock } = network(5);
        const heard = new Map<number, number>();
        for (const { from, to, wait } of steps) {
          clock.ms += wait;
          const counts = send(from, macOf(to));
          heard.set(from, clock.ms);
          const seen = heard.get(to);
          const isKnown = seen !== undefined && clock.ms - seen < 1000;
          const expected = [0, 1, 2, 3, 4].map((host) => (host !== from && (!isKnown || host === to) ? 1 : 0));
          expect(counts).toEqual(isKnown && to === from ? [0, 0, 0, 0, 0] : expected);
        }
      }),
    );
  });
});

describe('the table of addresses', () => {
  it('is bounded, and who floods pushes out only its own', () => {
    const table = new MacTable<string>({ ageingMs: 1000, capacity: 10 });
    for (let i = 0; i < 5; i++) table.learn(i, 'quiet', 0);
    for (let i = 100; i < 10_000; i++) table.learn(i, 'loud', 1);
    expect(table.countFresh(1)).toBe(10);
    expect([0, 1, 2, 3, 4].map((mac) => table.find(mac, 1))).toEqual(['quiet', 'quiet', 'quiet', 'quiet', 'quiet']);
    expect(table.find(9999, 1)).toBe('loud');
  });

  it('takes no newcomer while others fill it, until they age', () => {
    const table = new MacTable<string>({ ageingMs: 1000, capacity: 2 });
    table.learn(1, 'a', 0);
    table.learn(2, 'a', 0);
    table.learn(3, 'b', 10);
    expect(table.find(3, 10)).toBeUndefined();
    table.learn(3, 'b', 1000);
    expect(table.find(3, 1000)).toBe('b');
  });

  it('reads addresses as they are written and as they stand in frames', () => {
    expect(parseMac('00:16:3e:0a:0B:ff')).toBe(0x0016_3e0a_0bff);
    for (const bad of ['', '00:16:3e:0a:0b', '00:16:3e:0a:0b:fg', '00-16-3e-0a-0b-ff', '00:16:3e:0a:0b:ff:00']) expect(parseMac(bad)).toBeUndefined();
    expect(macAt(frame(macOf(7), BROADCAST).bytes, 6)).toBe(macOf(7));
  });
});

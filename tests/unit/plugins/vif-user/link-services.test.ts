import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { getU16, getU32, internetChecksum, netFrame, putU16, putU32, verifyChecksum } from '#sdk';
import { DnsCode, DnsType, encodeName, readQuestion, writeAnswer } from '../../../../plugins/vif-user/dns/dns-message.ts';
import { encodeIpv6 } from '../../../../plugins/vif-user/dns/name-source.ts';
import { address, arpRequest, dotted, GUEST_MAC, ipFrame, udpFrame, udpPacket } from './packets.ts';
import { fakeNames, UserBench } from './user-setup.ts';

const benches: UserBench[] = [];
const bench = (...settings: ConstructorParameters<typeof UserBench>): UserBench => {
  const made = new UserBench(...settings);
  benches.push(made);
  return made;
};
afterEach(() => {
  for (const { network } of benches.splice(0)) network.close();
});

describe('ARP', () => {
  it('is answered for the gateway and the name server', () => {
    const { frames, network } = bench();
    for (const wanted of ['10.0.2.2', '10.0.2.3']) {
      frames.length = 0;
      network.receive(netFrame(arpRequest(GUEST_MAC, '10.0.2.15', wanted)));
      const [reply] = frames as [Uint8Array];
      expect([reply.length, getU16(reply, 12), getU16(reply, 20)]).toEqual([42, 0x0806, 2]);
      expect(reply.subarray(0, 6)).toEqual(GUEST_MAC);
      expect(reply.subarray(32, 38)).toEqual(GUEST_MAC);
      expect(reply.subarray(6, 12)).toEqual(reply.subarray(22, 28));
      expect([dotted(getU32(reply, 28)), dotted(getU32(reply, 38))]).toEqual([wanted, '10.0.2.15']);
    }
  });

  it('is not answered for others, nor for a guest that looks whether its address is free', () => {
    const { frames, send } = bindSend(bench());
    send(arpRequest(GUEST_MAC, '10.0.2.15', '10.0.2.16'));
    send(arpRequest(GUEST_MAC, '10.0.2.2', '10.0.2.2'));
    send(arpRequest(GUEST_MAC, '10.0.2.15', '10.0.2.2').slice(0, 40));
    expect(frames).toEqual([]);
  });
});

/** A bench whose methods can be taken apart. */
function bindSend(made: UserBench) {
  return { frames: made.frames, network: made.network, send: made.send.bind(made), packets: made.packets.bind(made), until: made.until.bind(made) };
}

/** A message of a DHCP client. */
function dhcpMessage(type: number, options: readonly number[] = [], current = 0): Uint8Array {
  const message = new Uint8Array(300);
  message.set([1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
  putU32(message, 12, current);
  message.set(GUEST_MAC, 28);
  putU32(message, 236, 0x6382_5363);
  message.set([53, 1, type, ...options, 255], 240);
  return message;
}

/** Options of an answer. */
function dhcpOptions(message: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 240; message[at] !== 255; at += 2 + (message[at + 1] as number))
    found.set(message[at] as number, message.slice(at + 2, at + 2 + (message[at + 1] as number)));
  return found;
}

describe('DHCP', () => {
  const ask = (message: Uint8Array, from = '0.0.0.0', made = bench()) => {
    const { send, packets } = bindSend(made);
    send(udpFrame(from, 68, from === '0.0.0.0' ? '255.255.255.255' : '10.0.2.2', 67, message));
    return packets(17).map((packet) => ({ ...packet, message: packet.payload.slice(8), options: dhcpOptions(packet.payload.slice(8)) }));
  };

  it('offers and grants the one address, with network, router, name server and MTU', () => {
    const [offer] = ask(dhcpMessage(1));
    expect([offer?.from, offer?.to, dotted(getU32(offer?.message ?? new Uint8Array(0), 16))]).toEqual(['10.0.2.2', '255.255.255.255', '10.0.2.15']);
    expect(offer?.options.get(53)).toEqual(Uint8Array.of(2));
    const [ack] = ask(dhcpMessage(3, [50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2]));
    const text = (code: number): string => dotted(getU32(ack?.options.get(code) ?? new Uint8Array(0), 0));
    expect([ack?.options.get(53)?.[0], text(1), text(3), text(6), text(54), text(51)]).toEqual([
      5,
      '255.255.255.0',
      '10.0.2.2',
      '10.0.2.3',
      '10.0.2.2',
      '0.1.81.128',
    ]);
    expect(getU16(ack?.options.get(26) ?? new Uint8Array(0), 0)).toBe(1500);
    expect(getU32(ack?.message ?? new Uint8Array(0), 4)).toBe(0xdead_beef);
    expect(ack?.message.subarray(28, 34)).toEqual(GUEST_MAC);
  });

  it('gives the address that the operator chose', () => {
    const [offer] = ask(dhcpMessage(1), '0.0.0.0', bench({ guestAddress: address('10.0.2.77') }));
    expect(dotted(getU32(offer?.message ?? new Uint8Array(0), 16))).toBe('10.0.2.77');
  });

  it('refuses another address', () => {
    const [nak] = ask(dhcpMessage(3, [50, 4, 10, 0, 2, 99]));
    expect([nak?.options.get(53)?.[0], getU32(nak?.message ?? new Uint8Array(0), 16)]).toEqual([6, 0]);
  });

  it('renews to the guest itself, and informs without a lease', () => {
    const [ack] = ask(dhcpMessage(3, [], address('10.0.2.15')), '10.0.2.15');
    expect([ack?.to, ack?.options.get(53)?.[0]]).toEqual(['10.0.2.15', 5]);
    const [inform] = ask(dhcpMessage(8, [], address('10.0.2.15')), '10.0.2.15');
    expect([inform?.options.has(51), getU32(inform?.message ?? new Uint8Array(1), 16)]).toEqual([false, 0]);
  });

  it('says nothing to who chose another server, to a release, and to nonsense', () => {
    expect(ask(dhcpMessage(3, [54, 4, 1, 2, 3, 4]))).toEqual([]);
    expect(ask(dhcpMessage(7))).toEqual([]);
    expect(ask(new Uint8Array(300))).toEqual([]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => void ask(Uint8Array.from([...dhcpMessage(1).subarray(0, 240), ...tail]))));
  });
});

/** A question for a name. */
function dnsQuestion(name: string, type: number, extra: readonly number[] = []): Uint8Array {
  return Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, extra.length > 0 ? 1 : 0, ...(encodeName(name) ?? []), 0, type, 0, 1, ...extra]);
}

describe('DNS', () => {
  const names = fakeNames({
    'host.example 1': [{ type: DnsType.A, ttlSeconds: 77, data: Uint8Array.of(192, 0, 2, 1) }],
    'many.example 1': Array.from({ length: 60 }, (_, i) => ({ type: DnsType.A, ttlSeconds: 1, data: Uint8Array.of(192, 0, 2, i) })),
    'host.example 28': [],
  });
  const ask = async (message: Uint8Array): Promise<Uint8Array> => {
    const { send, packets, until } = bindSend(bench({ names }));
    send(udpFrame('10.0.2.15', 5555, '10.0.2.3', 53, message));
    await until(() => packets(17).length > 0, 'an answer');
    const [answer] = packets(17);
    expect([answer?.from, getU16(answer?.payload ?? new Uint8Array(0), 0), getU16(answer?.payload ?? new Uint8Array(0), 2)]).toEqual(['10.0.2.3', 53, 5555]);
    return answer?.payload.slice(8) ?? new Uint8Array(0);
  };

  it('answers with the records of the name', async () => {
    const answer = await ask(dnsQuestion('host.example', DnsType.A));
    expect([getU16(answer, 0), getU16(answer, 2), getU16(answer, 4), getU16(answer, 6)]).toEqual([0x1234, 0x8180, 1, 1]);
    const record = answer.slice(12 + 14 + 4);
    expect([getU16(record, 0), getU16(record, 2), getU32(record, 6), ...record.slice(12)]).toEqual([0xc00c, 1, 77, 192, 0, 2, 1]);
  });

  it.each([
    ['a name that there is not', 'missing', DnsCode.NXDOMAIN],
    ['servers that do not answer', 'broken', DnsCode.SERVFAIL],
    ['a name without such records', 'host.example', DnsCode.NOERROR],
  ])('tells of %s', async (_what, name, code) => {
    const answer = await ask(dnsQuestion(name, DnsType.AAAA));
    expect([getU16(answer, 2) & 0xf, getU16(answer, 6)]).toEqual([code, 0]);
  });

  it('cuts an answer that is too long, and says so; EDNS makes room', async () => {
    const plain = await ask(dnsQuestion('many.example', DnsType.A));
    expect([plain.length <= 512, (getU16(plain, 2) & 0x200) !== 0, getU16(plain, 6)]).toEqual([true, true, 30]);
    const extended = await ask(dnsQuestion('many.example', DnsType.A, [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]));
    expect([(getU16(extended, 2) & 0x200) !== 0, getU16(extended, 6), getU16(extended, 10)]).toEqual([false, 60, 1]);
  });

  it('answers by TCP what is too long for a datagram', async () => {
    const made = bench({ names });
    const peer = made.connect('10.0.2.3', 53);
    await made.until(() => peer.state === 'open', 'a connection');
    const question = dnsQuestion('many.example', DnsType.A);
    const framed = Uint8Array.from([0, question.length, ...question]);
    // Two questions, cut in the middle of the second.
    peer.write(Uint8Array.from([...framed, ...framed.slice(0, 1)]));
    await made.until(() => peer.received.length > 900, 'an answer');
    peer.write(framed.slice(1));
    peer.end();
    await made.until(() => peer.peerEnded, 'the end');
    const all = Uint8Array.from(peer.received);
    const length = getU16(all, 0);
    expect([length, all.length]).toEqual([12 + question.length - 12 + 60 * 16, 2 * (2 + length)]);
    expect([getU16(all, 2 + 6), getU16(all, 4 + length + 6), getU16(all, 4) & 0x200]).toEqual([60, 60, 0]);
    await made.until(() => made.network.stats()['tcpConnections'] === 0, 'the end of the connection');
  });

  it('reads any message without an error, and answers what it can read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const question = readQuestion(bytes);
        if (question !== undefined) expect(readQuestion(writeAnswer(question, 0, []))).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
    expect(readQuestion(dnsQuestion('a.b', 1))).toMatchObject({ name: 'a.b', type: 1, mostBytes: 512 });
  });

  it('writes addresses of IPv6 in all their forms', () => {
    const hex = (text: string): string => Buffer.from(encodeIpv6(text)).toString('hex');
    expect(hex('2001:db8::1')).toBe('20010db8000000000000000000000001');
    expect(hex('::')).toBe('0'.repeat(32));
    expect(hex('::ffff:192.0.2.1')).toBe('00000000000000000000ffffc0000201');
    expect(hex('1:2:3:4:5:6:7:8')).toBe('00010002000300040005000600070008');
  });
});

describe('ICMP', () => {
  const echo = (payload: Uint8Array): Uint8Array => {
    const message = Uint8Array.from([8, 0, 0, 0, 1, 2, 3, 4, ...payload]);
    putU16(message, 2, internetChecksum(message, 0, message.length));
    return message;
  };

  it('echo requests to the gateway are answered', () => {
    const { send, packets } = bindSend(bench());
    send(ipFrame('10.0.2.15', '10.0.2.2', 1, echo(Uint8Array.of(9, 8, 7))));
    const [reply] = packets(1);
    expect([reply?.from, reply?.to, ...(reply?.payload.slice(4) ?? [])]).toEqual(['10.0.2.2', '10.0.2.15', 1, 2, 3, 4, 9, 8, 7]);
    expect([reply?.payload[0], internetChecksum(reply?.payload ?? new Uint8Array(0), 0, 11)]).toEqual([0, 0]);
  });

  it('echo requests and answers longer than the MTU are put together and cut', () => {
    const { send, packets } = bindSend(bench());
    const whole = echo(Uint8Array.from({ length: 3000 }, (_, i) => i & 0xff));
    // Out of order, as they may come.
    for (const [from, to] of [
      [1480, 2960],
      [2960, 3008],
      [0, 1480],
    ] as const) {
      send(ipFrame('10.0.2.15', '10.0.2.2', 1, whole.slice(from, to), { fragment: from / 8 + (to < 3008 ? 0x2000 : 0) }));
    }
    const parts = packets(1);
    expect(parts.map(({ fragment, payload }) => [fragment & 0x1fff, fragment >> 13, payload.length])).toEqual([
      [0, 1, 1480],
      [185, 1, 1480],
      [370, 0, 48],
    ]);
    const reply = Buffer.concat(parts.map(({ payload }) => payload));
    expect(reply.subarray(8).equals(Buffer.from(whole.subarray(8)))).toBe(true);
    expect(internetChecksum(reply, 0, reply.length)).toBe(0);
  });

  it('tells of ports and addresses that may not be reached', () => {
    const { send, packets } = bindSend(bench({ restrict: true }));
    send(udpFrame('10.0.2.15', 1000, '10.0.2.2', 9, Uint8Array.of(1)));
    send(udpFrame('10.0.2.15', 1000, '192.0.2.1', 9, Uint8Array.of(1)));
    expect(packets(1).map(({ from, payload }) => [from, payload[0], payload[1]])).toEqual([
      ['10.0.2.2', 3, 3],
      ['192.0.2.1', 3, 13],
    ]);
    const quoted = packets(1)[0]?.payload.slice(8) ?? new Uint8Array(0);
    expect([quoted.length, quoted[0], getU16(quoted, 20), getU16(quoted, 22)]).toEqual([28, 0x45, 1000, 9]);
  });

  it('answers nothing with a wrong checksum', () => {
    const { send, packets, network } = bindSend(bench());
    const bad = echo(Uint8Array.of(1));
    bad[8] = 2;
    send(ipFrame('10.0.2.15', '10.0.2.2', 1, bad));
    const wrongHeader = ipFrame('10.0.2.15', '10.0.2.2', 1, echo(Uint8Array.of(1)));
    wrongHeader[24] = 1;
    send(wrongHeader);
    expect(packets()).toEqual([]);
    expect(network.stats()['ignoredPackets']).toBe(1);
  });
});

describe('any frame', () => {
  it('is taken without an error, and answered by frames that are right', () => {
    const kinds = fc.constantFrom(1, 6, 17, 50);
    const destinations = fc.constantFrom('10.0.2.2', '10.0.2.3', '10.0.2.99', '127.0.0.1', '255.255.255.255', '224.0.0.1', '0.0.0.0');
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        kinds,
        destinations,
        fc.constantFrom('10.0.2.15', '0.0.0.0', '1.2.3.4'),
        fc.nat({ max: 0x3fff }),
        (payload, protocol, to, from, fragment) => {
          const { send, frames, network } = bindSend(new UserBench({ restrict: true }));
          send(ipFrame(from, to, protocol, payload, { fragment: payload.length % 3 === 0 ? fragment : 0 }));
          send(udpFrame(from, 1, to, payload[0] ?? 0, payload));
          send(ipFrame(from, to, 17, udpPacket(68, 67, payload)));
          send(payload);
          for (const frame of frames)
            if (frame[12] === 8 && frame[13] === 0 && (frame[23] === 6 || frame[23] === 17)) expect(verifyChecksum(frame, frame.length)).toBe(true);
          network.close();
        },
      ),
      { numRuns: 300 },
    );
  });
});

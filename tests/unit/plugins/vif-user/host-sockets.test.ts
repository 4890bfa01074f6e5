import { createHash } from 'node:crypto';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeTime, getU16, getU32 } from '#sdk';
import { vifUser } from '../../../../plugins/vif-user/index.ts';
import { userDefaults } from '../../../../plugins/vif-user/options.ts';
import { outgoingSegment, TcpFlag } from '../../../../plugins/vif-user/tcp/index.ts';
import { toBytes } from './lossy-link.ts';
import { tcpFrame, udpFrame } from './packets.ts';
import { fakeNames, UserBench, userEnvironment } from './user-setup.ts';

const GATEWAY = '10.0.2.2';
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function bench(...settings: ConstructorParameters<typeof UserBench>): UserBench {
  const made = new UserBench(...settings);
  cleanups.push(() => made.network.close());
  return made;
}

async function tcpServer(onConnection: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    cleanups.push(() => socket.destroy());
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

async function udpSocket(onMessage: (socket: Datagrams, message: Buffer, address: string, port: number) => void): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => onMessage(socket, message, address, port));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanups.push(() => socket.close());
  return socket.address().port;
}

const pattern = (length: number, step = 7): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * step + (i >> 8)) & 0xff);
const digest = (bytes: Iterable<number>): string => createHash('sha256').update(Uint8Array.from(bytes)).digest('hex');

describe('TCP from the guest', () => {
  it('reaches a server of the host by the gateway, both ways, and closes half by half', async () => {
    const got: Buffer[] = [];
    const { port } = await tcpServer((socket) => {
      socket.on('data', (chunk) => got.push(chunk));
      socket.on('end', () => socket.end(pattern(300_000, 3)));
    });
    const made = bench();
    const peer = made.connect(GATEWAY, port);
    await made.until(() => peer.state === 'open', 'a connection');
    peer.write(pattern(200_000));
    peer.end();
    await made.until(() => peer.peerEnded, "the server's end");
    expect(digest(Buffer.concat(got))).toBe(digest(pattern(200_000)));
    expect(digest(peer.received)).toBe(digest(pattern(300_000, 3)));
    await made.until(() => made.network.stats()['tcpConnections'] === 0, 'the end of the connection');
  });

  it('keeps the answer when the server closes first, and the guest goes on', async () => {
    const got: Buffer[] = [];
    let ended = false;
    const { port } = await tcpServer((socket) => {
      socket.on('data', (chunk) => got.push(chunk));
      socket.on('end', () => {
        ended = true;
      });
      socket.end('hello');
    });
    const made = bench();
    const peer = made.connect(GATEWAY, port);
    await made.until(() => peer.peerEnded, "the server's end");
    expect(Buffer.from(peer.received).toString()).toBe('hello');
    peer.write(pattern(1000));
    peer.end();
    await made.until(() => ended, "the guest's end");
    expect(Buffer.concat(got).length).toBe(1000);
  });

  it('is refused when nobody listens, by a reset', async () => {
    const { server, port } = await tcpServer(() => {});
    server.close();
    await once(server, 'close');
    const made = bench();
    const peer = made.connect(GATEWAY, port);
    await made.until(() => peer.wasReset, 'a reset');
    expect(made.network.stats()['tcpConnections']).toBe(0);
  });

  it('is reset when the server resets, and the other way round', async () => {
    const sockets: Socket[] = [];
    const errors: string[] = [];
    const { port } = await tcpServer((socket) => {
      sockets.push(socket);
      socket.on('error', (error) => errors.push((error as { code?: string }).code ?? ''));
      socket.resume();
    });
    const made = bench();
    const one = made.connect(GATEWAY, port);
    await made.until(() => one.state === 'open' && sockets.length === 1, 'a connection');
    sockets[0]?.resetAndDestroy();
    await made.until(() => one.wasReset, 'a reset');
    const two = made.connect(GATEWAY, port);
    await made.until(() => two.state === 'open' && sockets.length === 2, 'another connection');
    made.network.close();
    await made.until(() => errors.includes('ECONNRESET') && two.wasReset, 'resets to both');
  });

  it('stops a server that sends more than the guest takes, and goes on later', async () => {
    let written = 0;
    const { port } = await tcpServer((socket) => {
      const pour = (): void => {
        while (written < 64 << 20 && socket.write(pattern(65_536))) written += 65_536;
        if (written < 64 << 20) socket.once('drain', pour);
      };
      pour();
    });
    const made = bench();
    const peer = made.connect(GATEWAY, port, { window: 0 });
    await made.until(() => peer.state === 'open', 'a connection');
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(peer.received.length).toBe(0);
    expect(written).toBeLessThan(32 << 20);
    peer.window = 60_000;
    peer.acknowledge();
    await made.until(() => peer.received.length > 600_000, 'bytes after the window opened');
    expect(digest(peer.received.slice(0, 65_536))).toBe(digest(pattern(65_536)));
  });

  it('goes nowhere where it must not', async () => {
    const { port } = await tcpServer(() => {});
    for (const settings of [{ hostLoopback: false }, { restrict: true }]) {
      const made = bench(settings);
      const peer = made.connect(GATEWAY, port);
      await made.until(() => peer.wasReset, 'a reset');
    }
    const made = bench();
    for (const to of ['127.0.0.1', '10.0.2.77', '0.0.0.0', '10.0.2.3']) {
      const peer = made.connect(to, port);
      await made.until(() => peer.wasReset, `a reset for ${to}`);
    }
  });

  it('is over when the guest begins anew', async () => {
    let ended = 0;
    const { port } = await tcpServer((socket) => {
      socket.resume();
      socket.on('close', () => {
        ended += 1;
      });
    });
    const made = bench();
    const peer = made.connect(GATEWAY, port);
    await made.until(() => peer.state === 'open', 'a connection');
    made.send(udpFrame('10.0.2.15', 5000, GATEWAY, port, Buffer.from('x')));
    made.network.disconnected();
    await made.until(() => ended === 1, "the connection's end");
    expect(made.network.stats()).toMatchObject({ tcpConnections: 0, udpFlows: 0 });
    const next = made.connect(GATEWAY, port);
    await made.until(() => next.state === 'open', 'a connection');
  });

  it('is bounded: further connections are refused', async () => {
    const { port } = await tcpServer((socket) => socket.resume());
    const made = bench();
    const peers = Array.from({ length: 1030 }, (_, i) => made.connect(GATEWAY, port, { ownPort: 1000 + i }));
    await made.until(() => peers.slice(1024).every(({ wasReset }) => wasReset), 'resets');
    expect(made.network.stats()['tcpConnections']).toBe(1024);
    made.network.close();
    expect(made.network.stats()['tcpConnections']).toBe(0);
  });
});

describe('UDP from the guest', () => {
  it('is answered by the address that it was sent to', async () => {
    const port = await udpSocket((socket, message, address, from) => socket.send(`echo ${message}`, from, address));
    const made = bench();
    made.send(udpFrame('10.0.2.15', 5000, GATEWAY, port, Buffer.from('one')));
    made.send(udpFrame('10.0.2.15', 5001, GATEWAY, port, Buffer.from('two')));
    await made.until(() => made.packets(17).length === 2, 'two answers');
    const answers = made
      .packets(17)
      .map(({ from, to, payload }) => [from, to, getU16(payload, 0), getU16(payload, 2), Buffer.from(payload.slice(8)).toString()]);
    expect(answers.sort()).toEqual([
      [GATEWAY, '10.0.2.15', port, 5000, 'echo one'],
      [GATEWAY, '10.0.2.15', port, 5001, 'echo two'],
    ]);
    expect(made.network.stats()['udpFlows']).toBe(2);
  });

  it('of many bytes goes out whole and comes back cut', async () => {
    const port = await udpSocket((socket, message, address, from) => socket.send(message, from, address));
    const made = bench();
    made.send(udpFrame('10.0.2.15', 5000, GATEWAY, port, pattern(8000)));
    await made.until(() => made.packets(17).length === 6, 'six fragments');
    const whole = Buffer.concat(made.packets(17).map(({ payload }) => payload));
    expect(digest(whole.subarray(8))).toBe(digest(pattern(8000)));
  });

  it('is not answered by strangers', async () => {
    let seen = 0;
    let outside: { address: string; port: number } | undefined;
    const port = await udpSocket((_socket, _message, address, from) => {
      seen += 1;
      outside = { address, port: from };
    });
    const made = bench();
    made.send(udpFrame('10.0.2.15', 5000, GATEWAY, port, Buffer.from('x')));
    await made.until(() => seen === 1, 'a datagram');
    const stranger = createSocket('udp4');
    cleanups.push(() => stranger.close());
    stranger.send('intruder', outside?.port ?? 0, '127.0.0.1');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made.packets(17)).toEqual([]);
  });

  it('gives its socket back when nobody uses it', async () => {
    const time = new FakeTime();
    const port = await udpSocket(() => {});
    const made = bench({ clock: time.clock, timers: time.timers });
    made.send(udpFrame('10.0.2.15', 5000, GATEWAY, port, Buffer.from('x')));
    time.advance(50e9);
    made.send(udpFrame('10.0.2.15', 5001, GATEWAY, port, Buffer.from('x')));
    expect(made.network.stats()['udpFlows']).toBe(2);
    time.advance(30e9);
    expect(made.network.stats()['udpFlows']).toBe(1);
    time.advance(100e9);
    expect([made.network.stats()['udpFlows'], time.armed]).toEqual([0, 0]);
  });

  it('is bounded: the flow that was used least lately makes room', async () => {
    const port = await udpSocket(() => {});
    const made = bench();
    for (let i = 0; i < 300; i++) made.send(udpFrame('10.0.2.15', 2000 + i, GATEWAY, port, Buffer.from('x')));
    expect(made.network.stats()['udpFlows']).toBe(256);
  });
});

describe('forwards', () => {
  it('of TCP lead into the guest, both ways', async () => {
    const made = bench();
    const port = await made.network.forward({ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 0, guestPort: 22 });
    const listening = made.listen(22);
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.write(pattern(100_000));
    client.end();
    const peer = await listening;
    await made.until(() => peer.peerEnded, "the client's end");
    expect(digest(peer.received)).toBe(digest(pattern(100_000)));
    peer.write(pattern(50_000, 5));
    peer.end();
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    expect(digest(Buffer.concat(chunks))).toBe(digest(pattern(50_000, 5)));
  });

  it('of TCP to a port on which the guest does not listen end with a reset', async () => {
    const made = bench();
    const port = await made.network.forward({ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 0, guestPort: 22 });
    const client = connect({ port, host: '127.0.0.1' });
    client.on('error', () => {});
    const closed = new Promise((resolve) => client.on('close', resolve));
    await made.until(() => made.packets(6).some(({ payload }) => getU16(payload, 2) === 22 && payload[13] === 2), 'a SYN');
    const syn = made.packets(6).find(({ payload }) => getU16(payload, 2) === 22 && payload[13] === 2);
    const source = getU16(syn?.payload ?? new Uint8Array(2), 0);
    const acknowledgment = (getU32(syn?.payload ?? new Uint8Array(8), 4) + 1) >>> 0;
    made.send(tcpFrame('10.0.2.15', 22, GATEWAY, source, toBytes({ ...outgoingSegment(), flags: TcpFlag.RST | TcpFlag.ACK, acknowledgment })));
    await closed;
    expect(made.network.stats()['tcpConnections']).toBe(0);
  });

  it('of UDP lead into the guest, and its answers back to each sender', async () => {
    const made = bench();
    const port = await made.network.forward({ protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 0, guestPort: 53 });
    const senders = [0, 1].map(() => createSocket('udp4'));
    const got: string[][] = [[], []];
    senders.forEach((sender, i) => {
      cleanups.push(() => sender.close());
      sender.on('message', (message) => got[i]?.push(`${message}`));
      sender.send(`from ${i}`, port, '127.0.0.1');
    });
    await made.until(() => made.packets(17).length === 2, 'two datagrams');
    for (const { payload, from, to } of made.packets(17)) {
      expect([from, to, getU16(payload, 2)]).toEqual([GATEWAY, '10.0.2.15', 53]);
      made.send(udpFrame('10.0.2.15', 53, GATEWAY, getU16(payload, 0), Buffer.from(`to ${Buffer.from(payload.slice(8))}`)));
    }
    await made.until(() => got.every((own) => own.length === 1), 'two answers');
    expect(got).toEqual([['to from 0'], ['to from 1']]);
  });

  it('to a port that the host does not give are refused, and nothing stays open', async () => {
    const { port } = await tcpServer(() => {});
    const { host, environment } = userEnvironment({ mac: '00:16:3e:00:00:01', forward: `tcp:0-22+tcp:${port}-80` });
    const provider = vifUser.createProvider(host, userDefaults);
    await expect(Promise.resolve(provider.open(environment))).rejects.toMatchObject({ name: 'HypervisorError', code: 'HV_ERR_VIF_FORWARD' });
  });
});

describe('settings of a vif', () => {
  it.each([
    ['ip', '10.0.3.1'],
    ['ip', '10.0.2.2'],
    ['ip', 'x'],
    ['mac', '00:16'],
    ['forward', 'tcp:22'],
    ['forward', 'tcp:99999-22'],
    ['forward', 'sctp:22-22'],
  ])('%s=%s is refused', async (name, value) => {
    const { host, environment } = userEnvironment({ [name]: value });
    const provider = vifUser.createProvider(host, userDefaults);
    await expect(Promise.resolve(provider.open(environment))).rejects.toMatchObject({ name: 'HypervisorError', code: 'HV_ERR_VIF_SETTING' });
  });

  it('of options are read as they are written', () => {
    const { network, forward } = vifUser.options;
    expect(network.parse('192.168.0.0/16')).toEqual({ base: 0xc0a8_0000, bits: 16 });
    for (const bad of ['10.0.2.1/24', '10.0.2.0', '10.0.2.0/30', '10.0.2.0/x', '10.0.2.0/24/1']) expect(network.parse(bad)).toBeUndefined();
    expect(forward.parse('tcp:2222-22+udp:0.0.0.0:53-5353')).toEqual([
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 2222, guestPort: 22 },
      { protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 53, guestPort: 5353 },
    ]);
    expect(forward.parse('tcp:1-0')).toBeUndefined();
  });

  it('make a network that closes without leaving timers', () => {
    const time = new FakeTime();
    const made = bench({ clock: time.clock, timers: time.timers, names: fakeNames() });
    made.network.close();
    expect(time.armed).toBe(0);
  });
});

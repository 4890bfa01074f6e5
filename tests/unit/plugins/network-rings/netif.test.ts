import { describe, expect, it } from 'vitest';
import { ChecksumState, FakeGuest, fakeHost, GsoType, type NetFrame, NetworkFrontend, type NetworkFrontendOptions, settle, verifyChecksum } from '#sdk';
import { echoNetwork } from './echo-network.ts';
import { segmentFrame } from './segment-frame.ts';

const DEVICE = { type: 'vif', id: 0 };

async function connected(options: NetworkFrontendOptions = {}) {
  const seen: NetFrame[] = [];
  const guest = new FakeGuest({ pages: 2048 });
  const provider = echoNetwork(seen).createProvider(fakeHost(guest.time), {});
  const backend = await provider.open(guest.environment({ ...DEVICE, settings: {} }));
  const frontend = new NetworkFrontend(guest, guest.frontendPath(DEVICE), options);
  await guest.connect(backend, DEVICE);
  return { seen, guest, backend, frontend };
}

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 13 + (i >> 8)) & 0xff);

describe('frames', () => {
  it.each([14, 60, 1514, 4096, 4097, 9014, 65_535])('of %i bytes go through both rings as they are', async (length) => {
    const { seen, frontend } = await connected();
    frontend.send(pattern(length));
    await settle();
    expect(frontend.statuses.every((status) => status === 0)).toBe(true);
    expect(seen.map((frame) => frame.length)).toEqual([length]);
    expect(Buffer.from(frontend.received[0]?.bytes ?? []).equals(pattern(length))).toBe(true);
    expect(frontend.received[0]?.slots).toBe(Math.ceil(length / 4096));
  });

  it('keep their order over several turns of the ring', async () => {
    const { frontend } = await connected();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 200; i++) frontend.send(Uint8Array.from([...pattern(14), round, i]));
      await settle();
    }
    expect(frontend.received.map(({ bytes }) => (bytes[14] as number) * 200 + (bytes[15] as number))).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  });

  it('are dropped when there are more than a guest without room may have waiting', async () => {
    const { frontend, backend } = await connected({ refill: false });
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 100; i++) frontend.send(pattern(60));
      await settle();
    }
    expect(backend.stats()).toMatchObject({ transmittedFrames: 1000, receivedFrames: 0, receiveDropped: 488 });
    frontend.provide(200);
    await settle();
    frontend.provide(200);
    await settle();
    expect(frontend.received.length).toBe(400);
  });

  it('that need several slots wait for all of them', async () => {
    const { frontend } = await connected({ refill: false });
    frontend.provide(2);
    frontend.send(pattern(9000));
    await settle();
    expect(frontend.received.length).toBe(0);
    frontend.provide(1);
    await settle();
    expect(frontend.received.length).toBe(1);
  });

  it('that are too long for a guest without scatter-gather are dropped', async () => {
    const { frontend, backend } = await connected({ severalSlots: false, gso: false });
    frontend.send(pattern(4096));
    frontend.send(pattern(4097));
    await settle();
    expect(frontend.received.map(({ bytes }) => bytes.length)).toEqual([4096]);
    expect(backend.stats()['receiveDropped']).toBe(1);
  });
});

describe('offloads', () => {
  it('that a guest left to its device are told to the network, and to a guest that takes them', async () => {
    const { seen, frontend } = await connected();
    const whole = segmentFrame({ version: 4, payload: pattern(20_000) });
    frontend.send(whole, { blank: true, gsoType: GsoType.TcpV4, gsoSize: 1448 });
    frontend.send(segmentFrame({ version: 4, payload: pattern(100) }), { blank: true });
    await settle();
    expect(seen).toMatchObject([
      { checksum: ChecksumState.Partial, gsoType: GsoType.TcpV4, gsoSize: 1448, length: whole.length },
      { checksum: ChecksumState.Partial, gsoType: GsoType.None, gsoSize: 0 },
    ]);
    expect(frontend.received).toMatchObject([
      { blank: true, validated: true, gsoType: GsoType.TcpV4, gsoSize: 1448, slots: 6 },
      { blank: true, validated: true, gsoType: 0, slots: 1 },
    ]);
    expect(Buffer.from(frontend.received[0]?.bytes ?? []).equals(whole)).toBe(true);
  });

  it.each([4, 6] as const)('are done for a guest that does not take them: TCP over IPv%i is cut and summed', async (version) => {
    const { frontend } = await connected({ gso: false, checksum: false });
    const payload = pattern(10_000);
    frontend.send(segmentFrame({ version, payload, sequence: 0xffff_f000 }), {
      blank: true,
      gsoType: version === 4 ? GsoType.TcpV4 : GsoType.TcpV6,
      gsoSize: 1448,
    });
    await settle();
    expect(frontend.received.length).toBe(7);
    expect(frontend.received.every(({ bytes, blank }) => !blank && verifyChecksum(bytes, bytes.length))).toBe(true);
    const header = version === 4 ? 54 : 74;
    expect(Buffer.concat(frontend.received.map(({ bytes }) => bytes.subarray(header))).equals(payload)).toBe(true);
  });
});

describe('a queue', () => {
  it('is chosen by flow, so that the frames of one keep their order', async () => {
    const { frontend } = await connected({ queues: 4 });
    for (let i = 0; i < 40; i++) frontend.send(segmentFrame({ version: 4, payload: Uint8Array.of(i), ports: [1000 + (i % 8), 80] }), {}, i % 4);
    await settle();
    expect(frontend.received.length).toBe(40);
    expect(new Set(frontend.received.map(({ queue }) => queue)).size).toBeGreaterThan(1);
    for (let flow = 0; flow < 8; flow++) {
      const own = frontend.received.filter(({ bytes }) => bytes[35] === ((1000 + flow) & 0xff)).map(({ bytes }) => bytes[54] as number);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });
});

describe('a rate', () => {
  it('is kept over time, for frames of any length, and leaves nothing behind', async () => {
    const guest = new FakeGuest({ pages: 2048 });
    const provider = echoNetwork().createProvider(fakeHost(guest.time), {});
    // 10,000 bytes in each 50 ms.
    const backend = await provider.open(guest.environment({ ...DEVICE, settings: { rate: '10000,50000' } }));
    const frontend = new NetworkFrontend(guest, guest.frontendPath(DEVICE));
    await guest.connect(backend, DEVICE);
    const sent = (): number => backend.stats()['transmittedBytes'] ?? 0;
    for (let i = 0; i < 60; i++) frontend.send(pattern(1500));
    await settle();
    expect(sent()).toBe(10_500);
    for (let interval = 1; interval <= 4; interval++) {
      guest.time.advance(50_000_000);
      await settle();
      expect(Math.abs(sent() - 10_000 * (interval + 1))).toBeLessThan(1500);
    }
    guest.time.advance(1_000_000_000);
    await settle();
    expect(sent()).toBe(90_000);
    frontend.send(pattern(60_000), {});
    await settle();
    frontend.send(pattern(60), {});
    guest.time.advance(240_000_000);
    await settle();
    expect(sent()).toBe(150_000);
    guest.time.advance(100_000_000);
    await settle();
    expect(sent()).toBe(150_060);
    await backend.disconnect();
    expect(guest.time.armed).toBe(0);
  });
});

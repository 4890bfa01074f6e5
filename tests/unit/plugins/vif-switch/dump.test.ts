import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { FakeGuest, fakeHost, FakeTime, NetworkFrontend, settle } from '#sdk';
import { vifSwitch } from '../../../../plugins/vif-switch/index.ts';
import { type SwitchOptions, switchDefaults } from '../../../../plugins/vif-switch/options.ts';
import { PcapNgWriter } from '../../../../plugins/vif-switch/pcap-ng.ts';
import { readPcapNg } from './read-pcap-ng.ts';

const directory = mkdtempSync(join(tmpdir(), 'xylem-dump-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('the pcap-ng writer', () => {
  it('writes what a reader of the format gets back', () => {
    const packets = fc.array(
      fc.record({
        interfaceId: fc.nat({ max: 2 }),
        atUs: fc.nat({ max: 2 ** 52 }),
        bytes: fc.uint8Array({ maxLength: 300 }),
        outbound: fc.boolean(),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(packets, fc.integer({ min: 14, max: 400 }), (all, snap) => {
        const blocks: Uint8Array[] = [];
        const writer = new PcapNgWriter((block) => void blocks.push(block), snap);
        expect(['vif1.0', 'vif2.0', 'a name with ü'].map((name) => writer.addInterface(name))).toEqual([0, 1, 2]);
        for (const packet of all) writer.writeFrame({ ...packet, length: packet.bytes.length });
        writer.writeStatistics(1, 5, { received: 7, dropped: 3 });
        const capture = readPcapNg(Buffer.concat(blocks));
        expect(capture.application).toBe('Xylem');
        expect(capture.interfaces.map(({ name, linkType, snapLength }) => [name, linkType, snapLength])).toEqual([
          ['vif1.0', 1, snap],
          ['vif2.0', 1, snap],
          ['a name with ü', 1, snap],
        ]);
        expect(capture.packets.length).toBe(all.length);
        all.forEach(({ interfaceId, atUs, bytes, outbound }, i) => {
          const packet = capture.packets[i];
          expect(packet).toMatchObject({ interfaceId, originalLength: bytes.length, direction: outbound ? 2 : 1 });
          expect(packet?.bytes).toEqual(bytes.slice(0, snap));
          expect(packet?.seconds).toBeCloseTo(atUs / 1e6, 5);
        });
        expect(capture.statistics).toEqual([{ interfaceId: 1, received: 7n, dropped: 3n }]);
      }),
      { numRuns: 50 },
    );
  });
});

/** Two guests on one switch. */
async function twoGuests(options: Partial<SwitchOptions>, settings: readonly Record<string, string>[] = [{}, {}]) {
  const time = new FakeTime();
  const provider = vifSwitch.createProvider(fakeHost(time), { ...switchDefaults, ...options });
  const guests = await Promise.all(
    settings.map(async (own, i) => {
      const guest = new FakeGuest({ domid: i + 1, time });
      const device = { type: 'vif', id: 0 };
      const backend = await provider.open(guest.environment({ ...device, settings: { mac: `00:16:3e:00:00:0${i + 1}`, ...own } }));
      const connect = async (how = {}): Promise<NetworkFrontend> => {
        const frontend = new NetworkFrontend(guest, guest.frontendPath(device), how);
        await guest.connect(backend, device);
        return frontend;
      };
      return { guest, backend, connect };
    }),
  );
  const close = async (): Promise<void> => {
    for (const { backend } of guests) {
      await backend.disconnect();
      await backend.close();
    }
    await provider.close?.();
  };
  return { guests, close };
}

function frameFrom(host: number, length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => i & 0xff);
  bytes.fill(0xff, 0, 6);
  bytes.set([0, 0x16, 0x3e, 0, 0, host], 6);
  return bytes;
}

describe('vif-switch', () => {
  it('carries frames between two guests, and dumps them', async () => {
    const path = join(directory, 'two.pcapng');
    const { guests, close } = await twoGuests({ dump: path, dumpBytes: 100 });
    const [one, two] = await Promise.all(guests.map(({ connect }) => connect()));
    const sent = Array.from({ length: 20 }, (_, i) => frameFrom(1, 60 + i * 70));
    for (const bytes of sent) one?.send(bytes);
    await settle();
    expect(two?.received.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual(sent.map((bytes) => Buffer.from(bytes).toString('hex')));
    expect(guests[1]?.backend.stats()).toMatchObject({ receivedFrames: 20 });
    await close();
    const capture = readPcapNg(readFileSync(path));
    expect(capture.interfaces.map(({ name }) => name)).toEqual(['vif1.0', 'vif2.0']);
    const onOne = capture.packets.filter(({ interfaceId }) => interfaceId === 0);
    expect(onOne.map(({ direction, bytes, originalLength }) => [direction, bytes.length, originalLength])).toEqual(
      sent.map(({ length }) => [1, Math.min(100, length), length]),
    );
    expect(capture.packets.filter(({ interfaceId, direction }) => interfaceId === 1 && direction === 2).length).toBe(20);
    expect(Math.abs((onOne[0]?.seconds ?? 0) - Date.now() / 1000)).toBeLessThan(60);
    expect(capture.statistics.map(({ received, dropped }) => [received, dropped])).toEqual([
      [20n, 0n],
      [20n, 0n],
    ]);
  });

  it('keeps bridges of different names apart', async () => {
    const { guests, close } = await twoGuests({}, [{ bridge: 'a' }, { bridge: 'b' }]);
    const [one, two] = await Promise.all(guests.map(({ connect }) => connect()));
    one?.send(frameFrom(1, 60));
    await settle();
    expect(two?.received).toEqual([]);
    await close();
  });

  it('goes on for one guest when the other breaks its ring', async () => {
    const { guests, close } = await twoGuests({});
    const [one, two] = await Promise.all(guests.map(({ connect }) => connect()));
    two?.queues[0]?.rx.forge(0, 0x4000_0000);
    two?.queues[0]?.tx.forge(0, 0x4000_0000);
    two?.ring();
    for (let i = 0; i < 10; i++) one?.send(frameFrom(1, 60));
    await settle();
    expect(one?.statuses).toEqual(new Array(10).fill(0));
    expect([guests[0]?.guest.failures.length, guests[1]?.guest.failures.length]).toEqual([0, expect.any(Number)]);
    expect(guests[1]?.guest.failures.length).toBeGreaterThan(0);
    await close();
  });

  it.each([
    ['a dump that cannot be made', { dump: join(directory, 'missing', 'x') }, {}, 'HV_ERR_FILE_WRITE'],
    ['an address that is none', {}, { mac: 'x' }, 'HV_ERR_VIF_SETTING'],
  ])('refuses %s', async (_what, options, settings, code) => {
    await expect(twoGuests(options, [settings])).rejects.toMatchObject({ name: 'HypervisorError', code });
  });

  it('refuses a vif without an address only where it is needed', async () => {
    await expect(twoGuests({ antispoof: true }, [{ mac: '' }])).rejects.toMatchObject({ code: 'HV_ERR_VIF_SETTING' });
  });
});

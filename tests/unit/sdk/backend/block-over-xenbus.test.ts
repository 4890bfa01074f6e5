import { describe, expect, it } from 'vitest';
import { BlockFrontend, FakeGuest, isBackendPlugin, type StoreAccess } from '#sdk';
import { BackendDevice, createDeviceNodes, XenbusState, XenStore } from '../../../../runtime/xenstore/index.ts';
import { diskNodes, parseDiskSpec } from '../../../../runtime/device-spec/index.ts';
import { fakeHost } from '#sdk';
import { vbdMemory } from '../../../../plugins/vbd-memory/index.ts';

const NAME = { type: 'vbd', frontendDomid: 1, id: 51712 };

const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await Promise.resolve();
};

/** A VBD as the toolstack makes it, over a real store; the frontend's nodes are copied there. */
async function setUp() {
  const store = new XenStore();
  store.addDomain(1);
  const dom0 = store.session();
  const guestNodes = store.session(1);
  const fake = new FakeGuest();
  const spec = parseDiskSpec('memory:1M,xvda,w', { source: '--disk', backends: ['memory'] });
  const nodes = diskNodes(spec);
  const paths = createDeviceNodes(dom0, NAME, nodes);
  const access: StoreAccess = dom0;
  const failures: string[] = [];
  const provider = vbdMemory.createProvider(fakeHost(), { limitMib: 1 });
  const backend = await provider.open({
    ...fake.environment({ ...NAME, settings: Object.fromEntries(Object.entries(nodes.backend).map(([name, value]) => [name, `${value}`])) }),
    store: access,
    nodes: paths,
    fail: (message) => void device.fail(message),
  });
  // A backend is what the device of the store drives, as it is.
  const device = new BackendDevice(dom0, NAME, backend, { failed: (message) => void failures.push(message) });
  device.start();
  await settle();
  /** The guest's driver finds the device: makes its ring, and writes its nodes. */
  const begin = async (state: number = XenbusState.Initialised): Promise<BlockFrontend> => {
    const frontend = new BlockFrontend(fake, '/front', { ringPageOrder: 1 });
    for (const name of fake.store.list('/front')) guestNodes.write(`device/vbd/51712/${name}`, fake.store.read(`/front/${name}`));
    guestNodes.write('device/vbd/51712/state', state);
    await settle();
    return frontend;
  };
  const show = (name: string): string | undefined => dom0.tryRead(`${paths.backend}/${name}`);
  return { device, backend, begin, show, fake, guestNodes, dom0, paths, failures };
}

describe('a block backend behind xenbus', () => {
  it('is a plugin that says what it serves', () => {
    expect(isBackendPlugin(vbdMemory)).toBe(true);
    expect([vbdMemory.name, vbdMemory.deviceType, vbdMemory.backend]).toEqual(['vbd-memory', 'vbd', 'memory']);
  });

  it('goes through the states with a frontend, serves it, and lets go', async () => {
    const { begin, show, fake, guestNodes, failures } = await setUp();
    expect([show('state'), show('feature-persistent'), show('max-ring-page-order')]).toEqual(['2', '1', '4']);
    const frontend = await begin();
    expect([show('state'), show('sectors'), show('sector-size'), show('info')]).toEqual(['4', '2048', '512', '0']);
    expect(await frontend.write(8, new Uint8Array(4096).fill(9))).toBe(0);
    guestNodes.write('device/vbd/51712/state', XenbusState.Closing);
    await settle();
    guestNodes.write('device/vbd/51712/state', XenbusState.Closed);
    await settle();
    expect([show('state'), fake.grants.mappings, fake.events.bound]).toEqual(['6', 0, 0]);
    expect(frontend.release()).toBe(true);
    // The guest's driver is loaded again.
    guestNodes.write('device/vbd/51712/state', XenbusState.Initialising);
    await settle();
    expect(show('state')).toBe('2');
    expect(await (await begin()).read(8, 8)).toEqual(new Uint8Array(4096).fill(9));
    expect(failures).toEqual([]);
  });

  it('leaves an error node when the ring is impossible, and takes the next try', async () => {
    const { begin, show, fake, guestNodes, dom0, paths, failures } = await setUp();
    const frontend = await begin();
    frontend.ring.forge(0, 0x4711_4711);
    frontend.kick();
    await settle();
    expect(show('state')).toBe('5');
    expect(dom0.tryRead(paths.error)).toBe('-22 the request index of the ring is beyond what the ring holds');
    expect(failures).toHaveLength(1);
    expect(fake.grants.mappings).toBe(0);
    for (const state of [XenbusState.Closing, XenbusState.Closed, XenbusState.Initialising]) {
      guestNodes.write('device/vbd/51712/state', state);
      await settle();
    }
    const next = await begin();
    expect(await next.read(0, 8)).toEqual(new Uint8Array(4096));
  });

  it('leaves an error node when the nodes of the frontend make no sense, however long they are', async () => {
    const { begin, show, dom0, paths, fake, guestNodes } = await setUp();
    await begin(XenbusState.Initialising);
    guestNodes.write('device/vbd/51712/protocol', `\u001b[31m${'x'.repeat(1900)}`);
    guestNodes.write('device/vbd/51712/state', XenbusState.Initialised);
    await settle();
    expect(show('state')).toBe('5');
    expect(dom0.tryRead(paths.error)).toBe(`-22 the protocol "?[31m${'x'.repeat(35)}..." is not one of x86_32-abi, x86_64-abi`);
    expect(fake.grants.mappings).toBe(0);
  });
});

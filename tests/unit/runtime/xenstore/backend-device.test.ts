import { describe, expect, it } from 'vitest';
import {
  BackendDevice,
  createDeviceNodes,
  devicePaths,
  parseXenbusState,
  XenbusState,
  xenbusStateName,
  XenStore,
  type BackendDriver,
  type FrontendValues,
} from '../../../../runtime/xenstore/index.ts';

const NAME = { type: 'vbd', frontendDomid: 1, id: 51712 };

/** Lets watches and drivers run until nothing moves. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

function setUp(driver: Partial<BackendDriver> = {}) {
  const store = new XenStore();
  store.addDomain(1);
  const dom0 = store.session();
  const guest = store.session(1);
  const log: string[] = [];
  const paths = createDeviceNodes(dom0, NAME, { frontend: { 'virtual-device': 51712, 'device-type': 'disk' }, backend: { params: 'disk.img', mode: 'w' } });
  const device = new BackendDevice(
    dom0,
    NAME,
    {
      features: () => ({ 'feature-flush-cache': 1 }),
      connect: (frontend: FrontendValues) => {
        log.push(`connect ${frontend.readNumber('ring-ref')} ${frontend.read('protocol')}`);
        return { sectors: 32768, 'sector-size': 512 };
      },
      disconnect: () => void log.push('disconnect'),
      ...driver,
    },
    { removed: () => log.push('removed'), failed: (message) => log.push(`failed: ${message}`) },
  );
  /** The guest's frontend changes its state. */
  const front = async (state: number | string): Promise<string | undefined> => {
    guest.write('device/vbd/51712/state', state);
    await settle();
    return dom0.tryRead(`${paths.backend}/state`);
  };
  return { store, dom0, guest, device, log, front, paths };
}

describe('xenbus', () => {
  it('has the states of the public header', () => {
    expect(Object.values(XenbusState)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect([0, 2, 8, 9].map(xenbusStateName)).toEqual(['Unknown', 'InitWait', 'Reconfigured', 'Unknown']);
    expect([undefined, '4', '9', '', '4 ', '04', '-1'].map(parseXenbusState)).toEqual([0, 4, undefined, undefined, undefined, undefined, undefined]);
  });

  it('makes both ends of a device as the toolstack does', () => {
    const { dom0, guest, paths } = setUp();
    expect(paths).toEqual({ ...devicePaths(NAME), frontend: '/local/domain/1/device/vbd/51712', backend: '/local/domain/0/backend/vbd/1/51712' });
    expect(dom0.permissions(paths.frontend)).toEqual(['n1', 'r0']);
    expect(dom0.permissions(`${paths.frontend}/state`)).toEqual(['n1', 'r0']);
    expect(dom0.permissions(`${paths.backend}/state`)).toEqual(['n0', 'r1']);
    expect(dom0.list(paths.frontend)).toEqual(['backend', 'backend-id', 'state', 'virtual-device', 'device-type']);
    expect(dom0.list(paths.backend)).toEqual(['frontend', 'frontend-id', 'online', 'state', 'params', 'mode']);
    expect(guest.read(`${guest.read('device/vbd/51712/backend')}/frontend-id`)).toBe('1');
    expect(() => guest.write(`${paths.backend}/state`, 4)).toThrow('EACCES');
  });

  it('follows a blkfront: InitWait, Connected, Closing, Closed, and again', async () => {
    const { device, dom0, guest, log, front, paths } = setUp();
    device.start();
    await settle();
    expect(dom0.read(`${paths.backend}/state`)).toBe('2');
    expect(dom0.read(`${paths.backend}/feature-flush-cache`)).toBe('1');
    expect(dom0.read(`${paths.backend}/hotplug-status`)).toBe('connected');
    for (const round of [1, 2]) {
      guest.writeAll('device/vbd/51712', { 'ring-ref': 8 + round, 'event-channel': 5, protocol: 'x86_64-abi' });
      expect(await front(3)).toBe('4');
      expect(guest.read(`${paths.backend}/sectors`)).toBe('32768');
      expect(await front(4)).toBe('4');
      expect(await front(5)).toBe('5');
      expect(await front(6)).toBe('6');
      expect(await front(1)).toBe('2');
    }
    expect(log).toEqual(['connect 9 x86_64-abi', 'disconnect', 'connect 10 x86_64-abi', 'disconnect']);
  });

  it('meets a frontend whose guest died and begins again', async () => {
    const { device, log, front } = setUp();
    device.start();
    await front(4);
    expect(await front(1)).toBe('2');
    expect(log).toEqual(['connect undefined undefined', 'disconnect']);
    expect(await front(3)).toBe('4');
  });

  it('ignores what is no state', async () => {
    const { device, log, front, guest } = setUp();
    device.start();
    for (const state of ['', 'x', '44', '-1', '3\0', 'Connected']) expect(await front(state)).toBe('2');
    guest.write('device/vbd/51712/state/below', 'x');
    await settle();
    expect(log).toEqual([]);
  });

  it('is unplugged when its frontend lets go', async () => {
    const { device, dom0, log, front, paths } = setUp();
    device.start();
    await front(4);
    device.unplug();
    expect([dom0.read(`${paths.backend}/online`), dom0.read(`${paths.backend}/state`)]).toEqual(['0', '5']);
    expect(await front(5)).toBe('5');
    expect(await front(6)).toBeUndefined();
    expect(log).toEqual(['connect undefined undefined', 'disconnect', 'removed']);
    expect(dom0.exists(paths.frontend)).toBe(false);
    expect(dom0.exists('/local/domain/0/backend/vbd/1')).toBe(false);
    await expect(front(1)).rejects.toThrow('EACCES');
  });

  it('goes when its frontend is removed or its domain is released', async () => {
    const { device, store, log, front, dom0 } = setUp();
    device.start();
    await front(4);
    store.releaseDomain(1);
    await settle();
    expect(log.slice(1)).toEqual(['disconnect', 'removed']);
    expect(dom0.exists('/local/domain/0/backend/vbd/1')).toBe(false);
    expect(device.state).toBe(XenbusState.Closed);
  });

  it('keeps the error of a device that cannot be connected, and lets the frontend try again', async () => {
    let works = false;
    const { device, dom0, log, front, paths } = setUp({
      connect: async () => {
        if (!works) throw new Error('bad ring reference');
        return {};
      },
    });
    device.start();
    expect(await front(3)).toBe('5');
    expect(dom0.read(paths.error)).toBe('-22 bad ring reference');
    expect(await front(4)).toBe('5');
    expect(await front(6)).toBe('6');
    works = true;
    expect(await front(1)).toBe('2');
    expect(await front(3)).toBe('4');
    expect(log).toEqual(['disconnect', 'failed: bad ring reference']);
  });

  it('says that it could not be prepared', () => {
    const { device, dom0, log, paths } = setUp();
    device.failHotplug('disk.img is in use');
    expect(dom0.read(`${paths.backend}/hotplug-status`)).toBe('error');
    expect(dom0.read(`${paths.backend}/hotplug-error`)).toBe('disk.img is in use');
    expect(log).toEqual(['failed: disk.img is in use']);
  });

  it('answers what came while its driver was busy', async () => {
    let finish = (): void => undefined;
    const { device, log, front } = setUp({ connect: () => new Promise((resolve) => (finish = () => resolve({}))) });
    device.start();
    expect(await front(3)).toBe('2');
    expect(await front(5)).toBe('2');
    finish();
    await settle();
    expect(device.state).toBe(XenbusState.Closing);
    expect(log).toEqual(['disconnect']);
  });
});

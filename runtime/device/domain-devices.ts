import type { Backend, BackendEnvironment, BackendLog, BackendStats, DeviceType } from '#sdk';
import { diskNodes, type DiskSpec, type VifSpec, vifNodes } from '../device-spec/index.ts';
import { BackendChannels, guestGrants } from '../domain/backend-access.ts';
import type { DomainState } from '../domain/domain-state.ts';
import { BackendDevice, createDeviceNodes, type DeviceName, devicePaths, type XenStoreSession } from '../xenstore/index.ts';
import type { BackendProviders } from './backend-providers.ts';
import type { OnlineVif } from './network-scripts.ts';

/** The devices that a domain is to have. */
export interface DeviceSpecs {
  readonly disks: readonly DiskSpec[];
  readonly vifs: readonly VifSpec[];
}

interface OpenDevice {
  readonly device: BackendDevice;
  readonly backend: Backend;
  readonly abort: AbortController;
  /** `vbd-file` */
  readonly kind: string;
  /** The network script of a vif. */
  readonly script: string | undefined;
  /** Tells the script that it is unplugged. */
  offline(): Promise<void>;
}

interface Wanted {
  readonly type: DeviceType;
  readonly id: number;
  readonly backend: string;
  readonly nodes: ReturnType<typeof diskNodes>;
}

/** The VBDs and vifs of one domain, with their backends on the main thread. */
export class DomainDevices {
  readonly #state: DomainState;
  readonly #session: XenStoreSession;
  readonly #providers: BackendProviders;
  readonly #channels: BackendChannels;
  readonly #open = new Map<string, OpenDevice>();

  constructor(state: DomainState, session: XenStoreSession, providers: BackendProviders) {
    this.#state = state;
    this.#session = session;
    this.#providers = providers;
    this.#channels = new BackendChannels(state);
  }

  /**
   * Opens devices and offers them to the domain: all of them or none.
   *
   * @throws HypervisorError when one cannot be as it was described
   */
  async attach({ disks, vifs }: DeviceSpecs): Promise<void> {
    const wanted: Wanted[] = [
      ...disks.map((spec): Wanted => ({ type: 'vbd', id: spec.deviceId, backend: spec.backend, nodes: diskNodes(spec) })),
      ...vifs.map((spec, id): Wanted => ({ type: 'vif', id, backend: spec.backend, nodes: vifNodes(spec, id) })),
    ];
    try {
      for (const each of wanted) await this.#attach(each);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The domain signalled a port. */
  signalled(port: number): void {
    this.#channels.signalled(port);
  }

  /** What the devices have counted, by name: `vbd-51712`. */
  stats(): Readonly<Record<string, BackendStats>> {
    return Object.fromEntries([...this.#open].map(([name, { backend }]) => [name, backend.stats()]));
  }

  /** The backends and scripts that its devices use: `vbd-file`, `script-nat`. */
  kinds(): string[] {
    return [...this.#open.values()].flatMap(({ kind, script }) => (script === undefined ? [kind] : [kind, `script-${script}`]));
  }

  /** Takes all devices away: the domain is gone, or goes. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { device, backend, abort, offline } of open) {
      abort.abort();
      await device.destroy();
      await backend.close();
      await offline();
    }
  }

  #scripted({ type, frontendDomid: domid, id }: DeviceName, backend: string, settings: Readonly<Record<string, string>>): Promise<OnlineVif> {
    if (type !== 'vif') return Promise.resolve({ settings, offline: async () => undefined });
    return this.#providers.scripts.online({ name: `vif${domid}.${id}`, domid, handle: id, mac: settings['mac'] ?? '', backend, settings });
  }

  async #attach({ type, id, backend: kind, nodes }: Wanted): Promise<void> {
    const name: DeviceName = { type, frontendDomid: this.#state.domid, id };
    const provider = await this.#providers.get(type, kind);
    const asked = Object.fromEntries(Object.entries(nodes.backend).map(([key, value]) => [key, `${value}`]));
    const { settings, offline } = await this.#scripted(name, kind, asked);
    const abort = new AbortController();
    const log = deviceLog(this.#providers.host.log, name);
    let device: BackendDevice | undefined;
    const environment: BackendEnvironment = {
      ...this.#providers.host,
      log,
      signal: AbortSignal.any([this.#providers.host.signal, abort.signal]),
      frontendDomid: name.frontendDomid,
      backendDomid: 0,
      deviceId: id,
      settings,
      store: this.#session,
      nodes: devicePaths(name),
      grants: guestGrants(this.#state),
      events: this.#channels,
      fail: (message) => void device?.fail(message),
    };
    const backend = await openOr(offline, () => provider.open(environment));
    createDeviceNodes(this.#session, name, { ...nodes, backend: { ...nodes.backend, ...settings } });
    device = new BackendDevice(this.#session, name, backend, { failed: (message) => log.warn(message) });
    this.#open.set(`${type}-${id}`, { device, backend, abort, kind: `${type}-${kind}`, script: type === 'vif' ? settings['script'] : undefined, offline });
    device.start();
  }
}

/** Opens a device, or tells its script that it will not be. */
async function openOr(offline: () => Promise<void>, open: () => Backend | Promise<Backend>): Promise<Backend> {
  try {
    return await open();
  } catch (error) {
    await offline();
    throw error;
  }
}

/** Adds to each message which device it is about. */
function deviceLog(log: BackendLog, { type, frontendDomid, id }: DeviceName): BackendLog {
  const device = `${type} ${id} of domain ${frontendDomid}`;
  const which = { domid: frontendDomid, device: `${type}-${id}` };
  return {
    debug: (message, fields) => log.debug(`${device}: ${message}`, { ...which, ...fields }),
    info: (message, fields) => log.info(`${device}: ${message}`, { ...which, ...fields }),
    warn: (message, fields) => log.warn(`${device}: ${message}`, { ...which, ...fields }),
  };
}

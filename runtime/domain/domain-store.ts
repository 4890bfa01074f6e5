import { type StoreValues, XenStore, XenStoreRing } from '../xenstore/index.ts';
import type { XenStoreNodes, XenStoreSession } from '../xenstore/index.ts';
import { PAGE } from '../memory/guest-ram.ts';
import type { StoreChannel } from './build-domain.ts';
import { type DomainHandle, DomainState } from './domain-state.ts';

/** A domain that was built on its pCPU, as that tells the main thread. */
export interface BuiltDomainNews {
  readonly handle: DomainHandle;
  readonly store: StoreChannel;
  readonly consolePort: number;
  readonly consoleGfn: number;
  readonly name: string;
  readonly uuid: string;
}

/** What a domain may read or write of its own tree, beside what it is told. */
const GUEST_DIRECTORIES = ['data', 'drivers', 'feature', 'attr', 'error', 'device'] as const;
const GUEST_NODES = ['control/shutdown', 'control/sysrq', 'control/feature-poweroff', 'control/feature-reboot', 'control/feature-suspend'] as const;
const OLD_EVENTS_MS = 10_000;

/** What else of a domain the main thread serves. */
export interface DomainBackends {
  /** The domain signalled a port. */
  signalled(port: number): void;
  /** The domain is gone. */
  close(): unknown;
}

/** Makes the backends of a domain that was built. */
export type MakeBackends = (state: DomainState, session: XenStoreSession) => DomainBackends;

interface Connected {
  readonly domid: number;
  readonly port: number;
  readonly state: DomainState;
  readonly ring: XenStoreRing;
  readonly backends: DomainBackends | undefined;
}

/** XenStore for the domain of a run, on the main thread: its tree, and the ring in its memory. */
export class DomainStore {
  readonly store = new XenStore();
  readonly #kick: () => void;
  readonly #session: XenStoreSession;
  readonly #timer: NodeJS.Timeout;
  #connected: Connected | undefined;
  #isScheduled = false;

  readonly #makeBackends: MakeBackends | undefined;

  /**
   * @param kick - wakes the domain's pCPU
   * @param makeBackends - makes what serves the domain's devices
   */
  constructor(kick: () => void, makeBackends?: MakeBackends) {
    this.#kick = kick;
    this.#makeBackends = makeBackends;
    this.#session = this.store.session();
    this.#timer = setInterval(() => this.store.dropOldEvents(), OLD_EVENTS_MS);
    this.#timer.unref();
  }

  /** Connects a new domain, in the place of the one before. */
  connect(news: BuiltDomainNews): void {
    this.disconnect();
    const { handle, store: channel } = news;
    const { domid } = handle;
    const peers = { find: () => undefined, signal: () => undefined, closed: () => undefined };
    const state = new DomainState(handle, { kick: () => this.#kick(), peers });
    this.store.addDomain(domid);
    this.#session.transaction((nodes) => writeTree(nodes, news));
    const connection = this.store.introduceDomain(domid);
    const page = new DataView(handle.ram.buffer, channel.address, PAGE);
    const ring = new XenStoreRing(page, connection, () => state.events.notify(channel.port));
    this.#connected = { domid, port: channel.port, state, ring, backends: this.#makeBackends?.(state, this.#session) };
    connection.onReady = () => this.#schedule();
    this.#pump();
  }

  /** The domain signalled a port. */
  signalled(port: number): void {
    if (port === this.#connected?.port) this.#pump();
    else this.#connected?.backends?.signalled(port);
  }

  /** Forgets the domain and its tree. */
  disconnect(): void {
    if (this.#connected === undefined) return;
    const { domid, backends } = this.#connected;
    this.#connected = undefined;
    backends?.close();
    this.store.releaseDomain(domid);
    for (const path of [`/local/domain/${domid}`, `/local/domain/0/backend/console/${domid}`]) if (this.#session.exists(path)) this.#session.remove(path);
  }

  /** Ends it all. */
  close(): void {
    clearInterval(this.#timer);
    this.disconnect();
    this.#session.close();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#connected?.ring.pump()) this.#schedule();
  }
}

/** The domain's tree, as the toolstack makes it. */
function writeTree(nodes: XenStoreNodes, news: BuiltDomainNews): void {
  const { handle, store, name, uuid } = news;
  const { domid, vcpus } = handle;
  const home = `/local/domain/${domid}`;
  const backend = `/local/domain/0/backend/console/${domid}/0`;
  const kib = handle.ramBytes / 1024;
  const values: StoreValues = {
    vm: `/vm/${uuid}`,
    name,
    domid,
    ...Object.fromEntries(Array.from({ length: vcpus }, (_, i) => [`cpu/${i}/availability`, 'online'])),
    'memory/static-max': kib,
    'memory/target': kib,
    'memory/videoram': 0,
    'store/port': store.port,
    'store/ring-ref': store.gfn,
    'control/platform-feature-multiprocessor-suspend': 1,
    'control/platform-feature-xs_reset_watches': 1,
    'console/ring-ref': news.consoleGfn,
    'console/port': news.consolePort,
    'console/type': 'xenconsoled',
    'console/output': 'pty',
    'console/limit': 1048576,
    'console/backend': backend,
    'console/backend-id': 0,
  };
  nodes.makeDirectory(home);
  nodes.setPermissions(home, 'n0', `r${domid}`);
  nodes.writeAll(home, values);
  for (const path of GUEST_DIRECTORIES) own(nodes, `${home}/${path}`, domid);
  for (const path of GUEST_NODES) own(nodes, `${home}/${path}`, domid);
  nodes.writeAll(backend, { frontend: `${home}/console`, 'frontend-id': domid, online: 1, state: 1, protocol: 'vt100' });
  nodes.setPermissions(backend, 'n0', `r${domid}`);
  nodes.writeAll(`/vm/${uuid}`, { name, uuid });
}

/** Makes an empty node that belongs to the domain. */
function own(nodes: XenStoreNodes, path: string, domid: number): void {
  nodes.write(path, '');
  nodes.setPermissions(path, `n${domid}`);
}

import { type StoreValues, XenStore, type XenStoreNodes, XenStoreRing, type XenStoreSession } from '../xenstore/index.ts';
import { PAGE } from '../memory/guest-ram.ts';
import type { StoreChannel } from './build-domain.ts';
import type { DomainState } from './domain-state.ts';

/** What XenStore is told of a domain that was built. */
export interface BuiltDomainNews {
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

/** A domain's end of XenStore. */
export interface StoreLink {
  /** The port by which the domain says that it has written to its ring. */
  readonly port: number;
  /** The domain signalled that port. */
  signalled(): void;
  /** Forgets the domain and its tree. */
  disconnect(): void;
}

/** XenStore for the domains of a hypervisor, on the main thread: their trees, and the rings in their memory. */
export class DomainStore {
  readonly store: XenStore;
  /** The store as domain 0 sees it. */
  readonly session: XenStoreSession;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.store = new XenStore();
    this.session = this.store.session();
    this.#timer = setInterval(() => this.store.dropOldEvents(), OLD_EVENTS_MS);
    this.#timer.unref();
  }

  /** Connects a new domain. */
  connect(state: DomainState, news: BuiltDomainNews): StoreLink {
    const { domid, ram, events } = state;
    const { address, port } = news.store;
    this.store.addDomain(domid);
    this.session.transaction((nodes) => writeTree(nodes, state, news));
    const connection = this.store.introduceDomain(domid);
    const ring = new XenStoreRing(new DataView(ram.bytes.buffer, address, PAGE), connection, () => events.notify(port));
    let isScheduled = false;
    let isConnected = true;
    const schedule = (): void => {
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(() => {
        isScheduled = false;
        pump();
      });
    };
    const pump = (): void => {
      if (isConnected && ring.pump()) schedule();
    };
    connection.onReady = schedule;
    pump();
    return {
      port,
      signalled: pump,
      disconnect: () => {
        if (!isConnected) return;
        isConnected = false;
        this.store.releaseDomain(domid);
        this.#remove(`/local/domain/${domid}`, `/local/domain/0/backend/console/${domid}`, `/vm/${news.uuid}`);
      },
    };
  }

  /** Ends it all. */
  close(): void {
    clearInterval(this.#timer);
    this.session.close();
  }

  #remove(...paths: readonly string[]): void {
    for (const path of paths) if (this.session.exists(path)) this.session.remove(path);
  }
}

/** The domain's tree, as the toolstack makes it. */
function writeTree(nodes: XenStoreNodes, { handle }: DomainState, news: BuiltDomainNews): void {
  const { store, name, uuid } = news;
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

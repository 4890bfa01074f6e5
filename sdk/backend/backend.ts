import type { TimerFactory, VirtualClock } from '../contract/bus-device.ts';
import type { EventChannels } from './event-channels.ts';
import type { GuestGrants } from './guest-grants.ts';
import type { FrontendNodes, NodeValues, StoreAccess } from './store-access.ts';

/** What a device counted since it was opened: `readRequests`, `transmittedBytes`. */
export type BackendStats = Readonly<Record<string, number>>;

/** Takes messages about a backend; fields say which device it was and are added by the hypervisor. */
export interface BackendLog {
  /** What only helps to find defects, such as what a guest did wrong. */
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** What an operator may want to know. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** What an operator should know. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What all devices of a provider have in common. */
export interface BackendHost {
  /** Time, the same that guests see. */
  readonly clock: VirtualClock;
  /** Wake-ups at moments of that time. */
  readonly timers: TimerFactory;
  /** Where messages go. */
  readonly log: BackendLog;
  /** Aborted when the hypervisor ends. */
  readonly signal: AbortSignal;
  /** Calls back soon, after everyone else has had a turn: for work that a guest could make endless. */
  defer(work: () => void): void;
}

/** Where the nodes of a device are. */
export interface DeviceNodes {
  /** Directory of the frontend. */
  readonly frontend: string;
  /** Directory of the backend. */
  readonly backend: string;
  /** Where the last error of the device is kept. */
  readonly error: string;
}

/** All that a backend gets for one device. */
export interface BackendEnvironment extends BackendHost {
  /** The domain whose device it is. */
  readonly frontendDomid: number;
  /** The domain of the backend. */
  readonly backendDomid: number;
  /** Number of the device among those of its type: 51712 for `xvda`. */
  readonly deviceId: number;
  /** What the operator asked for, as it stands in the backend's nodes: `params`, `mode`, `dev`, `mac`. */
  readonly settings: Readonly<Record<string, string>>;
  /** XenStore, for what goes beyond the values that {@link Backend} returns. */
  readonly store: StoreAccess;
  /** Where the nodes of the device are. */
  readonly nodes: DeviceNodes;
  /** The pages that the frontend grants. */
  readonly grants: GuestGrants;
  /** The frontend's events. */
  readonly events: EventChannels;
  /** Aborted when the device is taken away, by force or not; the host's end aborts it too. */
  readonly signal: AbortSignal;
  /**
   * The device cannot go on, by the guest's fault or the host's. It gets an error node and closes, and `disconnect`
   * is called; the domain goes on, and may try again with a new connection. Safe at any time, also more than once.
   */
  fail(message: string): void;
}

/**
 * The backend of one device. Its calls come one after another, never two at once: `features`, then any number of
 * `connect` and `disconnect` in turn, then `close`.
 */
export interface Backend {
  /** Nodes that tell what it offers, before a frontend connects. */
  features(): NodeValues;
  /**
   * The frontend has published its rings. Maps them, binds its events, and returns the nodes that it then shows.
   * @throws Error with a message for the error node; what was mapped until then is given back by `disconnect`
   */
  connect(frontend: FrontendNodes): NodeValues | Promise<NodeValues>;
  /**
   * The frontend has gone or must go: unbinds, waits for what is under way, unmaps everything.
   * Called once for each `connect`, whether that succeeded or not.
   */
  disconnect(): void | Promise<void>;
  /** The device is taken away for good: gives back what the host lent, files for instance. */
  close(): void | Promise<void>;
  /** What it has counted; may be asked at any time, also after `close`. */
  stats(): BackendStats;
}

/** Serves devices of one type. There is one for each hypervisor: it may keep what its devices share, such as a switch. */
export interface BackendProvider {
  /**
   * Makes the backend of a new device: opens its file, joins its network.
   * @throws HypervisorError when the operator's settings cannot be met; the device then never comes to be
   */
  open(environment: BackendEnvironment): Backend | Promise<Backend>;
  /** The hypervisor ends; all devices are closed by then. */
  close?(): void | Promise<void>;
}

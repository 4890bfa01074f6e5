import type { SessionWatch, XenStoreSession } from '../xenstore-session.ts';
import type { StoreValue, StoreValues } from '../xenstore-nodes.ts';
import { type DeviceName, type DevicePaths, devicePaths, removeDeviceNodes } from './device-node.ts';
import { parseXenbusState, XenbusState, type XenbusStateValue } from './xenbus-state.ts';

/** What a frontend wrote, to be judged: any guest may write anything there, at any time. */
export interface FrontendValues {
  read(name: string): string | undefined;
  /** A decimal number; undefined for anything else. */
  readNumber(name: string): number | undefined;
}

/** What a backend does while its device goes through its states. */
export interface BackendDriver {
  /** What the backend offers before a frontend connects. */
  features(): StoreValues;
  /**
   * The frontend has published its rings. Maps them; returns what the backend tells when it is connected.
   * An error ends the device, not the domain.
   */
  connect(frontend: FrontendValues): StoreValues | Promise<StoreValues>;
  /** The frontend has gone, or must go. Called once for each `connect`, whether that succeeded or not. */
  disconnect(): void | Promise<void>;
}

/** Told of what becomes of a device. */
export interface BackendEvents {
  /** The device was unplugged, and its nodes are removed. */
  readonly removed?: () => void;
  /** The device failed; the message stands in the store too. */
  readonly failed?: (message: string) => void;
}

/**
 * The backend's end of a device. It follows the state that the frontend shows, as Linux's backends do:
 * InitWait until the frontend has published its rings, Connected while they are in use, Closing and Closed as
 * the frontend closes; a frontend that begins again is met with InitWait.
 */
export class BackendDevice {
  readonly name: DeviceName;
  readonly paths: DevicePaths;
  readonly #session: XenStoreSession;
  readonly #driver: BackendDriver;
  readonly #events: BackendEvents;
  #watch: SessionWatch | undefined;
  #state: XenbusStateValue = XenbusState.Initialising;
  #connected = false;
  #failed = false;
  #busy = false;
  #again = false;

  /** The device's nodes must be there: `createDeviceNodes`. */
  constructor(session: XenStoreSession, name: DeviceName, driver: BackendDriver, events: BackendEvents = {}) {
    this.name = name;
    this.paths = devicePaths(name);
    this.#session = session;
    this.#driver = driver;
    this.#events = events;
  }

  /** The state that the backend shows. */
  get state(): XenbusStateValue {
    return this.#state;
  }

  /** Offers the device: InitWait, and from now on as the frontend goes. */
  start(): void {
    this.#session.writeAll(this.paths.backend, { ...this.#driver.features(), 'hotplug-status': 'connected' });
    this.#switch(XenbusState.InitWait);
    // Depth 0: a frontend may build a tree below its state, which is nobody's business.
    this.#watch = this.#session.watch(`${this.paths.frontend}/state`, () => void this.#follow(), { depth: 0 });
  }

  /** Asks the frontend to let go. The nodes are removed when it has. */
  unplug(): void {
    this.#write('online', 0);
    if (this.#state === XenbusState.Closed) void this.#follow();
    else this.#switch(XenbusState.Closing);
  }

  /** Takes the device away whatever the frontend does: its domain is gone. */
  async destroy(): Promise<void> {
    this.#watch?.close();
    this.#watch = undefined;
    await this.#disconnect();
    this.#state = XenbusState.Closed;
    removeDeviceNodes(this.#session, this.name);
    this.#events.removed?.();
  }

  /** The device could not be prepared: says so where hotplug scripts do. */
  failHotplug(message: string): void {
    this.#write('hotplug-error', message);
    this.#write('hotplug-status', 'error');
    this.#events.failed?.(message);
  }

  /** The device cannot go on: keeps the error in the store and closes. Another try begins when the frontend begins again. */
  async fail(message: string, errno = -22): Promise<void> {
    this.#failed = true;
    this.#session.write(this.paths.error, `${errno} ${message}`);
    this.#switch(XenbusState.Closing);
    await this.#disconnect();
    this.#events.failed?.(message);
  }

  /** Goes on until the frontend's state, as it is by then, has been answered. */
  async #follow(): Promise<void> {
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#again && this.#watch !== undefined) {
        this.#again = false;
        await this.#answer(parseXenbusState(this.#session.tryRead(`${this.paths.frontend}/state`)));
      }
    } finally {
      this.#busy = false;
    }
  }

  async #answer(frontend: XenbusStateValue | undefined): Promise<void> {
    switch (frontend) {
      case XenbusState.Initialising:
        return this.#welcome();
      case XenbusState.Initialised:
      case XenbusState.Connected:
        return this.#connect();
      case XenbusState.Closing:
        await this.#disconnect();
        return this.#switch(XenbusState.Closing);
      case XenbusState.Closed:
        await this.#disconnect();
        this.#switch(XenbusState.Closed);
        return this.#isOnline() ? undefined : this.destroy();
      case XenbusState.Unknown:
        return this.destroy();
      default:
        return undefined;
    }
  }

  /** The frontend begins: for the first time, after it closed, or after its guest died without closing. */
  async #welcome(): Promise<void> {
    if (this.#state === XenbusState.InitWait || !this.#isOnline()) return;
    await this.#disconnect();
    this.#failed = false;
    this.#switch(XenbusState.InitWait);
  }

  async #connect(): Promise<void> {
    if (this.#connected || this.#failed || this.#state === XenbusState.Closing || this.#state === XenbusState.Closed) return;
    this.#connected = true;
    const at = (name: string): string => `${this.paths.frontend}/${name}`;
    const session = this.#session;
    try {
      const values = await this.#driver.connect({ read: (name) => session.tryRead(at(name)), readNumber: (name) => session.tryReadNumber(at(name)) });
      // It may have been destroyed while it waited.
      if (!this.#connected) return;
      session.transaction((nodes) => nodes.writeAll(this.paths.backend, values));
      this.#switch(XenbusState.Connected);
    } catch (error) {
      if (!this.#connected) return;
      await this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  async #disconnect(): Promise<void> {
    if (!this.#connected) return;
    this.#connected = false;
    try {
      await this.#driver.disconnect();
    } catch (error) {
      this.#events.failed?.(error instanceof Error ? error.message : String(error));
    }
  }

  #isOnline(): boolean {
    return this.#session.tryRead(`${this.paths.backend}/online`) === '1';
  }

  #switch(state: XenbusStateValue): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#write('state', state);
  }

  /** Writes one of the backend's nodes, unless the toolstack removed them. */
  #write(name: string, value: StoreValue): void {
    if (this.#session.exists(this.paths.backend)) this.#session.write(`${this.paths.backend}/${name}`, value);
  }
}

import type { Backend, BackendEnvironment, BackendHost } from '../../backend/backend.ts';
import { FakeEvents } from './fake-events.ts';
import { FakeGrants } from './fake-grants.ts';
import { FakeStore } from './fake-store.ts';
import { FakeTime } from './fake-time.ts';

/** Which device of the fake guest it is, and what the operator asked for. */
export interface FakeDevice {
  /** `vbd` or `vif`. */
  readonly type: string;
  /** Its number. */
  readonly id: number;
  /** The settings of the backend. */
  readonly settings: Readonly<Record<string, string>>;
}

/** How a fake guest is made. */
export interface FakeGuestOptions {
  /** Its domain, 1 when left out. */
  readonly domid?: number;
  /** Pages of memory, 1024 when left out. */
  readonly pages?: number;
  /** Time that it shares with others; one of its own when left out. */
  readonly time?: FakeTime;
}

/** What a host offers to providers under test. */
export function fakeHost(time: FakeTime = new FakeTime(), signal: AbortSignal = new AbortController().signal): BackendHost {
  const nothing = (): void => {};
  return { clock: time.clock, timers: time.timers, log: { debug: nothing, info: nothing, warn: nothing }, signal, defer: (work) => void setImmediate(work) };
}

/** A domain without a CPU: memory, grants, event channels and a store for frontends that a test plays. */
export class FakeGuest {
  /** Its number. */
  readonly domid: number;
  /** Its time, and that of its backends. */
  readonly time: FakeTime;
  /** Its memory, and what it grants of it. */
  readonly grants: FakeGrants;
  /** Its event channels. */
  readonly events = new FakeEvents();
  /** The store that it shares with its backends. */
  readonly store = new FakeStore();
  /** What backends have failed with. */
  readonly failures: string[] = [];
  readonly #abort = new AbortController();

  constructor({ domid = 1, pages = 1024, time = new FakeTime() }: FakeGuestOptions = {}) {
    this.domid = domid;
    this.time = time;
    this.grants = new FakeGrants(pages);
  }

  /** Directory of a frontend of the guest. */
  frontendPath({ type, id }: Pick<FakeDevice, 'type' | 'id'>): string {
    return `/local/domain/${this.domid}/device/${type}/${id}`;
  }

  /** What a provider gets to open a device of this guest. */
  environment(device: FakeDevice): BackendEnvironment {
    const backend = `/local/domain/0/backend/${device.type}/${this.domid}/${device.id}`;
    return {
      ...fakeHost(this.time, this.#abort.signal),
      frontendDomid: this.domid,
      backendDomid: 0,
      deviceId: device.id,
      settings: device.settings,
      store: this.store,
      nodes: { frontend: this.frontendPath(device), backend, error: `/local/domain/0/error/backend/${device.type}/${this.domid}/${device.id}/error` },
      grants: this.grants,
      events: this.events,
      fail: (message) => void this.failures.push(message),
    };
  }

  /** Connects a backend as xenbus would, after the frontend has written its nodes. */
  async connect(backend: Backend, device: Pick<FakeDevice, 'type' | 'id'>): Promise<Readonly<Record<string, string>>> {
    const values = await backend.connect(this.store.nodesBelow(this.frontendPath(device)));
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, `${value}`]));
  }

  /** Takes all devices away by force. */
  destroy(): void {
    this.#abort.abort();
  }
}

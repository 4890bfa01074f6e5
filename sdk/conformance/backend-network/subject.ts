import type { Backend } from '../../backend/backend.ts';
import type { BackendPlugin } from '../../backend/define-backend.ts';
import { FakeGuest } from '../backend-guest/fake-guest.ts';
import { fakeHost } from '../backend-guest/fake-guest.ts';
import { must } from '../scheduler/measure.ts';
import { NetworkFrontend, type NetworkFrontendOptions, type ReceivedFrame } from './network-frontend.ts';

/** A question to a network. */
export interface NetworkProbe {
  /** The frame that asks. */
  readonly frame: Uint8Array;
  /** True of the frame that answers. */
  isAnswer(frame: ReceivedFrame): boolean;
}

/** A network that is put to the suite. */
export interface NetworkBackendSubject<O extends object> {
  /** The plugin. */
  readonly plugin: BackendPlugin<O>;
  /** The options that it is to be tested with. */
  readonly options: O;
  /** Settings of a vif, besides its `mac`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A frame that the network answers to its only vif, and how the answer is known; left out when it never does. */
  readonly probe?: (mac: Uint8Array) => NetworkProbe;
  /** Rounds of random rings, 300 when left out. */
  readonly randomRounds?: number;
}

/** Address of the vif under test. */
export const PROBE_MAC = Uint8Array.of(0x00, 0x16, 0x3e, 0x11, 0x22, 0x33);

/** A vif of a fake guest, between its opening and its end. */
export interface OpenVif {
  /** The guest that it belongs to. */
  readonly guest: FakeGuest;
  /** What is under test. */
  readonly backend: Backend;
  /** Connects a frontend. */
  connect(options?: NetworkFrontendOptions): Promise<NetworkFrontend>;
  /** Disconnects, and holds the backend to have given everything back. */
  disconnect(frontend: NetworkFrontend): Promise<void>;
}

const DEVICE = { type: 'vif', id: 0 };

/** Opens a vif, does something with it, and closes it. */
export async function withVif<O extends object, T>({ plugin, options, settings }: NetworkBackendSubject<O>, use: (vif: OpenVif) => Promise<T>): Promise<T> {
  const guest = new FakeGuest({ pages: 4096 });
  const provider = plugin.createProvider(fakeHost(guest.time), options);
  const mac = [...PROBE_MAC].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  const backend = await provider.open(guest.environment({ ...DEVICE, settings: { mac, ...settings } }));
  const features = backend.features();
  must(features['feature-rx-copy'] === 1, 'feature-rx-copy is not offered, without which no frontend connects');
  try {
    return await use({
      guest,
      backend,
      connect: async (how) => {
        const frontend = new NetworkFrontend(guest, guest.frontendPath(DEVICE), how);
        await guest.connect(backend, DEVICE);
        return frontend;
      },
      disconnect: async (frontend) => {
        await backend.disconnect();
        must(guest.grants.mappings === 0, `${guest.grants.mappings} pages are still mapped after disconnect`);
        must(guest.events.bound === 0, 'an event channel is still bound after disconnect');
        must(frontend.release(), 'a grant is still in use after disconnect');
      },
    });
  } finally {
    guest.destroy();
    await backend.close();
    await provider.close?.();
  }
}

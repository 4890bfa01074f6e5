import type { Backend } from '../../backend/backend.ts';
import { BLKIF_SECTOR_BYTES } from '../../backend/block/blkif.ts';
import { FakeGuest, type FakeGuestOptions, fakeHost } from '../backend-guest/fake-guest.ts';
import { must } from '../scheduler/measure.ts';
import { BlockFrontend, type BlockFrontendOptions } from './block-frontend.ts';
import type { BlockBackendSubject } from './subject.ts';

/** A VBD of a fake guest, between its opening and its end. */
export interface OpenBlockDevice {
  readonly guest: FakeGuest;
  readonly backend: Backend;
  /** Number of sectors of 512 bytes. */
  readonly sectors: number;
  /** What the backend shows before a frontend connects. */
  readonly features: Readonly<Record<string, string>>;
  /** Connects a frontend. */
  connect(options?: BlockFrontendOptions): Promise<{ frontend: BlockFrontend; shown: Readonly<Record<string, string>> }>;
  /** Disconnects, and holds the backend to have given everything back. */
  disconnect(frontend: BlockFrontend): Promise<void>;
}

const DEVICE = { type: 'vbd', id: 51712 };

/** Opens a VBD, does something with it, and closes it. */
export async function withBlockDevice<O extends object, T>(
  subject: BlockBackendSubject<O>,
  use: (device: OpenBlockDevice) => Promise<T>,
  { mode = 'w', settings = subject.settings(), ...options }: FakeGuestOptions & { mode?: string; settings?: Readonly<Record<string, string>> } = {},
): Promise<T> {
  const guest = new FakeGuest({ pages: 4096, ...options });
  const provider = subject.plugin.createProvider(fakeHost(guest.time), subject.options);
  const backend = await provider.open(guest.environment({ ...DEVICE, settings: { dev: 'xvda', ...settings, mode } }));
  const features = Object.fromEntries(Object.entries(backend.features()).map(([name, value]) => [name, `${value}`]));
  try {
    const path = guest.frontendPath(DEVICE);
    return await use({
      guest,
      backend,
      sectors: subject.sizeBytes / BLKIF_SECTOR_BYTES,
      features,
      connect: async (how) => {
        const frontend = new BlockFrontend(guest, path, how);
        return { frontend, shown: await guest.connect(backend, DEVICE) };
      },
      disconnect: async (frontend) => {
        await backend.disconnect();
        must(guest.grants.mappings === 0, `${guest.grants.mappings} pages are still mapped after disconnect`);
        must(guest.events.bound === 0, 'the event channel is still bound after disconnect');
        must(frontend.release(), 'a grant is still in use after disconnect');
      },
    });
  } finally {
    guest.destroy();
    await backend.close();
    await provider.close?.();
  }
}

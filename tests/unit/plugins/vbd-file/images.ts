import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, type BackendProvider, BlockFrontend, FakeGuest, fakeHost, HypervisorError } from '#sdk';
import { vbdFile } from '../../../../plugins/vbd-file/index.ts';
import { type FileOptions, fileDefaults } from '../../../../plugins/vbd-file/options.ts';

const DEVICE = { type: 'vbd', id: 51712 };

/** A directory with images, and what uses them. */
export class Images {
  readonly directory = mkdtempSync(join(tmpdir(), 'vbd-file-'));
  readonly warnings: string[] = [];

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Makes a sparse image. */
  make(name: string, sizeBytes: number): string {
    if (!existsSync(this.path(name))) writeFileSync(this.path(name), '');
    truncateSync(this.path(name), sizeBytes);
    return this.path(name);
  }

  /** The locks beside the images. */
  locks(): string[] {
    return readdirSync(this.directory).filter((name) => name.includes('.lock~'));
  }

  provider(options: Partial<FileOptions> = {}): BackendProvider {
    return vbdFile.createProvider(fakeHost(), { ...fileDefaults, ...options });
  }

  /** Opens an image for a domain of its own. */
  async open(provider: BackendProvider, params: string, mode = 'w', domid = 1): Promise<{ guest: FakeGuest; backend: Backend }> {
    const guest = new FakeGuest({ domid });
    const environment = guest.environment({ ...DEVICE, settings: { params, mode, dev: 'xvda' } });
    const log = { ...environment.log, warn: (message: string) => void this.warnings.push(message) };
    return { guest, backend: await provider.open({ ...environment, log }) };
  }

  /** Why an image is refused. */
  async refusal(provider: BackendProvider, params: string, mode = 'w', domid = 1): Promise<HypervisorError> {
    try {
      await this.open(provider, params, mode, domid);
    } catch (error) {
      if (error instanceof HypervisorError) return error;
      throw error;
    }
    throw new Error(`${params} was taken`);
  }

  /** Connects a frontend. */
  async connect({ guest, backend }: { guest: FakeGuest; backend: Backend }): Promise<BlockFrontend> {
    const frontend = new BlockFrontend(guest, guest.frontendPath(DEVICE));
    await guest.connect(backend, DEVICE);
    return frontend;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { defaultCacheDirectory } from './cache-directory.ts';
import { CacheFolder } from './cache-folder.ts';

const MOST_BYTES = 256 * 2 ** 20;

/** Kernels that were unpacked before, by what they were unpacked from: XZ takes a second each time. */
export class UnpackedKernels {
  readonly #folder: CacheFolder;

  constructor(cache = defaultCacheDirectory()) {
    this.#folder = new CacheFolder({ directory: join(cache, 'kernels'), format: 'xylem kernel 1\n', suffix: '.elf', mostBytes: MOST_BYTES });
  }

  /**
   * Unpacks a kernel, or finds what came of it before. A cache that cannot be written costs the same time again.
   *
   * @returns what `unpack` does
   */
  async unpack(kernel: Uint8Array, unpack: (kernel: Uint8Array) => Uint8Array | undefined): Promise<Uint8Array | undefined> {
    const name = createHash('sha256').update(kernel).digest('hex').slice(0, 32);
    const known = await this.#folder.read(name);
    if (known !== undefined) return known;
    const unpacked = unpack(kernel);
    if (unpacked !== undefined) await this.#folder.write(name, unpacked).catch(() => undefined);
    return unpacked;
  }
}

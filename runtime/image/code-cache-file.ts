import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackedRequests } from '#jit';
import { defaultCacheDirectory } from './cache-directory.ts';
import { makeDirectory, STALE_MS } from './guest-cache.ts';

/** Also part of every file's name: what another version wrote is not even looked at. */
const FORMAT = 'xylem regions 1\n';
const SUFFIX = '.regions';
/** Bytes of all files together; the one that was used longest ago goes first. */
const MOST_BYTES = 64 * 2 ** 20;
/** Bytes of a kernel that tell it from others, at each end. */
const SAMPLE = 1 << 16;
const DIGEST = 32;
const HEADER = FORMAT.length + DIGEST + 4;

/** Nothing known yet. */
const EMPTY: PackedRequests = { words: new Int32Array(1), code: new Uint8Array() };

/**
 * Where it is kept what runs of one kernel found worth translating. There is no code in such a file, and nothing in it
 * is believed before the guest has the same bytes in the same places.
 */
export class CodeCacheFile {
  readonly #directory: string;
  readonly #path: string;

  /** @param kernel - the kernel or firmware that runs; which programs run under it makes no difference */
  constructor(kernel: Uint8Array, cache = defaultCacheDirectory()) {
    this.#directory = join(cache, 'code');
    const hash = createHash('sha256').update(FORMAT).update(String(kernel.length));
    hash.update(kernel.subarray(0, SAMPLE)).update(kernel.subarray(Math.max(0, kernel.length - SAMPLE)));
    this.#path = join(this.#directory, `${hash.digest('hex').slice(0, 32)}${SUFFIX}`);
  }

  /** What is known; nothing when there is no file or it is damaged. */
  async read(): Promise<PackedRequests> {
    const bytes = await readFile(this.#path).catch(() => undefined);
    if (bytes === undefined || bytes.length < HEADER || bytes.subarray(0, FORMAT.length).toString('latin1') !== FORMAT) return EMPTY;
    const body = bytes.subarray(FORMAT.length + DIGEST);
    if (!digestOf(body).equals(bytes.subarray(FORMAT.length, FORMAT.length + DIGEST))) return EMPTY;
    const content = new Uint8Array(body).buffer;
    const words = new DataView(content).getUint32(0, true);
    return { words: new Int32Array(content, 4, words), code: new Uint8Array(content, 4 + words * 4) };
  }

  /** Writes the file, complete or not at all. */
  async write({ words, code }: PackedRequests): Promise<void> {
    await makeDirectory(this.#directory);
    const body = Buffer.concat([Buffer.from(Uint32Array.of(words.length).buffer), bytesOf(words), code]);
    const partial = `${this.#path}.${process.pid}`;
    try {
      await writeFile(partial, Buffer.concat([Buffer.from(FORMAT, 'latin1'), digestOf(body), body]));
      await rename(partial, this.#path);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.#trim();
  }

  async #trim(): Promise<void> {
    const names = await readdir(this.#directory);
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#directory, name);
        const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
        return { path, size, mtimeMs };
      }),
    );
    let left = MOST_BYTES;
    for (const { path, size, mtimeMs } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      left -= size;
      // a process that was killed while it wrote has left a partial file
      if (left < 0 || (!path.endsWith(SUFFIX) && Date.now() - mtimeMs > STALE_MS)) await rm(path, { force: true });
    }
  }
}

const bytesOf = (words: Int32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

const digestOf = (body: Uint8Array): Buffer => createHash('sha256').update(body).digest();

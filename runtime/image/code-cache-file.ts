import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { PackedRequests } from '#jit';
import { defaultCacheDirectory } from './cache-directory.ts';
import { CacheFolder } from './cache-folder.ts';

/** Also part of every file's name: what another version wrote is not even looked at. */
const FORMAT = 'xylem regions 1\n';
const MOST_BYTES = 64 * 2 ** 20;
/** Bytes of a kernel that tell it from others, at each end. */
const SAMPLE = 1 << 16;

/** Nothing known yet. */
const EMPTY: PackedRequests = { words: new Int32Array(1), code: new Uint8Array() };

/**
 * Where it is kept what runs of one kernel found worth translating. There is no code in such a file, and nothing in it
 * is believed before the guest has the same bytes in the same places.
 */
export class CodeCacheFile {
  readonly #folder: CacheFolder;
  readonly #name: string;

  /** @param kernel - the kernel or firmware that runs; which programs run under it makes no difference */
  constructor(kernel: Uint8Array, cache = defaultCacheDirectory()) {
    this.#folder = new CacheFolder({ directory: join(cache, 'code'), format: FORMAT, suffix: '.regions', mostBytes: MOST_BYTES });
    const hash = createHash('sha256').update(FORMAT).update(String(kernel.length));
    hash.update(kernel.subarray(0, SAMPLE)).update(kernel.subarray(Math.max(0, kernel.length - SAMPLE)));
    this.#name = hash.digest('hex').slice(0, 32);
  }

  /** What is known; nothing when there is no file or it is damaged. */
  async read(): Promise<PackedRequests> {
    const body = await this.#folder.read(this.#name);
    if (body === undefined || body.length < 4) return EMPTY;
    const content = new Uint8Array(body).buffer;
    const words = new DataView(content).getUint32(0, true);
    return { words: new Int32Array(content, 4, words), code: new Uint8Array(content, 4 + words * 4) };
  }

  /** Writes the file, complete or not at all. */
  write({ words, code }: PackedRequests): Promise<void> {
    const body = Buffer.concat([Buffer.from(Uint32Array.of(words.length).buffer), bytesOf(words), code]);
    return this.#folder.write(this.#name, body);
  }
}

const bytesOf = (words: Int32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

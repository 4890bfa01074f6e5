import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { makeDirectory, STALE_MS } from './guest-cache.ts';

const DIGEST = 32;

/** What the files of a folder have in common. */
export interface CacheFolderShape {
  /** The folder's path; it is made when something is written. */
  readonly directory: string;
  /** What every file begins with, in Latin-1; what another version wrote begins with something else. */
  readonly format: string;
  /** How names end. */
  readonly suffix: string;
  /** Bytes of all files together; the one that was used longest ago goes first. */
  readonly mostBytes: number;
}

/** Files in the operator's cache directory that can be had again: a damaged one is as good as none. */
export class CacheFolder {
  readonly #shape: CacheFolderShape;

  constructor(shape: CacheFolderShape) {
    this.#shape = shape;
  }

  /** What a file holds; nothing when there is none or it is damaged. */
  async read(name: string): Promise<Buffer | undefined> {
    const { format } = this.#shape;
    const path = this.#pathOf(name);
    const bytes = await readFile(path).catch(() => undefined);
    const body = bytes?.subarray(format.length + DIGEST);
    if (bytes === undefined || body === undefined || !bytes.subarray(0, bytes.length - body.length).equals(this.#header(body))) return undefined;
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return body;
  }

  /** Writes a file, complete or not at all. */
  async write(name: string, body: Uint8Array): Promise<void> {
    await makeDirectory(this.#shape.directory);
    const path = this.#pathOf(name);
    const partial = `${path}.${process.pid}-${threadId}`;
    try {
      await writeFile(partial, [this.#header(body), body]);
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.#trim();
  }

  #pathOf(name: string): string {
    return join(this.#shape.directory, `${name}${this.#shape.suffix}`);
  }

  #header(body: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from(this.#shape.format, 'latin1'), createHash('sha256').update(body).digest()]);
  }

  async #trim(): Promise<void> {
    const { directory, suffix, mostBytes } = this.#shape;
    const names = await readdir(directory);
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(directory, name);
        const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
        return { path, size, mtimeMs };
      }),
    );
    let left = mostBytes;
    for (const { path, size, mtimeMs } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      left -= size;
      // a process that was killed while it wrote has left a partial file
      if (left < 0 || (!path.endsWith(suffix) && Date.now() - mtimeMs > STALE_MS)) await rm(path, { force: true });
    }
  }
}

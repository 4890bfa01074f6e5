import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HypervisorError } from '#sdk';

const MANIFEST = 'manifest.json';
const PARTIAL = '.partial-';
/** What is partial and has not been touched for so long was left by a killed process. */
export const STALE_MS = 60 * 60 * 1000;

/** What lies beside the files of one cache entry. */
export interface CacheManifest {
  /** SHA-256 of each file, in hex, by file name. */
  readonly sha256: Readonly<Record<string, string>>;
  /** What the files came from, by package name. */
  readonly packages: Readonly<Record<string, string>>;
  /** What the operator was warned of when the entry was made. */
  readonly warnings: readonly string[];
}

/**
 * Reads the manifest of a cache entry and checks every file against it.
 *
 * @returns the manifest, or `undefined` if the entry is missing, incomplete or damaged
 */
export async function readCacheEntry(entry: string, files: readonly string[]): Promise<CacheManifest | undefined> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(entry, MANIFEST), 'utf8'));
    if (!isManifest(manifest)) return undefined;
    for (const file of files) {
      if (digest(await readFile(join(entry, file))) !== manifest.sha256[file]) return undefined;
    }
    return manifest;
  } catch {
    return undefined;
  }
}

/** Makes a directory in the cache to work in, and removes those that killed processes have left. */
export async function createPartialDirectory(cache: string): Promise<string> {
  try {
    await makeDirectory(cache);
    await removeStale(cache);
    return await mkdtemp(join(cache, PARTIAL));
  } catch (cause) {
    throw new HypervisorError('HV_ERR_IMAGE_CACHE', `the cache directory ${cache} cannot be written`, {
      hint: 'set XDG_CACHE_HOME to a directory of yours',
      cause,
    });
  }
}

/**
 * Makes files into a cache entry, which appears complete or not at all.
 *
 * @param partial - a directory from {@link createPartialDirectory}
 * @param entry - the entry's path; what is there is replaced
 * @param stays - whether what is there by then stays instead; without it nothing does
 */
export async function publishCacheEntry(
  partial: string,
  entry: string,
  content: Omit<CacheManifest, 'sha256'> & { readonly files: Readonly<Record<string, Uint8Array>> },
  stays: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<void> {
  const complete = join(partial, 'complete');
  await mkdir(complete);
  const sha256: Record<string, string> = {};
  for (const [name, data] of Object.entries(content.files)) {
    await writeFile(join(complete, name), data, { flush: true });
    sha256[name] = digest(data);
  }
  const manifest: CacheManifest = {
    sha256,
    packages: content.packages,
    warnings: content.warnings,
  };
  await writeFile(join(complete, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
    flush: true,
  });
  await chmod(complete, 0o755);
  if (await isPlaced(complete, entry)) return;
  // another process may have been faster: who reads its files must not find them gone
  if (!(await stays())) await replaceDirectory(complete, entry, join(partial, 'replaced'));
}

/** Makes a directory and those above it. Node's own recursive `mkdir` never returns where nothing can be made, as in /proc. */
export async function makeDirectory(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) await makeDirectory(above);
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    // Another process may have been faster.
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Renames a directory to where nothing may be yet; false when there is something. */
async function isPlaced(from: string, to: string): Promise<boolean> {
  return await rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/** A directory can't be renamed onto a full one, so the old one steps aside first. */
async function replaceDirectory(from: string, to: string, aside: string): Promise<void> {
  await rename(to, aside).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    // Another process has published the same entry in between: its files are as good as ours.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

async function removeStale(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(PARTIAL)) continue;
    const path = join(cache, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function isManifest(value: unknown): value is CacheManifest {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sha256' in value &&
    typeof value.sha256 === 'object' &&
    value.sha256 !== null &&
    'packages' in value &&
    typeof value.packages === 'object' &&
    value.packages !== null &&
    'warnings' in value &&
    Array.isArray(value.warnings)
  );
}

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createAptWorkspace } from '../../runtime/image/apt-workspace.ts';
import { updateIndexes } from '../../runtime/image/debian-packages.ts';
import { defaultCacheDirectory } from '../../runtime/image/cache-directory.ts';
import { createPartialDirectory, publishCacheEntry, readCacheEntry } from '../../runtime/image/guest-cache.ts';
import { unpackMember } from '../../runtime/image/unpack-member.ts';

const PACKAGE = 'memtest86+';
const FILE = 'memtest';

/** Path of Memtest86+ for 64-bit machines, or why there is none. */
export type MemtestFile = { readonly kernel: string } | { readonly missing: string };

/** Gets Memtest86+ of Debian, from the cache or with the host's apt; where there is no apt or no network its test is left out. */
export async function memtestFile(): Promise<MemtestFile> {
  const cache = defaultCacheDirectory();
  const entry = join(cache, 'memtest-amd64');
  try {
    if ((await readCacheEntry(entry, [FILE])) === undefined) await fetchInto(cache, entry);
    return { kernel: join(entry, FILE) };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

async function fetchInto(cache: string, entry: string): Promise<void> {
  const partial = await createPartialDirectory(cache);
  try {
    const apt = await createAptWorkspace(join(partial, 'apt'), 'amd64');
    await updateIndexes(apt, {});
    const { complaints } = await apt.run({ tool: 'apt-get', args: ['download', PACKAGE] });
    const file = (await readdir(apt.packages)).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get left no package: ${complaints.join('; ')}`);
    const kernel = await unpackMember(join(apt.packages, file), /^boot\/memtest86\+x64\.bin$/);
    await publishCacheEntry(partial, entry, { files: { [FILE]: kernel }, packages: { [PACKAGE]: file }, warnings: [] });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

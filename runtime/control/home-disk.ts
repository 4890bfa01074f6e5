import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { HypervisorError } from '#sdk';
import { defaultCacheDirectory } from '../image/index.ts';

/** As large as it looks; it takes room on the host for what was written only. */
const SIZE_BYTES = 2 ** 30;

/**
 * The VBD that a guest of ours has when the operator names none: an image in the cache directory, which keeps what was
 * written from one run to the next. The guest makes a file system on it when it is new.
 *
 * @param guest - name of the guest, which has it to itself
 */
export async function homeDisk(guest: string): Promise<string> {
  const folder = join(defaultCacheDirectory(), 'disks');
  const path = join(folder, `${guest}.img`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(path, 'a');
    try {
      if ((await file.stat()).size === 0) await file.truncate(SIZE_BYTES);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new HypervisorError('HV_ERR_IMAGE_CACHE', `the disk ${path} cannot be made: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'set XDG_CACHE_HOME to a directory of yours, or name a disk with --disk',
      cause,
    });
  }
  return `file:${path},xvda,w`;
}

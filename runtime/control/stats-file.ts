import { access, constants, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HypervisorError } from '#sdk';
import type { RunStats } from '../pcpu/index.ts';

/** Checks that the file for the statistics can be written, before the guest is run. */
export async function checkStatsFile(path: string): Promise<void> {
  try {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) throw failure(path, 'it is a folder');
    await access(dirname(resolve(path)), constants.W_OK);
  } catch (cause) {
    throw cause instanceof HypervisorError ? cause : failure(path, 'its folder does not exist or is not yours', cause);
  }
}

/** Writes the statistics, complete or not at all. */
export async function writeStatsFile(path: string, stats: RunStats): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, `${JSON.stringify(stats, null, 2)}\n`);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw failure(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function failure(path: string, reason: string, cause?: unknown): HypervisorError {
  return new HypervisorError('HV_ERR_FILE_WRITE', `cannot write the statistics to ${path}: ${reason}`, { hint: 'name another file with --stats', cause });
}

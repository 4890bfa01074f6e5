import { accessSync, constants, mkdirSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { defaultCacheDirectory } from '../image/cache-directory.ts';

/** On a disk with less room Node leaves empty files behind. */
const LEAST_ROOM = 64 * 2 ** 20;
/** Niceness of the engine's compiling threads. */
const BEHIND = 10;

/**
 * Tells Node what must be known before anything else is loaded. All of it is about time only: a Node that knows it not, or
 * a directory that cannot be written, changes nothing else.
 */
export function prepareEngine(): void {
  // regions that are known to be hot are optimised before they run
  setFlagsFromString('--experimental-wasm-compilation-hints');
  // our own modules, stripped of their types and compiled; threads take it from the environment
  process.env.NODE_COMPILE_CACHE ??= usable(join(defaultCacheDirectory(), 'modules'));
  if (process.env.NODE_COMPILE_CACHE) enableCompileCache(process.env.NODE_COMPILE_CACHE);
  letCompilersWait();
}

/** Has the engine's compiling threads take what the vCPUs leave of the processors; Linux gives each thread a niceness of its own. */
function letCompilersWait(): void {
  const threads = '/proc/self/task';
  try {
    for (const thread of readdirSync(threads))
      if (readFileSync(join(threads, thread, 'comm'), 'utf8').includes('V8Worker')) setPriority(Number(thread), BEHIND);
  } catch {
    // Another system, or a sandbox: they compete then.
  }
}

/** The directory, made if need be, or nothing when it is of no use. */
function usable(directory: string): string {
  try {
    make(directory);
    accessSync(directory, constants.W_OK);
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < LEAST_ROOM ? '' : directory;
  } catch {
    return '';
  }
}

/** Makes a directory and those above it; Node's own recursive way never returns where nothing can be made, as in /proc. */
function make(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) make(dirname(path));
  mkdirSync(path);
}

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { defaultCacheDirectory } from '../image/cache-directory.ts';

/**
 * Tells Node what must be known before anything else is loaded. Both are about time only, and a Node that knows them
 * not, or a directory that cannot be written, changes nothing else.
 */
export function prepareEngine(): void {
  // regions that are known to be hot are optimised before they run
  setFlagsFromString('--experimental-wasm-compilation-hints');
  // our own modules, stripped of their types and compiled; threads take it from the environment
  process.env.NODE_COMPILE_CACHE ??= join(defaultCacheDirectory(), 'modules');
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
}

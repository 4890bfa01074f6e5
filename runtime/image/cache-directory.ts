import { homedir } from 'node:os';
import { join } from 'node:path';

/** The cache directory that the operator's environment asks for: `$XDG_CACHE_HOME/xylem` or `~/.cache/xylem`. */
export function defaultCacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'xylem');
}

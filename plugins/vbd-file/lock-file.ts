import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** How a file is used: by readers, by one who writes, or by one who writes and was told to take no notice of others. */
export type LockMode = 'r' | 'w';

/** Another use of the same file. */
export interface OtherUser {
  readonly mode: LockMode;
  readonly pid: number;
  readonly host: string;
}

/** A lock that one use of a file holds. */
export interface LockFile {
  /** Others that held a lock when this one was made. */
  readonly others: readonly OtherUser[];
  /** Gives it up. */
  release(): void;
}

const HOST = hostname().replace(/[^\w.]/g, '_') || 'localhost';
const NAME = /^([rw])~([\w.]+)~(\d+)~(\d+)~\d+$/;

/**
 * Locks a file for all who ask in this way: a file beside it whose name says how it is used and by whom. Each makes its
 * own and then looks for others: of two who come at once at least one sees the other, and nothing is half written. Locks of processes that are gone are removed.
 *
 * @throws Error of the file system when no file can be made there
 */
export function lockFile(path: string, mode: LockMode): LockFile {
  const directory = dirname(path);
  const prefix = `.${basename(path)}.lock~`;
  const own = `${prefix}${mode}~${HOST}~${process.pid}~${startOf(process.pid)}~${randomInt(2 ** 47)}`;
  writeFileSync(join(directory, own), '', { flag: 'wx' });
  const others: OtherUser[] = [];
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(prefix) || name === own) continue;
    const [, otherMode, host = '', pid = '', start = ''] = NAME.exec(name.slice(prefix.length)) ?? [];
    if (otherMode === undefined) continue;
    if (host === HOST && !isAlive(Number(pid), start)) rmSync(join(directory, name), { force: true });
    else others.push({ mode: otherMode === 'w' ? 'w' : 'r', pid: Number(pid), host });
  }
  return { others, release: () => rmSync(join(directory, own), { force: true }) };
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  // Numbers of processes come again; the moment of their begin tells them apart, where the host shows it.
  const seen = startOf(pid);
  return seen === '0' || start === '0' || seen === start;
}

/** When a process began, in ticks since the host did; 0 where that can't be known. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}

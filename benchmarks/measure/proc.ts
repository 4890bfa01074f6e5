import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports process times in USER_HZ, which its ABI fixes at 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds of the children in a `/proc/PID/stat` line: those that ended and were waited for.
 *
 * @returns `null` when the line is not of that form
 */
export function parseChildCpuSeconds(stat: string): number | null {
  // The name in parentheses may hold spaces; fields are counted behind it, starting with number 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[16 - 3]) + Number(fields[17 - 3]);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : null;
}

/** Peak resident bytes in a `/proc/PID/status` text, or 0 when it has none (a process that has ended). */
export function parsePeakRss(status: string): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return match ? Number(match[1]) * 1024 : 0;
}

/** CPU seconds of all children of this process that have ended so far, or `null` without /proc. */
export function childCpuSeconds(): number | null {
  const stat = readOrNull('/proc/self/stat');
  return stat === null ? null : parseChildCpuSeconds(stat);
}

/** Peak resident bytes of a process and its living descendants together, or `null` when it is gone. */
export function treePeakRss(pid: number): number | null {
  const status = readOrNull(`/proc/${pid}/status`);
  if (status === null) return null;
  return childrenOf(pid).reduce((sum, child) => sum + (treePeakRss(child) ?? 0), parsePeakRss(status));
}

function childrenOf(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  return threads.flatMap((thread) => {
    const children = readOrNull(`/proc/${pid}/task/${thread}/children`) ?? '';
    return children
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  });
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // the process ended between two looks, or the host has no /proc
  }
}

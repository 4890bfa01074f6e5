import { readFile } from 'node:fs/promises';
import { buildInitramfs, type DebianGuest, fetchDebianGuest, type GuestFlavour } from '../image/index.ts';
import { ProgressLine } from './progress-line.ts';

/** A Debian guest in memory. */
export interface LoadedDebian {
  readonly kernel: Uint8Array;
  readonly ramdisk: Uint8Array;
}

/** Exit codes of a process that a signal ended, by the signal. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Gets a Debian guest from the cache or from Debian, with its progress on the standard error. */
export async function fetchDebian(flavour: GuestFlavour): Promise<LoadedDebian> {
  const progress = new ProgressLine(`Debian for ${flavour}`);
  const guest = await interruptible(progress, (signal) => fetchDebianGuest({ flavour, signal, onProgress: (step) => progress.update(step) }));
  const [kernel, busybox, modules] = await Promise.all([readFile(guest.kernel), readFile(guest.busybox), readFile(guest.modules)]);
  return { kernel, ramdisk: buildInitramfs({ busybox, modules }) };
}

/** Lets a signal end the process only after what was half written is gone. */
async function interruptible(progress: ProgressLine, fetch: (signal: AbortSignal) => Promise<DebianGuest>): Promise<DebianGuest> {
  const abort = new AbortController();
  let exitCode: number | undefined;
  const handlers = Object.entries(SIGNALS).map(([name, code]) => {
    const handler = (): void => {
      // A second signal means that giving up takes too long.
      if (exitCode !== undefined) process.exit(exitCode);
      exitCode = code;
      abort.abort();
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  try {
    return await fetch(abort.signal);
  } catch (error) {
    progress.clear();
    if (exitCode !== undefined) process.exit(exitCode);
    throw error;
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}

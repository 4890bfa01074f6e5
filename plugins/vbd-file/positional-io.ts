import { fdatasync, readv, writev } from 'node:fs';

/** Fills parts from a place in a file, in their order; rejects when the file ends before they are full. */
export function readParts(fd: number, offset: number, parts: readonly Uint8Array[]): Promise<void> {
  return transferParts(readv, 'read', { fd, offset, parts });
}

/** Writes parts to a place in a file, in their order. */
export function writeParts(fd: number, offset: number, parts: readonly Uint8Array[]): Promise<void> {
  return transferParts(writev, 'written', { fd, offset, parts });
}

/** Brings what was written to the device below the file. */
export function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** `readv` or `writev` of `node:fs`. */
export type VectoredCall = (fd: number, parts: readonly Uint8Array[], position: number, done: (error: Error | null, bytes: number) => void) => void;

/** What is to be moved. */
export interface Transfer {
  readonly fd: number;
  readonly offset: number;
  readonly parts: readonly Uint8Array[];
}

/** Calls until everything is moved: the host may do less at once than it was asked. Rejects when it does nothing any more. */
export function transferParts(call: VectoredCall, verb: string, { fd, offset, parts }: Transfer): Promise<void> {
  return new Promise((resolve, reject) => {
    const total = byteLength(parts);
    const go = (done: number, left: readonly Uint8Array[]): void =>
      call(fd, left, offset + done, (error, bytes) => {
        const now = done + bytes;
        if (error !== null) reject(error);
        else if (now === total) resolve();
        else if (bytes === 0) reject(new Error(`only ${now} of ${total} bytes could be ${verb} at ${offset}`));
        else go(now, after(parts, now));
      });
    go(0, parts);
  });
}

function byteLength(parts: readonly Uint8Array[]): number {
  let total = 0;
  for (const part of parts) total += part.length;
  return total;
}

/** What is left of parts when the first bytes are done. */
function after(parts: readonly Uint8Array[], done: number): Uint8Array[] {
  let skip = done;
  const left: Uint8Array[] = [];
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return left;
}

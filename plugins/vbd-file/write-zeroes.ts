import { readParts, writeParts } from './positional-io.ts';

const STEP_BYTES = 256 * 1024;
const PAGE_BYTES = 4096;
const ZEROES = new Uint8Array(STEP_BYTES);

/** A part of a file, and what ends the work on it. */
export interface ZeroExtent {
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal;
}

/** Makes bytes of a file zero. What is zero already is not written, so that holes stay holes. */
export async function writeZeroes(fd: number, { offset, length, signal }: ZeroExtent): Promise<void> {
  const buffer = new Uint8Array(Math.min(STEP_BYTES, length));
  for (let at = offset; at < offset + length; at += STEP_BYTES) {
    // A guest may discard terabytes of holes, which take minutes to read.
    signal.throwIfAborted();
    const step = buffer.subarray(0, Math.min(STEP_BYTES, offset + length - at));
    await readParts(fd, at, [step]);
    for (let page = 0; page < step.length; page += PAGE_BYTES) {
      const seen = step.subarray(page, page + PAGE_BYTES);
      if (Buffer.compare(seen, ZEROES.subarray(0, seen.length)) !== 0) await writeParts(fd, at + page, [ZEROES.subarray(0, seen.length)]);
    }
  }
}

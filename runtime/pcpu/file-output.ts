import { closeSync, openSync, writeSync } from 'node:fs';
import { type ByteSink, HypervisorError } from '#sdk';

const BUFFER_BYTES = 1 << 16;

/** A file written from a pCPU's thread, in large pieces: its event loop never turns, so nothing else would do. */
export class FileOutput implements ByteSink {
  /** Room for one piece; whoever writes into it directly says so with {@link advance}. */
  readonly buffer = new Uint8Array(BUFFER_BYTES);
  readonly #path: string;
  readonly #descriptor: number;
  #length = 0;
  #isOpen = true;

  /** @throws HypervisorError `HV_ERR_FILE_WRITE` */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, 'w');
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  write(byte: number): void {
    this.reserve(1);
    this.buffer[this.#length++] = byte;
  }

  /** Makes sure that `bytes` fit into the buffer, and returns where they go. */
  reserve(bytes: number): number {
    if (this.#length + bytes > BUFFER_BYTES) this.flush();
    return this.#length;
  }

  /** Says that the buffer was filled up to `end`. */
  advance(end: number): void {
    this.#length = end;
  }

  /** Writes what was collected. */
  flush(): void {
    const length = this.#length;
    // Forgotten first: after a failure, closing must not fail again.
    this.#length = 0;
    try {
      for (let at = 0; at < length; ) at += writeSync(this.#descriptor, this.buffer, at, length - at);
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  /** Writes the rest and closes the file; once, also when that fails. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #failure(cause: unknown): HypervisorError {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason =
      code === 'ENOENT' ? 'its folder does not exist' : code === 'ENOSPC' ? 'the disk is full' : cause instanceof Error ? cause.message : String(cause);
    return new HypervisorError('HV_ERR_FILE_WRITE', `cannot write ${this.#path}: ${reason}`, { hint: 'name a file that can be written', cause });
  }
}

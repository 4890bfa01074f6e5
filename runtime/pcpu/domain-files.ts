import { resolve } from 'node:path';
import { FileOutput } from './file-output.ts';

/** The files that a domain's devices of plugins, and its trace, write on one thread. */
export class DomainFiles {
  readonly #directory: string;
  readonly #open = new Map<string, FileOutput>();

  /** @param directory - where relative paths start */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens a file; the same path gives the same one. */
  open(path: string): FileOutput {
    const full = resolve(this.#directory, path);
    const file = this.#open.get(full) ?? new FileOutput(full);
    this.#open.set(full, file);
    return file;
  }

  /** Writes out what is left. */
  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }
}

import { HypervisorError } from '#sdk';

/** The standard output for a guest's console: tells when to wait, and when there is nobody to write to. */
export class StandardOutput {
  #failure: HypervisorError | undefined;
  #wake: (() => void) | undefined;

  /** @param failed - called once when the output cannot be written any more */
  constructor(failed: (error: HypervisorError) => void) {
    process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
      if (this.#failure === undefined) {
        this.#failure = failureOf(cause);
        failed(this.#failure);
      }
      this.#wake?.();
    });
    // Nobody is left to be told.
    process.stderr.on('error', () => {});
  }

  /** Writes bytes; a promise is kept when there is room for more, or when the output has failed. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined || process.stdout.write(bytes)) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
      process.stdout.once('drain', resolve);
    });
  }

  /** Kept when everything is written, or `patience` milliseconds have passed. */
  flushed(patience: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patience);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#failure === undefined) process.stdout.write('', done);
      else done();
    });
  }
}

function failureOf(cause: NodeJS.ErrnoException): HypervisorError {
  if (cause.code === 'EPIPE' || cause.code === 'EIO' || cause.code === 'ECONNRESET') {
    return new HypervisorError('HV_ERR_OUTPUT_CLOSED', 'the standard output was closed, so the guest was stopped', {
      hint: 'expected was a reader until the guest ends',
      cause,
    });
  }
  const reason = cause.code === 'ENOSPC' ? 'the disk is full' : cause.message;
  return new HypervisorError('HV_ERR_OUTPUT_FAILED', `the standard output cannot be written: ${reason}`, {
    hint: 'make room, or send the output elsewhere',
    cause,
  });
}

/** What may accompany a {@link HypervisorError}. */
export interface HypervisorErrorOptions {
  /** What the operator can do about it. */
  readonly hint?: string;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/** An operator's or a plugin's error: wrong input, a missing tool, a failing backend. */
export class HypervisorError extends Error {
  /** A code of the form `HV_ERR_<AREA>_<WHAT>`. */
  readonly code: string;
  /** What the operator can do about it. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: HypervisorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HypervisorError';
    this.code = code;
    this.hint = options.hint;
  }
}

import { HypervisorError } from '#sdk';

/** An error that keeps its meaning on the way from one thread to another. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
}

/** Takes an error apart; one that is no `HypervisorError` is a defect of ours. */
export function toPlainError(error: unknown): PlainError {
  const known = findKnown(error);
  if (known === undefined) {
    const text = error instanceof Error ? error.message : String(error);
    return { code: 'HV_ERR_PCPU_FAILED', message: `the vCPU's thread failed: ${text}`, hint: 'this is a defect: please report it', ...stackOf(error) };
  }
  return { code: known.code, message: known.message, ...(known.hint === undefined ? {} : { hint: known.hint }), ...stackOf(error) };
}

/** Makes an error of its parts again. */
export function fromPlainError({ code, message, hint, stack }: PlainError): HypervisorError {
  const error = new HypervisorError(code, message, hint === undefined ? {} : { hint });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The bus wraps what a device throws; the operator wants to read what the device said. */
function findKnown(error: unknown): HypervisorError | undefined {
  if (!(error instanceof HypervisorError)) return undefined;
  return error.code === 'HV_ERR_DEVICE_FAILED' ? (findKnown(error.cause) ?? error) : error;
}

function stackOf(error: unknown): { stack?: string } {
  return error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
}

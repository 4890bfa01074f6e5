import { HypervisorError } from '#sdk';

/** Codes for which the operator's words are to blame. */
const USAGE_CODES = new Set(['HV_ERR_CLI_USAGE', 'HV_ERR_CLI_OPTION', 'HV_ERR_PLUGIN_OPTION', 'HV_ERR_PLUGIN_UNKNOWN']);

/** An error as one line: what was expected and seen, what to do, and the code to look up. */
export function describeError(error: unknown): string {
  if (!(error instanceof HypervisorError)) {
    const text = error instanceof Error ? error.message : String(error);
    return `internal error: ${oneLine(text)}; this is a defect of Xylem, please report it with what --debug shows`;
  }
  const hint = error.hint === undefined ? '' : `; ${oneLine(error.hint)}`;
  return `${oneLine(error.message).replace(/[.;]$/, '')}${hint} (${error.code})`;
}

/** The exit code that goes with an error: 2 for the command line, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  return error instanceof HypervisorError && USAGE_CODES.has(error.code) ? 2 : 1;
}

/** Writes an error to the standard error, with `debug` also where it came from. */
export function reportError(error: unknown, debug: boolean): void {
  say(describeError(error));
  if (!debug) return;
  for (let at: unknown = error; at instanceof Error; at = at.cause) process.stderr.write(`${at.stack ?? at.message}\n`);
}

/** Writes a line of ours to the standard error. */
export function say(line: string): void {
  process.stderr.write(`xm: ${line}\n`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

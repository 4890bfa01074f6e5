import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The first line that a program prints, or `null` when it cannot be started or fails. */
export async function firstLineOf(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await run(command, args);
    return stdout.split('\n')[0] ?? '';
  } catch {
    return null;
  }
}

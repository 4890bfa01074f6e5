import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the repository. */
export const root = join(import.meta.dirname, '../..');

/** The rooms: top-level folders that hold code. */
export const rooms = ['sdk', 'jit', 'runtime', 'plugins', 'benchmarks', 'tests'] as const;

/** Every file of the repository that is tracked or could be, by its path from the root. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

/** Files whose name ends in one of `endings`. */
export const filesEnding = (...endings: readonly string[]): string[] => files.filter((path) => endings.some((ending) => path.endsWith(ending)));

/** Text of a file of the repository. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Number of lines of a text. */
export const lineCount = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

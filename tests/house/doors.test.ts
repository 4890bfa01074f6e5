import { describe, expect, it } from 'vitest';
import { files, read } from './repository.ts';

/** The doors of the rooms, as `package.json` declares them. */
const doors = (JSON.parse(read('package.json')) as { imports: Record<string, { source: string; default: string }> }).imports;

/** Files of a room that import another room by a path. */
function trespasses(room: string): string[] {
  const outside = /from '(\.\.\/)+(sdk|jit|runtime|plugins|tests|benchmarks)\//;
  const excepted = (path: string): boolean => path.includes('/generate/') || path.startsWith('jit/microcode/');
  return files.filter((path) => path.startsWith(`${room}/`) && path.endsWith('.ts') && !excepted(path) && outside.test(read(path)));
}

describe('doors', () => {
  it.each(Object.entries(doors))('%s leads to a source and to what is built from it', (_name, { source, default: built }) => {
    expect(files).toContain(source.slice(2));
    expect(built).toBe(source.replace('./', './build/').replace(/\.ts$/, '.js'));
  });

  it.each(['sdk', 'jit', 'runtime', 'plugins'])('%s imports other rooms through them only', (room) => {
    expect(trespasses(room)).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { filesEnding, lineCount, read } from './repository.ts';

const HARD_LIMIT = 400;
const TABLE_LIMIT = 800;

describe('sizes', () => {
  it('keep every source file at 400 lines or fewer, tables at 800', () => {
    const tooLong = filesEnding('.ts', '.mjs', '.c', '.h', '.asm', '.S')
      .filter((path) => !path.includes('/generated/'))
      .map((path) => ({ path, lines: lineCount(read(path)), limit: path.startsWith('jit/isa/table/') ? TABLE_LIMIT : HARD_LIMIT }))
      .filter(({ lines, limit }) => lines > limit);
    expect(tooLong).toEqual([]);
  });
});

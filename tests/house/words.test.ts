import { describe, expect, it } from 'vitest';
import { files, filesEnding, read } from './repository.ts';

/** Words that the glossary's last table replaces: what is not said here, and what is said instead. */
function forbiddenWords(): { pattern: RegExp; instead: string }[] {
  const [, table = ''] = read('sdk/docs/glossary.md').split('\n## Not said here\n');
  return [...table.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)]
    .map(([, word = '', instead = '']) => ({ word: word.trim(), instead: instead.trim() }))
    .filter(({ word }) => !/^(not this|-+)$/.test(word))
    .map(({ word, instead }) => ({ pattern: new RegExp(`\\b${word.replace(/ /g, '[ -]')}s?\\b`, 'i'), instead }));
}

/** Lines of the files that match, as `path:line: text`. */
function hits(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 100)}`] : [])),
  );
}

const text = filesEnding('.ts', '.md', '.mjs', '.json', '.c', '.h', '.sh', '.asm', '.S', '.yml').filter((path) => path !== 'package-lock.json');

describe('words', () => {
  it('are those of the glossary', () => {
    const words = forbiddenWords();
    expect(words.length).toBeGreaterThan(5);
    const prose = text.filter((path) => /^(README|sdk|runtime|plugins|jit)/.test(path) && path !== 'sdk/docs/glossary.md');
    for (const { pattern, instead } of words) expect(hits(prose, pattern), `say: ${instead}`).toEqual([]);
  });

  it('leave no work for later in the code', () => {
    expect(
      hits(
        text.filter((path) => path !== 'tests/house/words.test.ts'),
        /\b(TODO|FIXME|XXX|HACK)\b/,
      ),
    ).toEqual([]);
  });

  it('name no path of one machine', () => {
    const others = text.filter((path) => path !== 'tests/house/words.test.ts');
    expect(hits(others, /(?<![\w.$}/-])\/(work|home|root)\/\w/)).toEqual([]);
    const rooms = others.filter((path) => /^(sdk|jit|runtime|plugins)\/(?!image\/)/.test(path));
    expect(hits(rooms, /(?<![\w.$}/-])\/tmp\b/)).toEqual([]);
  });

  it('name no package registry in the lock file', () => {
    expect(files).toContain('package-lock.json');
    expect(
      hits(
        ['package-lock.json'],
        /"resolved"|https?:\/\/(?!opencollective|github|www\.patreon|paulmillr|tidelift|feross|ko-fi|[\w.]*sponsors?)[\w.-]*(registry|mirror|npm)/,
      ),
    ).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { files, lineCount, read, rooms } from './repository.ts';

const decisions = files.filter((path) => path.startsWith('sdk/docs/decisions/')).sort();
const markdown = files.filter((path) => path.endsWith('.md'));

/** Relative links of a document, without fragments. */
const linksOf = (path: string): string[] =>
  [
    ...read(path)
      .replace(/```[\s\S]*?```/g, '')
      .matchAll(/\]\(([^)#\s]+)[^)]*\)/g),
  ]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** A path with `.` and `..` worked out. */
const resolve = (from: string, target: string): string => new URL(target, `file:///${from}`).pathname.slice(1).replace(/\/$/, '');

describe('documents', () => {
  it('include a README of at most 200 lines', () => {
    expect(lineCount(read('README.md'))).toBeLessThanOrEqual(200);
  });

  it.each(rooms)('%s has a README', (room) => {
    expect(files).toContain(`${room}/README.md`);
  });

  it.each(rooms.filter((room) => room !== 'benchmarks'))('%s/README.md has at most 100 lines', (room) => {
    expect(lineCount(read(`${room}/README.md`))).toBeLessThanOrEqual(100);
  });

  it.each(['glossary', 'style', 'principles', 'quirks', 'roadmap', 'specification'])('sdk/docs/%s.md exists', (name) => {
    expect(files).toContain(`sdk/docs/${name}.md`);
  });

  it('record decisions in numbered files of at most 60 lines with context, choice and consequences', () => {
    const numbers = decisions.map((path) => Number(/\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers[0]).toBe(1);
    for (const path of decisions) {
      const text = read(path);
      expect(lineCount(text), path).toBeLessThanOrEqual(60);
      for (const heading of ['## Context', '## Choice', '## Consequences']) expect(text, path).toContain(`\n${heading}\n`);
    }
  });

  it('show a plugin as it is', () => {
    const plugin = files.filter((path) => /^plugins\/dev-debug-exit\/.*\.ts$/.test(path)).map(read);
    // Layout and comments may differ.
    const plain = (text: string): string =>
      text
        .replace(/^\s*(\/\*\*.*\*\/|\/\/.*|import .*)$/gm, '')
        .replace(/\s+/g, '')
        .replace(/,(?=[)}])/g, '');
    const blocks = [...read('sdk/docs/guides/write-a-plugin.md').matchAll(/^( *)```ts\n([\s\S]*?)^\1```$/gm)].map(([, , body = '']) => plain(body));
    expect(blocks.length).toBeGreaterThan(0);
    expect(blocks.filter((block) => !plain(plugin.join('\n')).includes(block))).toEqual([]);
  });

  it('link only to files that exist', () => {
    const folders = new Set(files.flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))));
    const exists = (path: string): boolean => files.includes(path) || folders.has(path);
    const broken = markdown.flatMap((path) => linksOf(path).map((target) => ({ path, target }))).filter(({ path, target }) => !exists(resolve(path, target)));
    expect(broken).toEqual([]);
  });

  it('name only source files that exist', () => {
    const named = markdown
      .filter((path) => !path.startsWith('sdk/docs/decisions/'))
      .flatMap((path) =>
        [...read(path).matchAll(/`((?:sdk|jit|runtime|plugins|tests|benchmarks)\/[\w./-]+\.(?:ts|md|json))`/g)].map(([, target = '']) => ({ path, target })),
      );
    expect(named.filter(({ target }) => !files.includes(target))).toEqual([]);
  });
});

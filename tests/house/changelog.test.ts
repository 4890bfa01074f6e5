import { describe, expect, it } from 'vitest';
import { read } from './repository.ts';

const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

describe('the changelog', () => {
  const lines = read('CHANGELOG.md').split('\n');
  const versions = lines.filter((line) => line.startsWith('## '));

  it('begins with what is not released yet', () => {
    expect(lines[0]).toBe('# Changelog');
    expect(versions[0]).toBe('## [Unreleased]');
  });

  it('dates every release', () => {
    for (const line of versions.slice(1)) expect(line).toMatch(/^## \[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}$/);
  });

  it('sorts changes under the usual headings, one line each', () => {
    for (const line of lines.filter((text) => text.startsWith('### '))) expect(KINDS).toContain(line.slice(4));
    for (const line of lines.filter((text) => text.startsWith('- '))) expect(line).toMatch(/^- \S.*\.$/);
  });
});

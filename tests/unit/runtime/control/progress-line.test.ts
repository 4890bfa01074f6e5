import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProgressLine } from '../../../../runtime/control/progress-line.ts';

const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
const text = (): string => written.mock.calls.map(([chunk]) => String(chunk)).join('');
afterEach(() => written.mockClear());

describe('ProgressLine', () => {
  it('is a bar that stays in its line of a terminal, and goes away', () => {
    const progress = new ProgressLine('Debian', true);
    progress.update({ phase: 'download', fraction: 0.5 });
    progress.update({ phase: 'done', fraction: 1 });
    expect(text()).toBe(`\r[${'#'.repeat(15)}${'-'.repeat(15)}]  50 %  Debian: downloading the packages\x1b[K\r\x1b[K`);
  });

  it('is a plain line for each phase elsewhere', () => {
    const progress = new ProgressLine('Debian', false);
    for (const fraction of [0, 0.3, 0.9]) progress.update({ phase: 'index', fraction });
    progress.update({ phase: 'unpack', fraction: 0 });
    expect(text()).toBe('xm: Debian: reading the package indexes\nxm: Debian: unpacking\n');
  });

  it('says nothing about a guest that was in the cache', () => {
    new ProgressLine('Debian', false).update({ phase: 'done', fraction: 1 });
    expect(text()).toBe('');
  });

  it('shows warnings', () => {
    new ProgressLine('Debian', false).update({ phase: 'download', fraction: 0, warning: 'old' });
    expect(text()).toContain('xm: warning: old\n');
  });
});

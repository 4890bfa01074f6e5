import { describe, expect, it } from 'vitest';
import { HOOK_TAGS, readHooks } from '../../sdk/docs/generate/read-hooks.ts';
import { files, read } from './repository.ts';

const hooks = readHooks();

describe('hooks', () => {
  it('are found by the reader', () => {
    expect(hooks.map((hook) => hook.name)).toContain('booted');
  });

  it('carry their five tags and a summary', () => {
    const bare = hooks.filter((hook) => hook.summary === '' || HOOK_TAGS.some((tag) => (hook.tags[tag] ?? '') === ''));
    expect(bare.map((hook) => `${hook.owner}.${hook.name}`)).toEqual([]);
  });

  it('name a kind that exists', () => {
    for (const hook of hooks) expect(['event', 'provider', 'decision', 'transform'], hook.name).toContain(hook.tags.kind);
  });

  it('are tapped or fired by a test', () => {
    const tests = files
      .filter((path) => /^tests\/(?!house\/).*\.ts$/.test(path))
      .map(read)
      .join('\n');
    expect(hooks.map((hook) => hook.name).filter((name) => !tests.includes(name))).toEqual([]);
  });
});

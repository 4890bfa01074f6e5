import { describe, expect, it } from 'vitest';
import { files } from './repository.ts';

/** Names that say nothing about what is inside. */
const EMPTY_NAME = /^(utils?|helpers?|common|misc|lib|shared)(\.|$)/;

/** Names that tools or custom dictate. */
const FIXED_NAME = /^(README|CHANGELOG|LICENSE)(\.md)?$/;

const KEBAB_NAME = /^\.?[a-z0-9]+([-.][a-z0-9]+)*$/i;

describe('names', () => {
  it('say what is inside: no folder or file is called utils or helpers', () => {
    expect(files.filter((path) => path.split('/').some((part) => EMPTY_NAME.test(part)))).toEqual([]);
  });

  it('are written in kebab-case', () => {
    const isGood = (part: string): boolean => FIXED_NAME.test(part) || (KEBAB_NAME.test(part) && part === part.toLowerCase()) || /^[a-z]+\.S$/.test(part);
    const isResult = (path: string): boolean => path.startsWith('benchmarks/results/');
    expect(files.filter((path) => !isResult(path) && !path.split('/').every(isGood))).toEqual([]);
  });

  it('of tests follow behaviour, not numbers', () => {
    expect(files.filter((path) => /[-.]\d+\.test\.ts$/.test(path))).toEqual([]);
  });
});

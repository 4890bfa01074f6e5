import { describe, expect, it } from 'vitest';
import { errorCodes } from '#sdk';
import { files, read } from './repository.ts';

const REGISTRY = 'sdk/errors/error-codes.ts';
const CODE = /'(HV_ERR_[A-Z0-9_]+)'/g;

/** Codes that the rooms throw, with the files they are in. */
function throwSites(): Map<string, string[]> {
  const sites = new Map<string, string[]>();
  for (const path of files) {
    if (!/^(sdk|jit|runtime|plugins)\/.*\.ts$/.test(path) || path === REGISTRY) continue;
    for (const [, code = ''] of read(path).matchAll(CODE)) sites.set(code, [...(sites.get(code) ?? []), path]);
  }
  return sites;
}

describe('error codes', () => {
  const sites = throwSites();

  it('are in the registry wherever one is thrown', () => {
    expect([...sites].filter(([code]) => !(code in errorCodes))).toEqual([]);
  });

  it('are thrown somewhere when they are in the registry', () => {
    expect(Object.keys(errorCodes).filter((code) => !sites.has(code))).toEqual([]);
  });

  it('are sorted, well-formed, and explained in a sentence', () => {
    const names = Object.keys(errorCodes);
    expect(names).toEqual([...names].sort());
    for (const [name, meaning] of Object.entries(errorCodes)) {
      expect(name).toMatch(/^HV_ERR_[A-Z0-9]+_[A-Z0-9_]+$/);
      expect(meaning).toMatch(/^[A-Z].*\.$/);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { files, read } from './repository.ts';

/** Where each library may be imported, so that replacing it stays a small change. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  tapable: /^sdk\/hooks\//,
  piscina: /^runtime\/pcpu\/pool\.ts$/,
  binaryen: /^jit\/(emit\/binaryen|interp\/generate-interpreter)\.ts$/,
  acorn: /^runtime\/plugin\/source\//,
  'acorn-walk': /^runtime\/plugin\/source\//,
  'prom-client': /^plugins\/metrics-prometheus\/prometheus\.ts$/,
  pino: /^plugins\/log-pino\/pino\.ts$/,
  commander: /^runtime\/control\//,
};

const sources = files.filter((path) => /^(sdk|jit|runtime|plugins)\/.*\.ts$/.test(path));

describe('libraries', () => {
  it.each(Object.entries(OWNERS))('%s is imported by its owner only', (library, owner) => {
    const imports = new RegExp(`(from|import\\()\\s*'${library}['/]`);
    expect(sources.filter((path) => imports.test(read(path)) && !owner.test(path))).toEqual([]);
  });

  it('are all declared, and all used', () => {
    const { dependencies, peerDependencies } = JSON.parse(read('package.json')) as Record<'dependencies' | 'peerDependencies', Record<string, string>>;
    const used = new Set(
      sources.flatMap((path) =>
        [...read(path).matchAll(/^(?:import|export)\b[^';]*? from '([^.#'][^']*)'|\bimport\('([^.#'][^']*)'\)/gm)].map(([, name, lazy]) => name ?? lazy ?? ''),
      ),
    );
    const packages = [...used].filter((name) => !name.startsWith('node:') && !name.startsWith('assemblyscript'));
    expect([...new Set(packages)].sort()).toEqual(Object.keys({ ...dependencies, ...peerDependencies }).sort());
  });
});

import { defineConfig } from 'vitest/config';

/** `#sdk` and `#jit` are the sources themselves, as for `node --conditions=source`. */
const conditions = ['source', 'node', 'import', 'module', 'default'];

/** A group of tests: folders under tests/, how long one of its tests may take, and what runs once before them. */
const project = (name: string, folders: readonly string[], seconds: number, globalSetup: string[] = []) => ({
  extends: true as const,
  test: { name, include: folders.map((folder) => `tests/${folder}/**/*.test.ts`), testTimeout: seconds * 1000, hookTimeout: 120_000, globalSetup },
});

const interpreter = ['tests/support/prepare-interpreter.ts'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    execArgv: ['--conditions=source'],
    maxWorkers: 2,
    projects: [
      project('unit', ['unit', 'types', 'golden'], 60),
      project('house', ['house'], 60),
      project('isa', ['isa', 'differential', 'conformance'], 300, interpreter),
      project('guest', ['guest'], 600, interpreter),
    ],
  },
});

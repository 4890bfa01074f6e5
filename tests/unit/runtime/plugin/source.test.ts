import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { HypervisorError } from '#sdk';
import { checkSource } from '../../../../runtime/plugin/source/check-source.ts';

const scratch = mkdtempSync(join(tmpdir(), 'xylem-source-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;

/** Writes a plugin's files and checks it; what it declares, or the error. */
function check(files: Readonly<Record<string, string>>, entry = 'index.ts'): readonly string[] | HypervisorError {
  const folder = join(scratch, `${count++}`, 'plugin');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  try {
    return [...checkSource({ name: 'p', module: pathToFileURL(join(folder, entry)), folder, free: ['xylem/sdk'] })];
  } catch (error) {
    if (error instanceof HypervisorError) return error;
    throw error;
  }
}

/** The one line about a plugin, without the path of its folder. */
function refusal(source: string, entry = 'index.ts'): string {
  const result = check({ [entry]: source }, entry);
  return result instanceof HypervisorError ? result.message.replace(/ in \S*\/plugin\//, ' in ') : 'accepted';
}

const declaring = (list: string, rest: string): string => `export const p = { name: 'p', apiVersion: 1, capabilities: ${list}, options: {} };\n${rest}`;

describe('what a plugin uses', () => {
  it.each([
    ['imports node:fs', `import 'node:fs';`, 'imports node:fs in index.ts:1:1, and does not declare the capability files'],
    ['imports fs without node:', `import fs from 'fs/promises';`, 'imports fs/promises in index.ts:1:1, and does not declare the capability files'],
    ['exports another module', `\n export * from 'node:net';`, 'imports node:net in index.ts:2:2, and does not declare the capability network'],
    [
      'exports parts of another',
      `export { spawn } from 'node:child_process';`,
      'imports node:child_process in index.ts:1:1, and does not declare the capability programs',
    ],
    [
      'imports later',
      `async () => import('node:worker_threads');`,
      'imports node:worker_threads in index.ts:1:13, and does not declare the capability threads',
    ],
    [
      'imports by a computed name',
      `(n) => import('node:' + n);`,
      'imports a module by a computed name in index.ts:1:8, and does not declare the capability code',
    ],
    ['imports a package', `import x from 'left-pad';`, 'imports left-pad in index.ts:1:1, and does not declare the capability packages'],
    ['imports a module of Node that is not known', `import 'node:vm';`, 'imports node:vm in index.ts:1:1, and does not declare the capability code'],
    ['imports text', `import 'data:text/javascript,1';`, 'imports data:text/javascript,1 in index.ts:1:1, and does not declare the capability code'],
    ['eval', `const x = eval('1');`, 'uses eval in index.ts:1:11, and does not declare the capability code'],
    ['new Function', `new Function('return 1')();`, 'uses Function in index.ts:1:5, and does not declare the capability code'],
    [
      'a constructor of a function',
      `(() => 1).constructor('return 1')();`,
      'calls a constructor that it takes from a value in index.ts:1:1, and does not declare the capability code',
    ],
    ['process', `if (process.env.X) console.log(1);`, 'uses process in index.ts:1:5, and does not declare the capability process'],
    ['globalThis.process', `globalThis.process.exit();`, 'uses process in index.ts:1:1, and does not declare the capability process'],
    [
      'globalThis[...]',
      `const n = 'eval'; globalThis[n]('1');`,
      'uses globalThis by computed names in index.ts:1:19, and does not declare the capability code',
    ],
    ['globalThis as a value', `const g = globalThis;`, 'uses globalThis by computed names in index.ts:1:11, and does not declare the capability code'],
    ['fetch', `export const get = (u: string) => fetch(u);`, 'uses fetch in index.ts:1:35, and does not declare the capability network'],
    [
      'a process that is declared elsewhere',
      `{ let process = 1; } process.exit();`,
      'uses process in index.ts:1:22, and does not declare the capability process',
    ],
    ['a global in a default value', `function f(a = process) {}`, 'uses process in index.ts:1:16, and does not declare the capability process'],
  ])('%s', (_what, source, expected) => expect(refusal(source)).toBe(`the plugin p ${expected}`));

  it('is told with the place in TypeScript, where types take room', () => {
    expect(refusal(`import type { A } from './a.ts';\ninterface B { readonly x: number }\nconst x: number = 1 as number, y = process.pid;`)).toContain(
      'index.ts:3:36,',
    );
  });

  it('counts further places and says what to declare', () => {
    const error = check({ 'index.js': declaring("['files']", `import 'node:fs'; import 'node:net'; eval('1'); process;`) }, 'index.js') as HypervisorError;
    expect(error).toMatchObject({
      code: 'HV_ERR_PLUGIN_CAPABILITY',
      hint: "do without, or let its declaration say capabilities: ['files', 'network', 'code', 'process']",
    });
    expect(error.message).toMatch(/capability network, and 2 more such$/);
  });

  it.each([
    ['the contract', `import { definePlugin } from 'xylem/sdk';`],
    ['modules that only compute', `import 'node:path'; import 'node:crypto'; import { Buffer } from 'buffer';`],
    ['names of its own', `function process(frame) { return frame; } process(1); const o = { eval: 1, process }; o.eval; o.fetch;`],
    ['parameters', `const f = (process, { fetch }, [require], ...Function) => [process, fetch, require, Function];`],
    [
      'variables of loops, errors and classes',
      `for (const process of []) process; try {} catch (fetch) { fetch; } const C = class eval2 { process() { return this.process; } };`,
    ],
    ['var from further down', `function f() { if (1) { var process = 2; } return process; }`],
    ['types that are only imported', `import type { Stats } from 'node:fs'; export type S = Stats;`],
    ['names of globals in texts and labels', `const x = 'eval(1) process'; process: for (;;) break process;`],
    ['harmless globals by name', `globalThis.console.log(globalThis['Math'].PI);`],
  ])('may be %s', (_what, source) => expect(refusal(source)).toBe('accepted'));

  it('may be what it declares', () => {
    expect(check({ 'index.ts': declaring("['files', 'code']", `import 'node:fs';\neval('1');`) })).toEqual(['files', 'code']);
  });

  it.each([
    ['an unknown capability', declaring("['file']", ''), 'the plugin p declares a capability "file" in index.ts:1:61'],
    [
      'capabilities that are computed',
      `const c = ['files'];\n${declaring('c', '')}`,
      'the plugin p declares capabilities that are no list of texts in index.ts:2:60',
    ],
  ])('%s is refused', (_what, source, expected) => expect(refusal(source)).toBe(expected));
});

describe('the files of a plugin', () => {
  it('are read wherever they are imported from its folder', () => {
    const files = { 'index.ts': `import './lib/a.ts';`, 'lib/a.ts': `export * from '../b.js';`, 'b.js': `import './lib/a.ts';\n\nfetch('x');` };
    expect((check(files) as HypervisorError).message).toMatch(/ uses fetch in \S+\/plugin\/b\.js:3:1,/);
  });

  it('that are not imported do not count', () => {
    expect(check({ 'index.ts': `import data from './d.json' with { type: 'json' };`, 'd.json': '{}', 'test.ts': 'process.exit()' })).toEqual([]);
  });

  it.each(['', '.', './', './none.js', './\\0', './%2F', 'file:', 'http://x', '#x', '..', '/', '\\u0000'])(
    'may be imported as %j without harm to whoever checks',
    (specifier) => {
      const result = check({ 'index.js': `import '${specifier}';` }, 'index.js');
      expect(result instanceof HypervisorError ? result.code : `${result.length}`).toMatch(/^(0|HV_ERR_PLUGIN_CAPABILITY)$/);
    },
  );

  it('of older modules are read as well', () => {
    expect(refusal(`const fs = require('node:fs'); module.exports = { fs };`, 'index.cjs')).toContain('imports node:fs in index.cjs:1:12');
    expect(refusal(`const fs = require('node:' + 'fs');`, 'index.js')).toContain('uses require in index.js:1:12');
    expect(refusal(`return;`, 'index.cjs')).toBe('accepted');
  });

  it('outside of its folder are packages, also behind a link', () => {
    expect((check({ 'index.js': `import '../../../outside.js';` }, 'index.js') as HypervisorError | []).toString()).toBe('');
    writeFileSync(join(scratch, 'outside.js'), '1;');
    expect((check({ 'index.js': `import '../../outside.js';` }, 'index.js') as HypervisorError).message).toContain('the capability packages');
    const folder = join(scratch, `${count}`, 'plugin');
    mkdirSync(folder, { recursive: true });
    symlinkSync(join(scratch, 'outside.js'), join(folder, 'in.js'));
    expect((check({ 'index.js': `import './in.js';` }, 'index.js') as HypervisorError).message).toContain('imports ./in.js in');
  });

  it.each([
    ['index.js', 'export const = 1;', 'cannot be read: Unexpected token in index.js:1:14'],
    ['index.ts', 'export enum E { A }', 'cannot be read: '],
    ['index.ts', 'let x: = 1;', 'cannot be read: '],
  ])('that are no %s are refused', (entry, source, expected) => {
    const result = check({ [entry]: source }, entry) as HypervisorError;
    expect(result.code).toBe('HV_ERR_PLUGIN_INVALID');
    expect(refusal(source, entry)).toContain(expected);
  });

  it('of any text are read or refused with a code', () => {
    const random = fc.oneof(
      fc.string(),
      fc
        .array(
          fc.constantFrom(
            'import',
            ' ',
            "'node:fs'",
            '{',
            '}',
            '(',
            ')',
            'eval',
            '=>',
            'class',
            'process',
            ';',
            '`',
            '${',
            'await',
            '/',
            'var',
            'constructor',
            '.',
            '[',
            ']',
          ),
        )
        .map((words) => words.join('')),
    );
    fc.assert(
      fc.property(random, fc.constantFrom('index.js', 'index.ts', 'index.cjs'), (source, entry) => {
        const result = check({ [entry]: source }, entry);
        expect(result instanceof HypervisorError ? result.code : '').toMatch(/^(|HV_ERR_PLUGIN_INVALID|HV_ERR_PLUGIN_CAPABILITY)$/);
      }),
      { numRuns: 500, seed: 1 },
    );
    const deep = check({ 'index.js': '('.repeat(100_000) }, 'index.js') as HypervisorError;
    expect(deep.code).toBe('HV_ERR_PLUGIN_INVALID');
  });
});

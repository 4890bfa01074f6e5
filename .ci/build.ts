import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { prepareInterpreter } from '../jit/interp/load-interpreter.ts';

// usage: npm run build

const root = join(import.meta.dirname, '..');
const ROOMS = ['sdk', 'jit', 'runtime', 'plugins'] as const;

/** Copies a file to where the built JavaScript looks for it. */
function copy(from: string, to: string): void {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  copyFileSync(join(root, from), join(root, to));
}

for (const room of ROOMS) rmSync(join(root, 'build', room), { recursive: true, force: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
// What sources read through `import.meta.url`: images of guests.
for (const file of globSync('{runtime,plugins}/**/*.elf', { cwd: root })) copy(file, join('build', file));
const interpreter = await prepareInterpreter();
for (const ending of ['wasm', 'json']) copyFileSync(`${interpreter}.${ending}`, join(root, 'build/wasm', `interpreter.${ending}`));
console.log('built into build/');

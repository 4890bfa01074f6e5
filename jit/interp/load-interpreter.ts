import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InterpreterIndex } from './generate-interpreter.ts';

export type { InterpreterIndex } from './generate-interpreter.ts';

const here = dirname(fileURLToPath(import.meta.url));
const jit = join(here, '..');
/** The published package holds JavaScript under `build/` with the generated module beside it. */
const published = import.meta.url.endsWith('.js');
const output = published ? join(jit, '../wasm') : join(jit, '../build/wasm');

/** Folders whose text decides what the generated module is. */
const SOURCES = ['isa', 'ir', 'decode', 'emit', 'interp', 'microcode', 'state'];

function hashSources(): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else if (path.endsWith('.ts')) hash.update(path.slice(jit.length)).update(readFileSync(path));
  };
  for (const folder of SOURCES) visit(join(jit, folder));
  return hash.digest('hex').slice(0, 16);
}

/** The interpreter module and its index. */
export interface LoadedInterpreter {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
}

/**
 * Path of the generated interpreter without its ending (`.wasm`, `.json`), generating it first when its sources have changed.
 *
 * @param onGenerate - called before it is generated, which takes seconds
 */
export async function prepareInterpreter(onGenerate?: () => void): Promise<string> {
  const base = join(output, published ? 'interpreter' : `interpreter-${hashSources()}`);
  if (!published && !existsSync(`${base}.wasm`)) {
    onGenerate?.();
    await generate(base);
  }
  return base;
}

/** Loads the generated interpreter; see {@link prepareInterpreter}. */
export async function loadInterpreter(onGenerate?: () => void): Promise<LoadedInterpreter> {
  const base = await prepareInterpreter(onGenerate);
  return { module: new WebAssembly.Module(readFileSync(`${base}.wasm`)), index: JSON.parse(readFileSync(`${base}.json`, 'utf8')) as InterpreterIndex };
}

async function generate(base: string): Promise<void> {
  const { buildMicrocode, mergeInterpreter } = await import('../microcode/build-microcode.ts');
  const { generateInterpreter } = await import('./generate-interpreter.ts');
  mkdirSync(output, { recursive: true });
  const microcode = buildMicrocode();
  const { wasm, index } = generateInterpreter(microcode);
  const merged = mergeInterpreter(microcode, wasm);
  const temporary = `${base}.${process.pid}`;
  writeFileSync(`${temporary}.json`, JSON.stringify(index));
  writeFileSync(`${temporary}.wasm`, merged);
  renameSync(`${temporary}.json`, `${base}.json`);
  renameSync(`${temporary}.wasm`, `${base}.wasm`);
}

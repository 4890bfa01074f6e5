import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseModule } from '../emit/binaryen.ts';
import { BOARD_PAGES } from '../state/board-layout.ts';
import { MICROCODE_DATA, STATE_PAGES } from '../state/vcpu-layout.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');

const state = `(module (import "host" "state" (memory $state ${STATE_PAGES} ${STATE_PAGES} shared)) (export "memory" (memory $state)))`;

const simple = (name: string, op: string, result: string): string =>
  `(func (export "${name}") (param i32) (result ${result}) (${op} (local.get 0)))`;
const store = (name: string, op: string, type: string): string =>
  `(func (export "${name}") (param i32 ${type}) (${op} (local.get 0) (local.get 1)))`;

const ram = `(module (import "host" "ram" (memory $ram 1 65536 shared)) (export "ram" (memory $ram))
  ${simple('load8', 'i32.load8_u', 'i32')} ${simple('load16', 'i32.load16_u', 'i32')} ${simple('load32', 'i32.load', 'i32')} ${simple('load64', 'i64.load', 'i64')}
  ${store('store8', 'i32.store8', 'i32')} ${store('store16', 'i32.store16', 'i32')} ${store('store32', 'i32.store', 'i32')} ${store('store64', 'i64.store', 'i64')}
  (func (export "fence") (atomic.fence))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "cmpxchg32") (param i32 i32 i32) (result i32) (i32.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func (export "cmpxchg64") (param i32 i64 i64) (result i64) (i64.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2))))`;

const board = `(module (import "host" "board" (memory $board ${BOARD_PAGES} ${BOARD_PAGES} shared))
  (func (export "load64") (param i32) (result i64) (i64.load (local.get 0))))`;

const tool = (name: string, args: readonly string[]): void => {
  execFileSync(process.execPath, [join(root, 'node_modules', name), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
};

const FEATURES = ['--enable-threads', '--enable-simd', '--enable-bulk-memory', '--enable-sign-ext', '--enable-mutable-globals', '--enable-nontrapping-float-to-int', '--enable-multimemory', '--enable-tail-call', '--enable-reference-types', '--enable-multivalue'];

/** Compiles the microcode and merges it with the memory accessors. The result exports every routine and both memories. */
export function buildMicrocode(): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'xylem-microcode-'));
  try {
    const file = (name: string): string => join(dir, name);
    writeFileSync(file('env.wasm'), parseModule(state).emitBinary());
    writeFileSync(file('ram.wasm'), parseModule(ram).emitBinary());
    writeFileSync(file('board.wasm'), parseModule(board).emitBinary());
    tool('assemblyscript/bin/asc.js', [
      join(here, 'index.ts'), '-o', file('micro.wasm'), '--runtime', 'stub', '--noAssert', '-O3', '--importMemory', '--sharedMemory',
      '--initialMemory', String(STATE_PAGES), '--maximumMemory', String(STATE_PAGES), '--memoryBase', String(MICROCODE_DATA),
      '--enable', 'simd', '--enable', 'threads', '--enable', 'bulk-memory', '--enable', 'sign-extension', '--enable', 'mutable-globals', '--enable', 'nontrapping-f2i',
      '--disableWarning', '112', // v128 in exported signatures: they are merged, no embedding ever sees them
    ]);
    tool('binaryen/bin/wasm-merge', [file('env.wasm'), 'env', file('ram.wasm'), 'ram', file('board.wasm'), 'board', file('micro.wasm'), 'micro', '-o', file('merged.wasm'), '--rename-export-conflicts', ...FEATURES]);
    tool('binaryen/bin/wasm-opt', [file('merged.wasm'), '-O3', '-o', file('out.wasm'), ...FEATURES]);
    return readFileSync(file('out.wasm'));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Merges the generated interpreter with the microcode it imports. */
export function mergeInterpreter(microcode: Uint8Array, interpreter: Uint8Array): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'xylem-interpreter-'));
  try {
    const file = (name: string): string => join(dir, name);
    writeFileSync(file('micro.wasm'), microcode);
    writeFileSync(file('interp.wasm'), interpreter);
    tool('binaryen/bin/wasm-merge', [file('micro.wasm'), 'micro', file('interp.wasm'), 'interp', '-o', file('out.wasm'), '--rename-export-conflicts', ...FEATURES]);
    return readFileSync(file('out.wasm'));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const ROOT = join(import.meta.dirname, '../..');

/** What a run of the command line left. */
export interface XmResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How `xm` is run. */
export interface XmRun {
  /** What is on its standard input. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** The command that starts `xm` from the sources. */
export const XM: readonly string[] = [process.execPath, '--no-wasm-inlining', '--conditions=source', join(ROOT, 'runtime/control/xm.ts')];

/** Starts `xm`; the caller reads its output. */
export function startXm(words: readonly string[], { cwd = ROOT, env = {} }: XmRun = {}): ChildProcessWithoutNullStreams {
  const [command = '', ...first] = XM;
  return spawn(command, [...first, ...words], { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Runs `xm` to its end. */
export function runXm(words: readonly string[], run: XmRun = {}): Promise<XmResult> {
  const child = startXm(words, run);
  const result = collectXm(child, child.stdout.setEncoding('latin1'));
  child.stdin.on('error', () => {});
  child.stdin.end(run.input ?? '');
  return result;
}

/** What a started `xm` leaves; of its standard output, what `stdout` gives. */
export function collectXm(child: ChildProcessWithoutNullStreams, stdout?: Readable): Promise<XmResult> {
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' };
    stdout?.on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    child.on('error', reject);
    child.on('exit', (exitCode) => {
      if (stdout === undefined) resolve({ exitCode, ...output });
    });
    child.on('close', (exitCode) => resolve({ exitCode, ...output }));
  });
}

/** A folder for the files of a test. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), 'xylem-test-'));

  /** Writes a file and returns its path. */
  file(name: string, content: Uint8Array | string): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  /** Removes the folder. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import type { RunRecord, TimedLine } from '../peers/peer.ts';
import { LineSplitter } from './line-splitter.ts';
import { childCpuSeconds, treePeakRss } from './proc.ts';

const RSS_INTERVAL_MS = 100;
const STDERR_KEPT = 2000;

/** Reacts to console output: returns what to type, or `null`. */
export type Dialogue = (lines: readonly string[], tail: string) => string | null;

/** What {@link runProcess} starts, and when it is over. */
export interface ProcessRequest {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly cwd?: string;
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** True for the line that ends the run. */
  readonly isLast: (line: string) => boolean;
  /** True for a line that means failure. */
  readonly isFailure?: (line: string) => boolean;
  readonly dialogue?: Dialogue;
  readonly silenceMs: number;
  /** How long the process may take to end by itself after its last line. */
  readonly graceMs: number;
  /** True when it is asked to end after its last line, and killed only when the time for that is over. */
  readonly asksToEnd?: boolean;
}

/**
 * Runs a process and notes when each line of its standard output arrives.
 *
 * CPU time is what the kernel adds to this process when the child is reaped, so that it covers all
 * threads exactly; it is right only while no other child of this process ends in between.
 */
export function runProcess(request: ProcessRequest): Promise<RunRecord> {
  return new ProcessRun(request).result;
}

class ProcessRun {
  readonly result: Promise<RunRecord>;
  readonly #request: ProcessRequest;
  readonly #child: ChildProcess;
  readonly #startedAt = performance.now();
  readonly #cpuBefore = childCpuSeconds();
  readonly #splitter = new LineSplitter();
  readonly #lines: TimedLine[] = [];
  #maxRss: number | null = null;
  #stderr = '';
  #failure: string | null = null;
  #isComplete = false;
  #endTimer: NodeJS.Timeout;

  constructor(request: ProcessRequest) {
    this.#request = request;
    // A process group of its own, so that ending it reaches everything it started.
    this.#child = spawn(request.command, request.arguments, { cwd: request.cwd, env: { ...process.env, ...request.env }, detached: true, stdio: 'pipe' });
    this.#endTimer = this.#silenceTimer();
    this.#child.stdin?.on('error', () => undefined); // the guest may end while we type
    this.#child.stdout?.setEncoding('latin1').on('data', (chunk: string) => this.#read(chunk));
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-STDERR_KEPT);
    });
    process.once('exit', this.#kill);
    this.result = this.#finish();
  }

  async #finish(): Promise<RunRecord> {
    const sampler = setInterval(() => this.#sampleRss(), RSS_INTERVAL_MS);
    const end = await new Promise<string>((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('close', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
    clearInterval(sampler);
    clearTimeout(this.#endTimer);
    this.#kill(); // what the process left behind in its group
    process.off('exit', this.#kill);
    const cpuAfter = childCpuSeconds();
    return {
      lines: this.#lines,
      cpuSeconds: cpuAfter === null || this.#cpuBefore === null ? null : cpuAfter - this.#cpuBefore,
      maxRssBytes: this.#maxRss,
      failure: this.#failure ?? (this.#isComplete ? null : this.#describe(end)),
    };
  }

  #read(chunk: string): void {
    const atMs = performance.now() - this.#startedAt;
    const texts = this.#splitter.push(chunk);
    for (const text of texts) this.#lines.push({ text, atMs });
    this.#sampleRss();
    if (this.#isComplete || this.#failure !== null) return;
    clearTimeout(this.#endTimer);
    this.#isComplete = texts.some(this.#request.isLast);
    this.#failure = texts.find((text) => this.#request.isFailure?.(text)) ?? null;
    if (this.#isComplete || this.#failure !== null) {
      if (this.#request.asksToEnd) this.#child.kill('SIGTERM');
      this.#endTimer = setTimeout(this.#kill, this.#request.graceMs);
      return;
    }
    this.#endTimer = this.#silenceTimer();
    const reply = this.#request.dialogue?.(texts, this.#splitter.tail) ?? null;
    if (reply !== null) this.#child.stdin?.write(reply);
  }

  #silenceTimer(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#failure = `silent for ${this.#request.silenceMs / 1000} s`;
      this.#kill();
    }, this.#request.silenceMs);
  }

  #sampleRss(): void {
    const pid = this.#child.pid;
    const rss = pid === undefined ? null : treePeakRss(pid);
    if (rss !== null) this.#maxRss = Math.max(this.#maxRss ?? 0, rss);
  }

  readonly #kill = (): void => {
    const pid = this.#child.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // the whole group has already ended
    }
  };

  /** The end and the most telling line of what was said on standard error, or else on the console. */
  #describe(end: string): string {
    const said = this.#stderr.trim() || (this.#lines.findLast((line) => line.text.trim() !== '')?.text ?? '');
    const lines = said.split('\n').map((line) => line.trim());
    const line = lines.find((text) => /error|cannot|not /i.test(text)) ?? lines[0];
    return line ? `${end}: ${line.slice(0, 200)}` : end;
  }
}

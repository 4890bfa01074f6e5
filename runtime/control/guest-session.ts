import { HypervisorError } from '#sdk';
import { fromPlainError, type PcpuListener, type RunEnd } from '../pcpu/index.ts';
import { Expectation } from './expectation.ts';
import type { GuestRunner } from './guest-runner.ts';
import { reportError, say } from './report-error.ts';
import { StandardOutput } from './standard-output.ts';
import { Terminal } from './terminal.ts';

/** What a session looks out for, beside the guest's own end. */
export interface SessionOptions {
  readonly timeout?: number;
  readonly expect?: RegExp;
  readonly debug: boolean;
  /** The guest's first vCPU runs. */
  readonly booted: () => void;
}

/** How a session ended. */
export interface SessionEnd {
  readonly exitCode: number;
  readonly run: RunEnd;
}

/** Why we, not the guest, ended the session: the exit code, and an error if there is one. */
interface Verdict {
  readonly exitCode: number;
  readonly error?: HypervisorError;
  readonly line?: string;
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const TIMED_OUT = 124;
const CRASHED = 3;
/** For a reader who does not read: what cannot be written by then is dropped. */
const FLUSH_MS = 500;
/** How soon input is tried again that a full ring refused. */
const RETRY_MS = 10;

/** Runs a guest with the operator's terminal or files as its console, until it ends or is ended. */
export class GuestSession {
  readonly #options: SessionOptions;
  readonly #expectation: Expectation | undefined;
  readonly #output = new StandardOutput((error) => this.#end({ exitCode: 1, error }));
  readonly #terminal = new Terminal({ input: (bytes) => this.#typed(bytes), leave: () => this.#end({ exitCode: 0 }) });
  readonly #runner: GuestRunner;
  readonly #signals = Object.entries(SIGNALS).map(([name, exitCode]) => [name, () => this.#end({ exitCode })] as const);
  #verdict: Verdict | undefined;
  #refused: Uint8Array | undefined;

  /** @param start - starts the guest */
  constructor(start: (listener: PcpuListener) => GuestRunner, options: SessionOptions) {
    this.#options = options;
    this.#expectation = options.expect === undefined ? undefined : new Expectation(options.expect);
    this.#runner = start({
      output: (bytes) => this.#show(bytes),
      stderr: (bytes) => void process.stderr.write(bytes),
      booted: () => options.booted(),
      restarted: () => say('the guest restarts'),
      pluginFailed: (error) => reportError(fromPlainError(error), options.debug),
    });
  }

  /** Runs the guest to its end. The terminal is restored before anything is reported. */
  async run(): Promise<SessionEnd> {
    for (const [name, handler] of this.#signals) process.on(name, handler);
    const { timeout } = this.#options;
    const line = `the time of ${timeout} s is over, so the guest was stopped`;
    const timer = timeout === undefined ? undefined : setTimeout(() => this.#end({ exitCode: TIMED_OUT, line }), timeout * 1000);
    try {
      if (this.#terminal.isTerminal) say('Ctrl-] leaves');
      this.#terminal.open();
      const run = await this.#runner.ended;
      await this.#drain();
      this.#terminal.restore();
      const exitCode = this.#judge(run);
      // A plugin that the operator asked for is missing from the result.
      return { exitCode: exitCode === 0 && run.pluginFailed ? 1 : exitCode, run };
    } finally {
      clearTimeout(timer);
      this.#terminal.restore();
      for (const [name, handler] of this.#signals) process.off(name, handler);
      await this.#runner.destroy();
    }
  }

  async #drain(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    // Only a session that is ended from outside gives up on its reader: a guest's last words wait as long as it takes.
    const patience = this.#verdict === undefined ? [] : [new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_MS)))];
    await Promise.race([this.#runner.drained(), ...patience]);
    clearTimeout(timer);
    await this.#output.flushed(this.#verdict === undefined ? 2 ** 31 - 1 : FLUSH_MS);
  }

  #show(bytes: Uint8Array): Promise<void> | undefined {
    // What the guest says after the awaited words belongs to no session.
    if (this.#expectation?.met) return undefined;
    this.#terminal.watch(bytes);
    const written = this.#output.write(bytes);
    if (this.#expectation?.see(bytes)) this.#end({ exitCode: 0 });
    return written;
  }

  #end(verdict: Verdict): void {
    // The first reason counts; a second signal means that stopping takes too long.
    if (this.#verdict !== undefined && verdict.exitCode > 128) process.exit(verdict.exitCode);
    this.#verdict ??= verdict;
    this.#runner.stop();
  }

  #typed(bytes: Uint8Array): void {
    const count = this.#runner.input(bytes);
    if (count === bytes.length) return;
    this.#refused = bytes.subarray(count);
    this.#terminal.pause();
    setTimeout(() => this.#retry(), RETRY_MS);
  }

  #retry(): void {
    const bytes = this.#refused;
    if (bytes === undefined || this.#verdict !== undefined) return;
    this.#refused = undefined;
    this.#terminal.resume();
    this.#typed(bytes);
  }

  #judge(run: RunEnd): number {
    const { debug } = this.#options;
    if (run.kind === 'failed' && run.error !== undefined) {
      reportError(fromPlainError(run.error), debug);
      return 1;
    }
    const verdict = this.#verdict;
    if (verdict?.error !== undefined) reportError(verdict.error, debug);
    if (verdict?.line !== undefined) say(verdict.line);
    if (verdict !== undefined) return verdict.exitCode;
    for (const line of run.report ?? []) say(line);
    if (run.report !== undefined) return CRASHED;
    if (run.kind === 'exit') return (run.exitCode ?? 0) & 0xff;
    return this.#unmatched() ? 1 : 0;
  }

  #unmatched(): boolean {
    if (this.#expectation === undefined || this.#expectation.met) return false;
    const error = new HypervisorError('HV_ERR_EXPECT_UNMATCHED', `the guest ended, and its console never matched /${this.#options.expect?.source}/`, {
      hint: 'look at its output above',
    });
    reportError(error, this.#options.debug);
    return true;
  }
}

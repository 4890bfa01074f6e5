import { TerminalModes } from './terminal-modes.ts';

/** Ctrl-], which telnet users know. */
const LEAVE = 0x1d;

/** What becomes of what is typed. */
export interface TerminalListener {
  /** Takes bytes for the guest. */
  input(bytes: Uint8Array): void;
  /** Ctrl-] was typed. */
  leave(): void;
}

/**
 * The operator's terminal while a guest has it: every key goes to the guest but Ctrl-]. The terminal is as it was when
 * the process ends, however it ends.
 */
export class Terminal {
  readonly #listener: TerminalListener;
  readonly #modes = new TerminalModes();
  readonly #isTerminal = process.stdin.isTTY === true;
  #isRaw = false;
  readonly #restoreAtExit = (): void => this.restore();

  constructor(listener: TerminalListener) {
    this.#listener = listener;
  }

  /** Whether keys come from a terminal. */
  get isTerminal(): boolean {
    return this.#isTerminal;
  }

  /** Begins to read. The end of an input that is no terminal only ends the input. */
  open(): void {
    const { stdin } = process;
    stdin.on('data', (bytes: Buffer) => this.#take(bytes));
    // A terminal that is gone reads as an error; SIGHUP tells what to do about it.
    stdin.on('error', () => {});
    if (!this.#isTerminal) return;
    this.#isRaw = true;
    stdin.setRawMode(true);
    process.on('exit', this.#restoreAtExit);
    process.on('SIGCONT', this.#continued);
  }

  /** Looks at output on its way to the terminal, for what has to be undone in the end. */
  watch(bytes: Uint8Array): void {
    if (this.#isTerminal && process.stdout.isTTY) this.#modes.watch(bytes);
  }

  /** Stops and starts reading, for an input that is faster than the guest. */
  pause(): void {
    process.stdin.pause();
  }

  /** See {@link pause}. */
  resume(): void {
    process.stdin.resume();
  }

  /** Gives the terminal back. */
  restore(): void {
    process.stdin.pause();
    if (!this.#isRaw) return;
    this.#isRaw = false;
    process.off('exit', this.#restoreAtExit);
    process.off('SIGCONT', this.#continued);
    try {
      const undo = this.#modes.undo();
      if (undo !== '') process.stdout.write(undo);
      process.stdin.setRawMode(false);
    } catch {
      // The terminal is gone: nothing to restore.
    }
  }

  /** A shell that stopped us has set the terminal to its own liking. */
  readonly #continued = (): void => {
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
  };

  #take(bytes: Uint8Array): void {
    const end = this.#isTerminal ? bytes.indexOf(LEAVE) : -1;
    if (end !== 0) this.#listener.input(end < 0 ? bytes : bytes.subarray(0, end));
    if (end >= 0) this.#listener.leave();
  }
}

import type { GuestProgress } from '../image/index.ts';
import { say } from './report-error.ts';

const WIDTH = 30;
const PHASES: Readonly<Record<GuestProgress['phase'], string>> = {
  index: 'reading the package indexes',
  download: 'downloading the packages',
  unpack: 'unpacking',
  done: 'done',
};

/** Shows how far a fetch has come: a bar that stays in one line of a terminal, else a plain line per phase. */
export class ProgressLine {
  readonly #what: string;
  readonly #isTerminal: boolean;
  #phase: GuestProgress['phase'] | undefined;
  #shown = '';

  /** @param what - what is fetched: `Debian for amd64` */
  constructor(what: string, isTerminal = process.stderr.isTTY === true) {
    this.#what = what;
    this.#isTerminal = isTerminal;
  }

  /** Shows a step. A guest that was in the cache is `done` at once, and nothing is shown. */
  update(progress: GuestProgress): void {
    if (progress.warning !== undefined) {
      this.clear();
      say(`warning: ${progress.warning}`);
    }
    if (progress.phase === 'done') this.clear();
    else if (this.#isTerminal) this.#draw(progress);
    else if (progress.phase !== this.#phase) say(`${this.#what}: ${PHASES[progress.phase]}`);
    this.#phase = progress.phase;
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown !== '') process.stderr.write('\r\x1b[K');
    this.#shown = '';
  }

  #draw({ phase, fraction }: GuestProgress): void {
    const filled = Math.round(Math.min(1, Math.max(0, fraction)) * WIDTH);
    const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled);
    const percent = String(Math.floor(fraction * 100)).padStart(3);
    const columns = process.stderr.columns || 80;
    const line = `[${bar}] ${percent} %  ${this.#what}: ${PHASES[phase]}`.slice(0, columns - 1);
    if (line === this.#shown) return;
    this.#shown = line;
    process.stderr.write(`\r${line}\x1b[K`);
  }
}

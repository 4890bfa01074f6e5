import { stripVTControlCharacters } from 'node:util';

/** Cuts console output into lines without carriage returns and terminal escapes. */
export class LineSplitter {
  #rest = '';

  /** Takes the next piece of output and returns the lines that it completes. */
  push(chunk: string): string[] {
    const pieces = (this.#rest + chunk).split('\n');
    this.#rest = pieces.pop() ?? '';
    return pieces.map(clean);
  }

  /** What stands after the last line end: a prompt, or a line still being printed. */
  get tail(): string {
    return clean(this.#rest);
  }
}

function clean(line: string): string {
  return stripVTControlCharacters(line).replaceAll('\r', '');
}

const ESCAPE = 0x1b;
/** Longer than any sequence that sets modes. */
const TAIL = 32;
/** Modes that terminals have on from the start: wrapping, and the cursor. */
const ON_AT_START = new Set([7, 25]);
/** DEC modes, styles, keypad, line-drawing characters, and the full reset. ECMA-48; ctlseqs of xterm. */
const SEQUENCE = /\x1b(?:\[\?([0-9;]+)([hl])|\[([0-9;]*)m|(=|>)|\((0|B)|c)/g;

/**
 * Remembers which modes a guest has set on the terminal, so that they can be undone when the guest is gone: a full-screen
 * program may have been left in the middle.
 */
export class TerminalModes {
  readonly #changed = new Map<number, boolean>();
  #styled = false;
  #keypad = false;
  #graphics = false;
  #tail = '';

  /** Looks at output. */
  watch(bytes: Uint8Array): void {
    if (this.#tail === '' && !bytes.includes(ESCAPE)) return;
    const text = this.#tail + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    let end = 0;
    for (const found of text.matchAll(SEQUENCE)) {
      this.#note(found);
      end = found.index + found[0].length;
    }
    const rest = text.slice(Math.max(end, text.length - TAIL));
    const begin = rest.lastIndexOf('\x1b');
    this.#tail = begin < 0 ? '' : rest.slice(begin);
  }

  /** The bytes that undo what is still set. */
  undo(): string {
    let result = '';
    for (const [mode, isOn] of this.#changed) if (isOn !== ON_AT_START.has(mode)) result += `\x1b[?${mode}${isOn ? 'l' : 'h'}`;
    if (this.#graphics) result += '\x1b(B';
    if (this.#keypad) result += '\x1b>';
    return this.#styled ? `${result}\x1b[0m` : result;
  }

  #note([all, modes, setting, style, keypad, graphics]: RegExpExecArray): void {
    if (modes !== undefined) for (const mode of modes.split(';')) this.#changed.set(Number(mode), setting === 'h');
    else if (style !== undefined) this.#styled = !/^0*$/.test(style);
    else if (keypad !== undefined) this.#keypad = keypad === '=';
    else if (graphics !== undefined) this.#graphics = graphics === '0';
    else if (all === '\x1bc') {
      this.#changed.clear();
      this.#styled = this.#keypad = this.#graphics = false;
    }
  }
}

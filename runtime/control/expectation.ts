/** Text that is kept from before, so that a match may span what arrives in pieces. */
const WINDOW = 8192;

/** Looks for a regular expression in a console's output, of which matches of up to 8 Ki characters are found. */
export class Expectation {
  readonly #regex: RegExp;
  readonly #decoder = new TextDecoder();
  #window = '';
  #met = false;

  constructor(regex: RegExp) {
    this.#regex = regex;
  }

  /** Whether the output has matched. */
  get met(): boolean {
    return this.#met;
  }

  /** Looks at more output; true when it has matched. Carriage returns are left out, so that `$` is the end of a line. */
  see(bytes: Uint8Array): boolean {
    if (this.#met) return true;
    const text = this.#window + this.#decoder.decode(bytes, { stream: true }).replaceAll('\r', '');
    this.#met = this.#regex.test(text);
    this.#window = text.slice(-WINDOW);
    return this.#met;
  }
}

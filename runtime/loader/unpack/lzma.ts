const HALF = 1024;
const STATES = 12;
const POSITION_STATES = 16;
const LENGTH_STATES = 4;
const FIRST_MODEL = 4;
const END_MODEL = 14;
const ALIGN_BITS = 4;
const LEAST_MATCH = 2;
/** States from here on follow a match. */
const LITERAL_STATES = 7;

/** Probabilities of a match's length: two choices, then short, middle and long lengths. */
interface LengthModel {
  readonly choice: Uint16Array;
  readonly low: Uint16Array;
  readonly middle: Uint16Array;
  readonly high: Uint16Array;
}

const lengthModel = (): LengthModel => ({
  choice: new Uint16Array(2),
  low: new Uint16Array(POSITION_STATES * 8),
  middle: new Uint16Array(POSITION_STATES * 8),
  high: new Uint16Array(256),
});

/**
 * Hot path: unpacks LZMA data into one buffer, which is the dictionary too.
 *
 * @see LZMA specification, https://www.7-zip.org/sdk.html
 */
export class LzmaDecoder {
  readonly output: Uint8Array;
  /** Bytes of output so far. */
  length = 0;
  #literalContext = 3;
  #literalPosition = 0;
  #position = 2;
  #literals = new Uint16Array(0x300 << 3);
  readonly #isMatch = new Uint16Array(STATES * POSITION_STATES);
  readonly #isRepeat = new Uint16Array(STATES * 4);
  readonly #isRepeatShort = new Uint16Array(STATES * POSITION_STATES);
  readonly #slots = new Uint16Array(LENGTH_STATES * 64);
  readonly #special = new Uint16Array(128);
  readonly #align = new Uint16Array(1 << ALIGN_BITS);
  readonly #matchLength = lengthModel();
  readonly #repeatLength = lengthModel();
  readonly #distances = new Uint32Array(4);
  #state = 0;
  #input: Uint8Array = new Uint8Array();
  #at = 0;
  #range = 0;
  #code = 0;

  constructor(output: Uint8Array) {
    this.output = output;
  }

  /** Takes the byte that holds the three parameters; false when it is none. */
  setProperties(byte: number): boolean {
    if (byte >= 9 * 5 * 5) return false;
    this.#literalContext = byte % 9;
    this.#literalPosition = Math.trunc(byte / 9) % 5;
    this.#position = Math.trunc(byte / 45);
    this.#literals = new Uint16Array(0x300 << (this.#literalContext + this.#literalPosition));
    return true;
  }

  /** Forgets all that was learnt, but for the dictionary. */
  resetState(): void {
    const { choice, low, middle, high } = this.#matchLength;
    const repeat = this.#repeatLength;
    const models = [this.#literals, this.#isMatch, this.#isRepeat, this.#isRepeatShort, this.#slots, this.#special, this.#align];
    for (const model of [...models, choice, low, middle, high, repeat.choice, repeat.low, repeat.middle, repeat.high]) model.fill(HALF);
    this.#distances.fill(0);
    this.#state = 0;
  }

  /** Takes bytes that are not packed; false when they don't fit. */
  copy(bytes: Uint8Array, length: number): boolean {
    if (bytes.length !== length || this.length + length > this.output.length) return false;
    this.output.set(bytes, this.length);
    this.length += length;
    return true;
  }

  /** Unpacks a chunk of `length` bytes; false when it is damaged. */
  decode(input: Uint8Array, length: number): boolean {
    const end = this.length + length;
    if (end > this.output.length || input.length < 5) return false;
    this.#input = input;
    this.#range = 0xffffffff;
    this.#code = new DataView(input.buffer, input.byteOffset).getUint32(1);
    this.#at = 5;
    while (this.length < end) {
      if (this.#at > input.length) return false;
      const positionState = this.length & ((1 << this.#position) - 1);
      if (this.#bit(this.#isMatch, this.#state * POSITION_STATES + positionState) === 0) this.#literal();
      else if (!this.#match(positionState, end)) return false;
    }
    return true;
  }

  #literal(): void {
    const { output, length } = this;
    const before = length > 0 ? (output[length - 1] ?? 0) : 0;
    const place = ((length & ((1 << this.#literalPosition) - 1)) << this.#literalContext) + (before >> (8 - this.#literalContext));
    const base = 0x300 * place;
    let symbol = 1;
    if (this.#state >= LITERAL_STATES) {
      let match = output[length - (this.#distances[0] ?? 0) - 1] ?? 0;
      while (symbol < 0x100) {
        const matchBit = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bit(this.#literals, base + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (matchBit !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#literals, base + symbol);
    output[length] = symbol;
    this.length = length + 1;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #match(positionState: number, end: number): boolean {
    const distances = this.#distances;
    let length: number;
    if (this.#bit(this.#isRepeat, this.#state * 4) === 0) {
      distances.copyWithin(1, 0, 3);
      length = this.#length(this.#matchLength, positionState);
      this.#state = this.#state < LITERAL_STATES ? 7 : 10;
      distances[0] = this.#distance(length);
    } else if (this.#repeat(positionState)) {
      length = this.#length(this.#repeatLength, positionState);
      this.#state = this.#state < LITERAL_STATES ? 8 : 11;
    } else {
      length = 1 - LEAST_MATCH;
      this.#state = this.#state < LITERAL_STATES ? 9 : 11;
    }
    return this.#copyMatch(length + LEAST_MATCH, end);
  }

  /** Chooses one of the last four distances; false for a single byte at the last one. */
  #repeat(positionState: number): boolean {
    const at = this.#state * 4;
    const distances = this.#distances;
    if (this.#bit(this.#isRepeat, at + 1) === 0) return this.#bit(this.#isRepeatShort, this.#state * POSITION_STATES + positionState) === 1;
    const which = this.#bit(this.#isRepeat, at + 2) === 0 ? 1 : 2 + this.#bit(this.#isRepeat, at + 3);
    const distance = distances[which] ?? 0;
    distances.copyWithin(1, 0, which);
    distances[0] = distance;
    return true;
  }

  #copyMatch(length: number, end: number): boolean {
    const { output } = this;
    const from = this.length - (this.#distances[0] ?? 0) - 1;
    if (from < 0 || this.length + length > end) return false;
    for (let i = 0; i < length; i++) output[this.length + i] = output[from + i] ?? 0;
    this.length += length;
    return true;
  }

  #length(model: LengthModel, positionState: number): number {
    if (this.#bit(model.choice, 0) === 0) return this.#tree(model.low, positionState * 8, 3);
    if (this.#bit(model.choice, 1) === 0) return 8 + this.#tree(model.middle, positionState * 8, 3);
    return 16 + this.#tree(model.high, 0, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(this.#slots, Math.min(length, LENGTH_STATES - 1) * 64, 6);
    if (slot < FIRST_MODEL) return slot;
    const bits = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < END_MODEL) return base + this.#reverseTree(this.#special, base - slot, bits);
    return base + this.#direct(bits - ALIGN_BITS) * (1 << ALIGN_BITS) + this.#reverseTree(this.#align, 0, ALIGN_BITS);
  }

  #tree(model: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(model, base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(model: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(model, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#range >>>= 1;
      const bit = this.#code >>> 0 >= this.#range ? 1 : 0;
      if (bit === 1) this.#code = (this.#code - this.#range) >>> 0;
      value = value * 2 + bit;
      this.#normalise();
    }
    return value;
  }

  #bit(model: Uint16Array, index: number): number {
    const probability = model[index] ?? 0;
    const bound = Math.imul(this.#range >>> 11, probability) >>> 0;
    let bit = 0;
    if (this.#code < bound) {
      this.#range = bound;
      model[index] = probability + ((2048 - probability) >> 5);
    } else {
      this.#range = (this.#range - bound) >>> 0;
      this.#code = (this.#code - bound) >>> 0;
      model[index] = probability - (probability >> 5);
      bit = 1;
    }
    this.#normalise();
    return bit;
  }

  #normalise(): void {
    if (this.#range >= 0x1000000) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | (this.#input[this.#at++] ?? 0)) >>> 0;
  }
}

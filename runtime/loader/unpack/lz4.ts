const MAGIC = 0x184c2102;
const LEAST_MATCH = 4;
const EXTENDED = 15;

/** Tells whether bytes are in LZ4's legacy format, as Linux packs its kernels. */
export function isLz4Legacy(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === MAGIC;
}

/**
 * Unpacks LZ4's legacy format: blocks with their sizes in front of them.
 *
 * @param size - bytes of the result
 * @returns undefined when the data is damaged
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function unpackLz4Legacy(bytes: Uint8Array, size: number): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const output = new Uint8Array(size);
  let from = 4;
  let to = 0;
  while (to < size && from + 4 <= bytes.length) {
    const length = view.getUint32(from, true);
    from += 4;
    if (from + length > bytes.length) return undefined;
    to = unpackBlock(bytes.subarray(from, from + length), output, to);
    if (to < 0) return undefined;
    from += length;
  }
  return to === size ? output : undefined;
}

/** Where a block is being read. A field, not a variable that closures share: V8 14.6 has been seen to lose updates of those. */
class BlockCursor {
  at = 0;
  readonly #block: Uint8Array;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  byte(): number {
    return this.#block[this.at++] ?? 0;
  }

  /** A length whose first four bits are known. */
  extended(short: number): number {
    let length = short;
    if (short !== EXTENDED) return length;
    for (;;) {
      const more = this.byte();
      length += more;
      if (more !== 0xff) return length;
    }
  }
}

/** Hot path: returns where the output goes on, or -1. A match may reach back into earlier output only. */
function unpackBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  const cursor = new BlockCursor(block);
  let to = start;
  while (cursor.at < block.length) {
    const token = cursor.byte();
    const literals = cursor.extended(token >> 4);
    const { at } = cursor;
    if (at + literals > block.length || to + literals > output.length) return -1;
    output.set(block.subarray(at, at + literals), to);
    cursor.at = at + literals;
    to += literals;
    if (cursor.at >= block.length) return to;
    const offset = cursor.byte() | (cursor.byte() << 8);
    const match = cursor.extended(token & EXTENDED) + LEAST_MATCH;
    if (!repeat(output, to, offset, match)) return -1;
    to += match;
  }
  return to;
}

/** Copies output from `offset` bytes back; a copy that overlaps itself repeats. */
function repeat(output: Uint8Array, to: number, offset: number, length: number): boolean {
  if (offset === 0 || offset > to || to + length > output.length) return false;
  if (offset >= length) output.copyWithin(to, to - offset, to - offset + length);
  else for (let i = 0; i < length; i++) output[to + i] = output[to + i - offset] ?? 0;
  return true;
}

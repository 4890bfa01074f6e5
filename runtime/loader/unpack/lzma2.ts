import { LzmaDecoder } from './lzma.ts';

const END = 0x00;
const COPY_WITH_NEW_DICTIONARY = 0x01;
const COPY = 0x02;
const PACKED = 0x80;
/** Bits 5 and 6 of a packed chunk's control byte: what is begun anew. */
const NEW_STATE = 1;
const NEW_PROPERTIES = 2;
const DAMAGED = -1;

/** Unpacks LZMA2 chunks into `size` bytes; undefined when they are damaged. */
export function unpackLzma2(bytes: Uint8Array, size: number): Uint8Array | undefined {
  const decoder = new LzmaDecoder(new Uint8Array(size));
  let at = 0;
  while (at >= 0 && at < bytes.length && bytes[at] !== END) at = (bytes[at] ?? 0) < PACKED ? copyChunk(decoder, bytes, at) : unpackChunk(decoder, bytes, at);
  return bytes[at] === END && decoder.length === size ? decoder.output : undefined;
}

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** Takes a chunk that is not packed; returns where the next one is. */
function copyChunk(decoder: LzmaDecoder, bytes: Uint8Array, at: number): number {
  const control = bytes[at];
  const length = word(bytes, at + 1) + 1;
  const end = at + 3 + length;
  const isCopy = control === COPY || control === COPY_WITH_NEW_DICTIONARY;
  return isCopy && decoder.copy(bytes.subarray(at + 3, end), length) ? end : DAMAGED;
}

/** Unpacks a chunk; returns where the next one is. */
function unpackChunk(decoder: LzmaDecoder, bytes: Uint8Array, at: number): number {
  const control = bytes[at] ?? 0;
  const unpacked = ((control & 0x1f) << 16) + word(bytes, at + 1) + 1;
  const packed = word(bytes, at + 3) + 1;
  const reset = (control >> 5) & 3;
  let start = at + 5;
  if (reset >= NEW_PROPERTIES && !decoder.setProperties(bytes[start++] ?? 0)) return DAMAGED;
  if (reset >= NEW_STATE) decoder.resetState();
  return decoder.decode(bytes.subarray(start, start + packed), unpacked) ? start + packed : DAMAGED;
}

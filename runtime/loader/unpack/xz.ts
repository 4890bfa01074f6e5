import { unpackLzma2 } from './lzma2.ts';
import { restoreX86Branches } from './x86-branches.ts';

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const HEADER_BYTES = 12;
const FILTER_LZMA2 = 0x21;
const FILTER_X86 = 0x04;
const INDEX = 0;

/** Tells whether bytes are an XZ stream. */
export function isXz(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * Unpacks the first block of an XZ stream, which is all that Linux's kernels have. Check sums are not looked at: what
 * comes out has to be a kernel.
 *
 * @param size - bytes of the result
 * @returns undefined when the data is damaged or uses filters that no x86 kernel does
 * @see https://tukaani.org/xz/xz-file-format.txt
 */
export function unpackXz(bytes: Uint8Array, size: number): Uint8Array | undefined {
  const headerSize = ((bytes[HEADER_BYTES] ?? 0) + 1) * 4;
  if (bytes[HEADER_BYTES] === INDEX || HEADER_BYTES + headerSize > bytes.length) return undefined;
  const filters = readFilters(bytes.subarray(HEADER_BYTES, HEADER_BYTES + headerSize));
  if (filters?.at(-1) !== FILTER_LZMA2 || filters.slice(0, -1).some((id) => id !== FILTER_X86)) return undefined;
  const output = unpackLzma2(bytes.subarray(HEADER_BYTES + headerSize), size);
  if (output !== undefined && filters.includes(FILTER_X86)) restoreX86Branches(output);
  return output;
}

/** The filters of a block in the order in which they were applied. */
function readFilters(header: Uint8Array): number[] | undefined {
  const flags = header[1] ?? 0;
  let at = 2;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = header[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  if ((flags & 0x40) !== 0) number();
  if ((flags & 0x80) !== 0) number();
  const ids: number[] = [];
  for (let i = 0; i <= (flags & 3); i++) {
    ids.push(number());
    const properties = number();
    at += properties;
    if (!(at <= header.length)) return undefined;
  }
  return ids;
}

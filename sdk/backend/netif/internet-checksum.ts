/**
 * Adds bytes as big-endian 16-bit words to a sum that is not folded yet; an odd last byte counts as a word's upper half.
 * Hot path: runs over every byte whose checksum nobody else computes.
 */
export function addWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let i = start;
  for (; i + 7 < end; i += 8) {
    total += ((bytes[i] ?? 0) + (bytes[i + 2] ?? 0) + (bytes[i + 4] ?? 0) + (bytes[i + 6] ?? 0)) * 256;
    total += (bytes[i + 1] ?? 0) + (bytes[i + 3] ?? 0) + (bytes[i + 5] ?? 0) + (bytes[i + 7] ?? 0);
  }
  for (; i + 1 < end; i += 2) total += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
  if (i < end) total += (bytes[i] ?? 0) * 256;
  return total;
}

/** Folds a sum into 16 bits with end-around carry. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

/** The Internet checksum (RFC 1071) over bytes, with a sum that was made before. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  return ~foldSum(addWords(bytes, start, end, sum)) & 0xffff;
}

/** Writes a big-endian 16-bit word. */
export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
}

/** Writes a big-endian 32-bit word. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, value >>> 16);
  putU16(bytes, at + 2, value & 0xffff);
}

/** Reads a big-endian 16-bit word; what is beyond the end reads as 0. */
export function getU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Reads a big-endian 32-bit word as an unsigned number. */
export function getU32(bytes: Uint8Array, at: number): number {
  return getU16(bytes, at) * 0x10000 + getU16(bytes, at + 2);
}

import { type BlockStore, type DiscardLimits, HypervisorError } from '#sdk';

const CHUNK_BYTES = 64 * 1024;
const SECTOR_BYTES = 512;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The store of a VBD in the host's memory. It takes memory for what was written only, and is gone when it is closed. */
export class MemoryStore implements BlockStore {
  readonly sizeBytes: number;
  readonly sectorBytes = SECTOR_BYTES;
  readonly readOnly: boolean;
  readonly discardLimits: DiscardLimits = { granularityBytes: CHUNK_BYTES };
  readonly #chunks = new Map<number, Uint8Array>();

  constructor(sizeBytes: number, readOnly: boolean) {
    this.sizeBytes = sizeBytes;
    this.readOnly = readOnly;
  }

  /** Memory that it takes. */
  get allocatedBytes(): number {
    return this.#chunks.size * CHUNK_BYTES;
  }

  read(offset: number, parts: readonly Uint8Array[]): void {
    forEachPiece(offset, parts, (index, at, piece) => {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) piece.fill(0);
      else piece.set(chunk.subarray(at, at + piece.length));
    });
  }

  write(offset: number, parts: readonly Uint8Array[]): void {
    forEachPiece(offset, parts, (index, at, piece) => {
      let chunk = this.#chunks.get(index);
      if (chunk === undefined) {
        chunk = new Uint8Array(CHUNK_BYTES);
        this.#chunks.set(index, chunk);
      }
      chunk.set(piece, at);
    });
  }

  discard(offset: number, length: number): void {
    const end = offset + length;
    const last = this.sizeBytes === end ? Math.ceil(end / CHUNK_BYTES) : Math.floor(end / CHUNK_BYTES);
    const first = Math.ceil(offset / CHUNK_BYTES);
    if (last - first <= this.#chunks.size) {
      for (let index = first; index < last; index++) this.#chunks.delete(index);
    } else {
      for (const index of this.#chunks.keys()) if (index >= first && index < last) this.#chunks.delete(index);
    }
  }

  close(): void {
    this.#chunks.clear();
  }
}

/** Cuts parts at the ends of chunks. */
function forEachPiece(offset: number, parts: readonly Uint8Array[], visit: (chunk: number, at: number, piece: Uint8Array) => void): void {
  let position = offset;
  for (const part of parts) {
    for (let from = 0; from < part.length; ) {
      const at = position % CHUNK_BYTES;
      const length = Math.min(part.length - from, CHUNK_BYTES - at);
      const isWhole = length === part.length;
      visit(Math.floor(position / CHUNK_BYTES), at, isWhole ? part : part.subarray(from, from + length));
      from += length;
      position += length;
    }
  }
}

/**
 * Reads a size: `64M`, `512K`, `1G`, or a number of bytes.
 *
 * @throws HypervisorError `HV_ERR_VBD_SIZE`
 */
export function parseSize(text: string, limitMib: number): number {
  const [, digits = '', unit = ''] = /^([0-9]{1,15})([KMG]?)$/i.exec(text) ?? [];
  const size = digits === '' ? Number.NaN : Number(digits) * (UNITS[unit.toUpperCase()] ?? Number.NaN);
  const hint = `write memory:SIZE with a size such as 64M, a multiple of ${SECTOR_BYTES} bytes`;
  if (!(size > 0)) throw new HypervisorError('HV_ERR_VBD_SIZE', `"${text}" is no size of a VBD`, { hint });
  if (size % SECTOR_BYTES !== 0) {
    throw new HypervisorError('HV_ERR_VBD_SIZE', `the size ${text} of a VBD is ${size} bytes, which is no multiple of ${SECTOR_BYTES}`, { hint });
  }
  if (size > limitMib * 2 ** 20) {
    throw new HypervisorError('HV_ERR_VBD_SIZE', `the size ${text} of a VBD is more than the ${limitMib} MiB that one in memory may have`, {
      hint: 'raise the option limitMib of vbd-memory, or use an image file',
    });
  }
  return size;
}

const BLOCK = 512;
const decoder = new TextDecoder();

/** A regular file found in a tar stream. */
export interface TarMember {
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * Finds the first regular file of a tar stream that a test accepts, and reads no further.
 *
 * @param stream - an uncompressed tar archive in pieces of any size
 * @param accept - given a member's path without a leading `./`
 * @returns the member, or `undefined` if the archive ends, or breaks off, without it
 */
export async function findTarMember(stream: AsyncIterable<Uint8Array>, accept: (path: string) => boolean): Promise<TarMember | undefined> {
  for await (const member of tarMembers(stream, accept)) return member;
  return undefined;
}

/** Gives the regular files of a tar stream that a test accepts, to the end of the archive or where it breaks off. */
export async function* tarMembers(stream: AsyncIterable<Uint8Array>, accept: (path: string) => boolean): AsyncGenerator<TarMember> {
  const reader = new BlockReader(stream);
  for (let header = await nextHeader(reader); header !== undefined; header = await nextHeader(reader)) {
    const { path, size, isFile } = header;
    const isWanted = isFile && accept(path);
    const data = isWanted ? await reader.take(size) : undefined;
    if (data !== undefined) yield { path, data };
    if (!(await reader.skip(Math.ceil(size / BLOCK) * BLOCK - (isWanted ? size : 0)))) return;
  }
}

async function nextHeader(reader: BlockReader): Promise<{ path: string; size: number; isFile: boolean } | undefined> {
  const header = await reader.take(BLOCK);
  if (header === undefined || header[0] === 0) return undefined;
  const size = parseInt(field(header, 124, 12), 8);
  return Number.isSafeInteger(size) ? { path: memberPath(header), size, isFile: header[156] === 0x30 || header[156] === 0 } : undefined;
}

function memberPath(header: Uint8Array): string {
  const prefix = field(header, 257, 5) === 'ustar' && header[263] === 0x30 ? field(header, 345, 155) : '';
  return `${prefix === '' ? '' : `${prefix}/`}${field(header, 0, 100)}`.replace(/^(\.?\/)+/, '');
}

function field(header: Uint8Array, offset: number, length: number): string {
  const bytes = header.subarray(offset, offset + length);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end)).trim();
}

/** Cuts a stream into pieces of the sizes asked for. */
class BlockReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    let missing = size;
    while (missing > 0) {
      if (!(await this.fill())) return undefined;
      const piece = this.rest.subarray(0, missing);
      this.rest = this.rest.subarray(piece.length);
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  async skip(size: number): Promise<boolean> {
    let missing = size;
    while (missing > 0) {
      if (!(await this.fill())) return false;
      const step = Math.min(missing, this.rest.length);
      this.rest = this.rest.subarray(step);
      missing -= step;
    }
    return true;
  }

  private async fill(): Promise<boolean> {
    while (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) return false;
      this.rest = next.value;
    }
    return true;
  }
}

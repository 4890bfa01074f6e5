import type { Ending } from '../analyze/control.ts';
import type { RegionBlock, RegionRequest } from './region.ts';

/** Requests as one buffer: what crosses to a translator's thread. Objects take ten times as long to be copied. */
export interface PackedRequests {
  readonly words: Int32Array;
  /** The instructions of all blocks, one after the other. */
  readonly code: Uint8Array;
}

const ENDINGS: readonly Ending[] = ['end', 'branch', 'jump', 'call', 'indirect', 'indirect-call', 'return', 'system', 'left', 'routine'];
/** Stands for a target that there is not. */
const NONE = -0x80000000;

/** Packs requests. */
export function packRequests(requests: readonly RegionRequest[]): PackedRequests {
  const words: number[] = [requests.length];
  const pieces: Uint8Array[] = [];
  const list = (items: readonly number[]): void => {
    words.push(items.length, ...items);
  };
  for (const { id, mode, entryInPage, blocks, entries, external, indirect, indirectShift } of requests) {
    words.push(id, mode, entryInPage, indirectShift, blocks.length);
    for (const block of blocks) {
      words.push(block.offset, block.bytes.length, block.instructions, ENDINGS.indexOf(block.ending), block.target ?? NONE, block.end, block.page);
      list(block.targets);
      pieces.push(block.bytes);
    }
    list(entries);
    list(external);
    list(indirect);
  }
  const code = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    code.set(piece, at);
    at += piece.length;
  }
  return { words: Int32Array.from(words), code };
}

/** Unpacks requests. */
export function unpackRequests({ words, code }: PackedRequests): RegionRequest[] {
  let at = 0;
  let from = 0;
  const next = (): number => words[at++] as number;
  const list = (): number[] => {
    const length = next();
    at += length;
    return [...words.subarray(at - length, at)];
  };
  const block = (): RegionBlock => {
    const [offset, length, instructions, ending, target, end, page] = [next(), next(), next(), next(), next(), next(), next()];
    from += length;
    return {
      offset,
      bytes: code.subarray(from - length, from),
      instructions,
      ending: ENDINGS[ending] as Ending,
      target: target === NONE ? null : target,
      end,
      page,
      targets: list(),
    };
  };
  return Array.from({ length: next() }, () => {
    const [id, mode, entryInPage, indirectShift, count] = [next(), next(), next(), next(), next()];
    const blocks = Array.from({ length: count }, block);
    return { id, mode, entryInPage, blocks, entries: list(), external: list(), indirect: list(), indirectShift };
  });
}

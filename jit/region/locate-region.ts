import type { Block } from '../vcpu/block-cache.ts';
import { type GrownRegion, type RegionSource, translatable } from './grow-region.ts';
import type { RegionBlock, RegionRequest } from './region.ts';

/**
 * Finds a region of an earlier run in the guest as it is now: every block decodes from the same bytes to the same
 * instructions. Blocks that it leads to may not be there yet.
 *
 * @param at - a block of the guest, at its present linear address
 * @param place - which block of the region that would be
 * @returns null when the guest has something else there, or nothing yet
 */
export function locateRegion(request: RegionRequest, at: Block, place: number, source: RegionSource): GrownRegion | null {
  const { mode, entryInPage } = request;
  const here = request.blocks[place] as RegionBlock;
  const linear = BigInt.asIntN(64, at.linear - BigInt(here.offset));
  if (Number(linear & 4095n) !== entryInPage || at.mode !== mode) return null;
  const pageOf = (offset: number): number => Math.floor((entryInPage + offset) / 4096);
  const physicalOf = (offset: number): number =>
    // its own page is where it is, whatever address space is in force now
    pageOf(offset) === pageOf(here.offset) ? at.physical + offset - here.offset : source.resolve(BigInt.asIntN(64, linear + BigInt(offset)));
  // all bytes first: nothing is decoded in vain
  const physical: number[] = [];
  for (const block of request.blocks) {
    const address = physicalOf(block.offset);
    const { length } = block.bytes;
    if (address < 0 || !source.isRam(address) || (address & 4095) + length > 4096 || !sameBytes(source.ram(address, length), block.bytes)) return null;
    physical.push(address);
  }
  const blocks: Block[] = [];
  for (const [i, expected] of request.blocks.entries()) {
    const block = source.blocks.obtain(BigInt.asIntN(64, linear + BigInt(expected.offset)), physical[i] as number, mode);
    if (block === null || block.owner !== null || !translatable(block) || !sameBlock(block, expected)) return null;
    blocks.push(block);
  }
  const external = request.external.map((offset) => {
    const address = physicalOf(offset);
    const block = address < 0 ? undefined : source.blocks.known(address, mode);
    return block !== undefined && block.second < 0 && block.valid ? block : null;
  });
  return { request, linear, blocks, external };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Blocks may be cut in other places than they were when the region was made. */
function sameBlock(block: Block, expected: RegionBlock): boolean {
  const target = block.target === null ? null : expected.offset + block.target;
  return block.size === expected.bytes.length && block.instructions === expected.instructions && block.ending === expected.ending && target === expected.target;
}

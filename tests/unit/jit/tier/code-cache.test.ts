import { describe, expect, it } from 'vitest';
import { CodeCache, type RegionRequest } from '#jit';
import type { Block } from '../../../../jit/vcpu/block-cache.ts';

const region = (offsetInPage: number, bytes: number[], id = 0): RegionRequest => ({
  id,
  mode: 14,
  entryInPage: offsetInPage,
  blocks: [{ offset: 0, bytes: Uint8Array.from(bytes), instructions: bytes.length, ending: 'jump', target: 0, end: bytes.length, targets: [], page: 0 }],
  entries: [0],
  external: [],
  indirect: [],
  indirectShift: 0,
});

describe('the code cache', () => {
  it('finds regions by where in its page a block begins, its size and its mode', () => {
    const known = region(0x10, [0x90, 0xeb]);
    const cache = new CodeCache([known]);
    const block = (physical: number, size: number, mode: number): Block => ({ physical, size, mode }) as Block;
    expect(cache.at(block(0x7010, 2, 14))).toEqual([{ request: known, block: 0 }]);
    for (const other of [block(0x7011, 2, 14), block(0x7010, 3, 14), block(0x7010, 2, 15)]) expect(cache.at(other)).toEqual([]);
  });

  it('keeps a region in the place of its predecessor, in the order of their first use', () => {
    const cache = new CodeCache([]);
    const [first, second, larger] = [region(0, [1]), region(8, [2]), region(0, [1, 2, 3])];
    cache.note(first, null);
    cache.note(second, null);
    cache.note(larger, first);
    expect(cache.contents()).toEqual([larger, second]);
  });

  it('forgets a region that two runs have not used', () => {
    let kept = [region(0, [1])];
    const ages = [];
    for (let run = 0; run < 3; run++) {
      kept = new CodeCache(kept).contents();
      ages.push(kept.map(({ id }) => id));
    }
    expect(ages).toEqual([[1], [], []]);
  });

  it('counts a region as new again once it is used', () => {
    const old = region(0, [1], 1);
    const cache = new CodeCache([old]);
    cache.note(old, null);
    expect(cache.contents()).toEqual([{ ...old, id: 0 }]);
  });

  it('keeps one of two that are alike, and no more instructions than can be compiled soon', () => {
    const cache = new CodeCache([]);
    cache.note(region(0, [1]), null);
    cache.note(region(0, [1]), null);
    expect(cache.contents()).toHaveLength(1);
    for (let i = 0; i < 200; i++) cache.note(region(i, new Array(400).fill(i)), null);
    expect(cache.contents()).toHaveLength(150);
  });
});

import { describe, expect, it } from 'vitest';
import type { HypervisorError } from '#sdk';
import { MemoryStore, parseSize } from '../../../../plugins/vbd-memory/memory.ts';

describe('the size of a VBD in memory', () => {
  it.each([
    ['512', 512],
    ['4K', 4096],
    ['64M', 64 << 20],
    ['64m', 64 << 20],
    ['1G', 1 << 30],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text, 1024)).toBe(bytes);
  });

  it.each([
    ['', 'no size'],
    ['M', 'no size'],
    ['0', 'no size'],
    ['-1M', 'no size'],
    ['1.5M', 'no size'],
    ['64MB', 'no size'],
    ['64T', 'no size'],
    ['1000', 'no multiple of 512'],
    ['2G', 'more than the 1024 MiB'],
    ['999999999999999G', 'more than the 1024 MiB'],
  ])('"%s" is refused: %s', (text, message) => {
    expect(() => parseSize(text, 1024)).toThrow(message);
    try {
      parseSize(text, 1024);
    } catch (error) {
      expect((error as HypervisorError).code).toBe('HV_ERR_VBD_SIZE');
    }
  });
});

describe('a VBD in memory', () => {
  it('takes memory for what is written, and gives it back when it is discarded', () => {
    const store = new MemoryStore(1 << 30, false);
    const page = new Uint8Array(4096).fill(1);
    store.read(0, [new Uint8Array(4096)]);
    expect(store.allocatedBytes).toBe(0);
    for (let i = 0; i < 16; i++) store.write(i * 65536 + 61440, [page, page]);
    expect(store.allocatedBytes).toBe(17 * 65536);
    store.discard(4096, 3 * 65536);
    expect(store.allocatedBytes).toBe(15 * 65536);
    store.discard(0, 1 << 30);
    expect(store.allocatedBytes).toBe(0);
  });

  it('may end within a piece', () => {
    const store = new MemoryStore(65536 + 512, false);
    store.write(65536, [new Uint8Array(512).fill(3)]);
    const seen = new Uint8Array(1024);
    store.read(65536 - 512, [seen.subarray(0, 512), seen.subarray(512)]);
    expect([seen[511], seen[512], seen[1023]]).toEqual([0, 3, 3]);
    store.discard(65536, 512);
    expect(store.allocatedBytes).toBe(0);
  });
});

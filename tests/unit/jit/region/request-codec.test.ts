import { describe, expect, it } from 'vitest';
import type { RegionRequest } from '../../../../jit/region/region.ts';
import { packRequests, unpackRequests } from '../../../../jit/region/request-codec.ts';

const block = { bytes: new Uint8Array([1, 2, 3]), instructions: 2, ending: 'branch', target: -16, end: 3, targets: [], page: 0, offset: 0 } as const;

const requests: RegionRequest[] = [
  {
    id: 7,
    mode: 10,
    entryInPage: 4093,
    blocks: [block, { ...block, offset: 3, bytes: new Uint8Array([9]), ending: 'indirect', target: null, targets: [4, -8], page: 1 }],
    entries: [0, 1],
    external: [-16, 70_000],
    indirect: [1],
    indirectShift: 3,
  },
  {
    id: 8,
    mode: 9,
    entryInPage: 0,
    blocks: [{ ...block, ending: 'system', bytes: new Uint8Array() }],
    entries: [0],
    external: [],
    indirect: [],
    indirectShift: 0,
  },
];

describe('requests to a translator', () => {
  it('arrive as they were sent', () => {
    expect(unpackRequests(packRequests(requests))).toEqual(requests);
  });

  it('may be none', () => {
    expect(unpackRequests(packRequests([]))).toEqual([]);
  });
});

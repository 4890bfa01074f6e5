import { describe, expect, it } from 'vitest';
import { type BackendEnvironment, blockBackendSuite, type BlockStore, defineBackend, BlockBackend, type GuestGrants } from '#sdk';
import { MemoryStore } from '../../../../plugins/vbd-memory/memory.ts';

const SIZE = 1 << 20;

type Spoil = {
  patienceSeconds?: number;
  store?: (store: MemoryStore) => Partial<BlockStore>;
  environment?: (environment: BackendEnvironment) => Partial<BackendEnvironment>;
};

/** Cases that fail for a backend with a defect. */
async function failures({ store, environment, patienceSeconds = 20 }: Spoil): Promise<string[]> {
  const plugin = defineBackend({
    name: 'vbd-broken',
    deviceType: 'vbd',
    backend: 'broken',
    options: {},
    create: () => ({
      open: (given) => {
        const whole = new MemoryStore(SIZE, given.settings['mode'] === 'r');
        const base: BlockStore = {
          sizeBytes: SIZE,
          sectorBytes: 512,
          readOnly: whole.readOnly,
          discardLimits: whole.discardLimits,
          read: (offset, parts) => whole.read(offset, parts),
          write: (offset, parts) => whole.write(offset, parts),
          discard: (offset, length) => whole.discard(offset, length),
          flush: () => {},
          close: () => {},
        };
        return new BlockBackend({ ...given, ...environment?.(given) }, { ...base, ...store?.(whole) });
      },
    }),
  });
  const failed: string[] = [];
  for (const { id, run } of blockBackendSuite({ plugin, options: {}, sizeBytes: SIZE, settings: () => ({}), randomRequests: 400, patienceSeconds })) {
    await run().catch(() => failed.push(id));
  }
  return failed;
}

const grantsWith = (change: (grants: GuestGrants) => Partial<GuestGrants>) => (environment: BackendEnvironment) => ({
  grants: {
    map: environment.grants.map.bind(environment.grants),
    copyFrom: environment.grants.copyFrom.bind(environment.grants),
    copyTo: environment.grants.copyTo.bind(environment.grants),
    ...change(environment.grants),
  },
});

describe('the suite for block backends', () => {
  it('passes a good one', async () => {
    expect(await failures({})).toEqual([]);
  });

  it.each<[string, Spoil, string]>([
    ['loses writes', { store: () => ({ write: () => {} }) }, 'random'],
    ['is off by a sector', { store: (store) => ({ read: (offset, parts) => store.read(offset + 512 < SIZE ? offset + 512 : offset, parts) }) }, 'random'],
    ['mixes up the order of the parts', { store: (store) => ({ write: (offset, parts) => store.write(offset, [...parts].reverse()) }) }, 'random'],
    ['reads only the first part', { store: (store) => ({ read: (offset, parts) => store.read(offset, parts.slice(0, 1)) }) }, 'random'],
    ['does not clear what was never written', { store: () => ({ read: () => {} }) }, 'zeroes'],
    ['discards too much', { store: (store) => ({ discard: (offset, length) => store.discard(0, offset + length) }) }, 'discard'],
    ['forgets the size', { store: () => ({ sizeBytes: SIZE / 2 }) }, 'nodes'],
    ['writes what is read-only', { store: () => ({ readOnly: false }) }, 'read-only'],
    [
      'keeps pages mapped',
      {
        environment: grantsWith((grants) => ({
          map: (ref, access) => {
            const page = grants.map(ref, access);
            return typeof page === 'number' ? page : { ...page, unmap: () => {} };
          },
        })),
      },
      'reconnect',
    ],
    ['writes pages that are read-only', { environment: grantsWith((grants) => ({ map: (ref) => grants.map(ref, 'read') })) }, 'noise'],
    ['never answers', { patienceSeconds: 0.2, store: () => ({ read: () => new Promise<void>(() => {}) }) }, 'random'],
  ])(
    'finds one that %s',
    async (_what, spoil, id) => {
      expect(await failures(spoil)).toContain(id);
    },
    120_000,
  );
});

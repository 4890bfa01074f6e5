import { describe, expect, it } from 'vitest';
import { blockBackendSuite } from '#sdk';
import { vbdMemory } from '../../../../plugins/vbd-memory/index.ts';

describe('vbd-memory', () => {
  const suite = blockBackendSuite({ plugin: vbdMemory, options: { limitMib: 8 }, sizeBytes: 4 << 20, settings: () => ({ params: '4M' }) });

  it.each(suite.map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, { run }) => {
    expect(await run()).not.toBe('');
  });
});

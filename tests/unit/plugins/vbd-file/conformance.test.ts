import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blockBackendSuite } from '#sdk';
import { vbdFile } from '../../../../plugins/vbd-file/index.ts';
import type { FileOptions } from '../../../../plugins/vbd-file/options.ts';

const directory = mkdtempSync(join(tmpdir(), 'vbd-file-'));
afterAll(() => rmSync(directory, { recursive: true }));

let images = 0;

function newImage(sizeBytes: number): string {
  const path = join(directory, `${images++}.img`);
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return path;
}

const variants: readonly FileOptions[] = [
  { sectorBytes: 512, discard: 'none' },
  { sectorBytes: 4096, discard: 'zero' },
];

describe.each(variants)('vbd-file with sectors of $sectorBytes and discard $discard', (options) => {
  const sizeBytes = 2 << 20;
  const suite = blockBackendSuite({ plugin: vbdFile, options, sizeBytes, settings: () => ({ params: newImage(sizeBytes) }) });

  it.each(suite.map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, { run }) => {
    expect(await run()).not.toBe('');
  });
});

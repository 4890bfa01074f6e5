import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UnpackedKernels } from '../../../../runtime/image/unpacked-kernels.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'xylem-kernels-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

const kernel = Uint8Array.of(1, 2, 3);
const unpacked = new Uint8Array(5000).fill(9);
const folder = (): string => join(cache, 'kernels');
const files = (): string[] => readdirSync(folder());

/** Unpacks, and tells whether that had to be done. */
async function unpack(bytes = kernel): Promise<[content: boolean, calls: number]> {
  const work = vi.fn(() => unpacked);
  const result = await new UnpackedKernels(cache).unpack(bytes, work);
  return [Buffer.from(unpacked).equals(result ?? new Uint8Array()), work.mock.calls.length];
}

describe('unpacked kernels', () => {
  it('are unpacked once each', async () => {
    expect(await unpack()).toEqual([true, 1]);
    expect(await unpack()).toEqual([true, 0]);
    expect(await unpack(Uint8Array.of(1, 2, 4))).toEqual([true, 1]);
    expect(files()).toHaveLength(2);
  });

  it.each([
    ['is cut', (bytes: Buffer) => bytes.subarray(0, 40)],
    ['is empty', () => Buffer.alloc(0)],
    ['has a changed byte', (bytes: Buffer) => bytes.with(bytes.length - 3, 0x55)],
  ])('are unpacked again when the file %s', async (_, damage) => {
    await unpack();
    const file = join(folder(), files()[0] as string);
    writeFileSync(file, damage(readFileSync(file)));
    expect(await unpack()).toEqual([true, 1]);
    expect(await unpack()).toEqual([true, 0]);
  });

  it('are unpacked each time where nothing can be written', async () => {
    writeFileSync(folder(), '');
    expect(await unpack()).toEqual([true, 1]);
    expect(await unpack()).toEqual([true, 1]);
  });

  it('go when they are too many, that which was used longest ago first', async () => {
    mkdirSync(folder());
    const other = join(folder(), 'other.elf');
    writeFileSync(other, new Uint8Array(256 * 2 ** 20));
    utimesSync(other, 1, 1);
    await unpack();
    expect(files()).not.toContain('other.elf');
    expect(await unpack()).toEqual([true, 0]);
  });

  it('are not kept when there was nothing to unpack', async () => {
    expect(await new UnpackedKernels(cache).unpack(kernel, () => undefined)).toBeUndefined();
    expect(readdirSync(cache)).toEqual([]);
  });
});

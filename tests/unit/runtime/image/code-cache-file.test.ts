import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CodeCacheFile } from '../../../../runtime/image/index.ts';

let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), 'xylem-code-'));
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

const kernel = new Uint8Array(100).fill(7);
const content = { words: Int32Array.of(1, -2, 3), code: Uint8Array.of(9, 8) };
const nothing = { words: Int32Array.of(0), code: new Uint8Array() };
const only = (): string => join(cache, 'code', readdirSync(join(cache, 'code'))[0] as string);

describe('the file of the code cache', () => {
  it('gives back what was written, for the same kernel only', async () => {
    expect(await new CodeCacheFile(kernel, cache).read()).toEqual(nothing);
    await new CodeCacheFile(kernel, cache).write(content);
    expect(await new CodeCacheFile(kernel, cache).read()).toEqual(content);
    expect(await new CodeCacheFile(new Uint8Array(100).fill(8), cache).read()).toEqual(nothing);
    expect(readdirSync(join(cache, 'code'))).toHaveLength(1);
  });

  it.each([
    ['is cut', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['ends in its head', (bytes: Buffer) => bytes.subarray(0, 20)],
    ['is empty', () => Buffer.alloc(0)],
    ['is of another kind', (bytes: Buffer) => Buffer.concat([Buffer.from('#!/bin/sh\n'), bytes])],
    ['has a changed byte', (bytes: Buffer) => bytes.with(bytes.length - 3, 0x55)],
  ])('gives nothing when it %s', async (_, damage) => {
    await new CodeCacheFile(kernel, cache).write(content);
    writeFileSync(only(), damage(readFileSync(only())));
    expect(await new CodeCacheFile(kernel, cache).read()).toEqual(nothing);
  });

  it('removes what was used longest ago when all files together are too large', async () => {
    const old = join(cache, 'code', 'old');
    writeFileSync(old, new Uint8Array(64 * 2 ** 20));
    utimesSync(old, 1, 1);
    await new CodeCacheFile(kernel, cache).write(content);
    expect(await new CodeCacheFile(kernel, cache).read()).toEqual(content);
    expect(readdirSync(join(cache, 'code'))).not.toContain('old');
  });

  it('leaves nothing behind when it cannot be written', async () => {
    const blocked = join(cache, 'blocked');
    await new CodeCacheFile(kernel, blocked).write(content);
    const [name] = readdirSync(join(blocked, 'code')) as [string];
    rmSync(join(blocked, 'code', name));
    mkdirSync(join(blocked, 'code', name, 'full'), { recursive: true });
    await expect(new CodeCacheFile(kernel, blocked).write(content)).rejects.toThrow();
    expect(readdirSync(join(blocked, 'code'))).toEqual([name]);
  });
});

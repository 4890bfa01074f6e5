import { readFileSync, statSync, truncateSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settle } from '#sdk';
import { Images } from './images.ts';

const MIB = 1 << 20;
const PAGE = 4096;
let images: Images;

beforeEach(() => {
  images = new Images();
});
afterEach(() => images.remove());

/** Bytes that a file takes on the host. */
const allocated = (path: string): number => statSync(path).blocks * 512;

describe('a sparse image', () => {
  it('stays sparse where the guest does not write', async () => {
    const path = images.make('large.img', 1 << 30);
    const device = await images.open(images.provider(), path);
    const frontend = await images.connect(device);
    const data = new Uint8Array(PAGE).fill(7);
    expect(await frontend.write((1 << 30) / 512 - 8, data)).toBe(0);
    expect(await frontend.write(2048, data)).toBe(0);
    expect(await frontend.read(4096, 64)).toEqual(new Uint8Array(64 * 512));
    expect(await frontend.flush()).toBe(0);
    expect(allocated(path)).toBeLessThan(MIB);
    expect(statSync(path).size).toBe(1 << 30);
    await device.backend.disconnect();
    await device.backend.close();
  });

  it('stays sparse when holes are discarded, and what was written becomes zeroes', async () => {
    const path = images.make('large.img', 64 * MIB);
    const device = await images.open(images.provider({ discard: 'zero' }), path);
    const frontend = await images.connect(device);
    await frontend.write(2048 - 8, new Uint8Array(3 * PAGE).fill(7));
    const before = allocated(path);
    expect(await frontend.discard(2048, (64 * MIB) / 512 - 2048)).toBe(0);
    expect(await frontend.read(2048 - 8, 24)).toEqual(new Uint8Array(3 * PAGE).fill(7, 0, PAGE));
    expect(allocated(path)).toBeLessThanOrEqual(before);
    await device.backend.disconnect();
    await device.backend.close();
  });
});

describe('the bytes of an image', () => {
  it('are those of the VBD', async () => {
    const path = images.make('a.img', MIB);
    const device = await images.open(images.provider(), path);
    const frontend = await images.connect(device);
    const data = Uint8Array.from({ length: 100 * 512 }, (_, i) => i % 251);
    expect(await frontend.write(37, data)).toBe(0);
    const expected = new Uint8Array(MIB);
    expected.set(data, 37 * 512);
    expect(Buffer.compare(readFileSync(path), expected)).toBe(0);
    await device.backend.disconnect();
    await device.backend.close();
  });

  it('that someone has cut off are an I/O error, and no more than that', async () => {
    const path = images.make('a.img', MIB);
    const device = await images.open(images.provider(), path);
    const frontend = await images.connect(device);
    truncateSync(path, 64 * 512 + 100);
    expect(await frontend.read(64, 8)).toBe(-1);
    expect(await frontend.read(128, 8)).toBe(-1);
    expect(await frontend.read(56, 8)).toEqual(new Uint8Array(PAGE));
    expect(images.warnings).toEqual(['an I/O request failed: only 100 of 4096 bytes could be read at 32768']);
    expect(device.guest.failures).toEqual([]);
    await device.backend.disconnect();
    await device.backend.close();
  });
});

describe('a discard that takes long', () => {
  it('ends when the domain is destroyed', async () => {
    const path = images.make('large.img', 2 ** 42);
    const device = await images.open(images.provider({ discard: 'zero' }), path);
    const frontend = await images.connect(device);
    void frontend.discard(0, 2 ** 33);
    await settle();
    const start = performance.now();
    device.guest.destroy();
    await device.backend.disconnect();
    await device.backend.close();
    expect(performance.now() - start).toBeLessThan(5000);
    expect(device.guest.grants.mappings).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { Errno } from '#sdk';
import { PAGE } from '../../../../runtime/memory/guest-ram.ts';
import { RAM_BYTES, testDomain } from '../domain/domain-fixture.ts';

const FRAMES = RAM_BYTES / PAGE;

describe('physmap', () => {
  it('has RAM at its own frames, and nothing elsewhere', () => {
    const { physmap } = testDomain().state;
    expect(physmap.address(5)).toBe(5 * PAGE);
    for (const gfn of [-1, 0xa5, FRAMES, 0xfeffc, 2 ** 40, Number.POSITIVE_INFINITY]) expect(physmap.address(gfn)).toBe(-1);
    expect(physmap.populated).toBe(FRAMES);
  });

  it('maps a lent page outside RAM, once', () => {
    const { physmap } = testDomain().state;
    const home = physmap.sharedInfo;
    expect(physmap.mapSharedInfo(0x10000)).toBe(0);
    expect(physmap.address(0x10000)).toBe(home);
    expect(physmap.mapSharedInfo(0x10001)).toBe(0);
    expect([physmap.address(0x10000), physmap.address(0x10001)]).toEqual([-1, home]);
    const seen: number[][] = [];
    physmap.forEachOutsideRam((gfn, frame) => seen.push([gfn, frame]));
    expect(seen).toEqual([[0x10001, home / PAGE]]);
  });

  it('moves a lent page onto a frame of RAM and back', () => {
    const { physmap, ram } = testDomain().state;
    const home = physmap.sharedInfo;
    ram.bytes[home + 7] = 77;
    ram.bytes[0x10 * PAGE] = 1;
    expect(physmap.mapSharedInfo(0x10)).toBe(0);
    expect([physmap.sharedInfo, ram.bytes[0x10 * PAGE], ram.bytes[0x10 * PAGE + 7]]).toEqual([0x10 * PAGE, 0, 77]);
    ram.bytes[0x10 * PAGE + 7] = 78;
    expect(physmap.remove(0x10)).toBe(0);
    expect([physmap.sharedInfo, ram.bytes[home + 7], physmap.address(0x10)]).toEqual([home, 78, -1]);
  });

  it('puts one page in the place of another', () => {
    const { physmap } = testDomain().state;
    physmap.mapSharedInfo(0x20);
    physmap.mapGrantFrame(0, 0x20);
    expect([physmap.grantFrame(0), physmap.sharedInfo]).toEqual([0x20 * PAGE, RAM_BYTES]);
  });

  it('takes RAM back and gives it again', () => {
    const { physmap, ram } = testDomain().state;
    ram.bytes[9 * PAGE] = 1;
    expect([physmap.release(9), physmap.release(9)]).toEqual([0, -Errno.EINVAL]);
    expect([physmap.address(9), physmap.populated]).toEqual([-1, FRAMES - 1]);
    expect(physmap.mapGrantFrame(1, 9)).toBe(0);
    expect(physmap.address(9)).toBe(9 * PAGE);
    physmap.remove(9);
    expect([physmap.populate(9), physmap.populate(FRAMES), ram.bytes[9 * PAGE], physmap.populated]).toEqual([true, false, 0, FRAMES]);
  });

  it.each([-1, 0xa0, 0xbf, 1 << 20, 1.5, Number.NaN])('refuses frame %s', (gfn) => {
    expect(testDomain().state.physmap.mapSharedInfo(gfn)).toBe(-Errno.EINVAL);
  });
});

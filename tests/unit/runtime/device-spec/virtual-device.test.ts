import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtualDeviceId, virtualDeviceName } from '../../../../runtime/device-spec/index.ts';

describe('names of VBDs', () => {
  it.each([
    ['xvda', 51712],
    ['xvda1', 51713],
    ['xvdb', 51728],
    ['xvdp15', 51967],
    ['sda', 2048],
    ['sda1', 2049],
    ['sdp', 2288],
    ['hda', 768],
    ['hda1', 769],
    ['hdb', 832],
    ['hdb63', 895],
    ['hdc', 5632],
    ['hdd', 5696],
    ['hds', 23296],
    ['hdt', 23360],
    ['xvdq', 0x1000_1000],
    ['xvda16', 0x1000_0010],
    ['xvdaa', 0x1000_1a00],
    ['xvdaa3', 0x1000_1a03],
    ['0xca00', 51712],
    ['ca00', 51712],
    ['801', 2049],
  ])('%s has the number %i', (name, id) => {
    expect(virtualDeviceId(name)).toBe(id);
  });

  it.each(['', 'xvd', 'xvda0', 'xvda01', 'xvda256', 'sdq', 'sda16', 'hdu', 'hda64', 'XVDA', 'vda', 'xvda1p1', '0', '0x', 'xvdzzzzzz', '123456789', 'c0d0p1'])(
    '"%s" is none',
    (name) => {
      expect(virtualDeviceId(name)).toBeUndefined();
    },
  );

  it('come back from their numbers', () => {
    for (const name of ['xvda', 'xvda1', 'xvdq', 'xvda16', 'xvdzz9', 'sdp15', 'hda', 'hdt63']) {
      expect(virtualDeviceName(virtualDeviceId(name) ?? 0)).toBe(name);
    }
    expect(virtualDeviceName(0x1ff)).toBe('0x1ff');
    expect(virtualDeviceName((3 << 8) + 200)).toBe('0x3c8');
  });

  it('are one to one with their numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x1fff_ffff }), (id) => {
        const name = virtualDeviceName(id);
        expect(virtualDeviceName(virtualDeviceId(name) ?? 0)).toBe(name);
        if (!(id >= 0x1000_0000 && id < 0x1000_1000 && (id & 0xff) < 16)) expect(virtualDeviceId(name)).toBe(id);
      }),
      { numRuns: 500 },
    );
  });
});

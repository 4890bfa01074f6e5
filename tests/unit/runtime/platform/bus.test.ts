import { describe, expect, it } from 'vitest';
import { HypervisorError, type BusDevice } from '#sdk';
import { createBus } from '../../../../runtime/platform/bus.ts';

class Recorder implements BusDevice {
  readonly log: string[] = [];
  read(offset: number, size: number): number {
    this.log.push(`r${offset}/${size}`);
    return 0xa0 + offset;
  }
  write(offset: number, size: number, value: number): void {
    this.log.push(`w${offset}/${size}=${value.toString(16)}`);
  }
}

const codeOf = (action: () => void): string => {
  try {
    action();
  } catch (error) {
    return error instanceof HypervisorError ? error.code : String(error);
  }
  return 'nothing thrown';
};

describe.each(['ports', 'mmio'] as const)('createBus(%s)', (kind) => {
  it('reads ones and ignores writes where nothing is mapped', () => {
    const bus = createBus(kind);
    expect(bus.read(0x10, 1)).toBe(0xff);
    expect(bus.read(0x10, 2)).toBe(0xffff);
    expect(bus.read(0x10, 4)).toBe(0xffff_ffff);
    bus.write(0x10, 4, 1);
  });

  it('gives devices offsets from their base', () => {
    const bus = createBus(kind);
    const device = new Recorder();
    bus.map(0x100, 4, device);
    bus.read(0x102, 2);
    bus.write(0x100, 4, 0x1234_5678);
    expect(device.log).toEqual(['r2/2', 'w0/4=12345678']);
  });

  it('splits accesses that cross the edge of a device into bytes', () => {
    const bus = createBus(kind);
    const low = new Recorder();
    const high = new Recorder();
    bus.map(0x100, 2, low);
    bus.map(0x102, 1, high);
    expect(bus.read(0x101, 4)).toBe(0xff_ff_a0_a1 >>> 0);
    bus.write(0x100, 4, 0x4433_2211);
    expect(low.log).toEqual(['r1/1', 'w0/1=11', 'w1/1=22']);
    expect(high.log).toEqual(['r0/1', 'w0/1=33']);
  });

  it('refuses overlaps and ranges outside the bus', () => {
    const bus = createBus(kind);
    bus.map(0x100, 4, new Recorder());
    expect(codeOf(() => bus.map(0x103, 4, new Recorder()))).toBe('HV_ERR_BUS_OVERLAP');
    expect(codeOf(() => bus.map(0xfe, 3, new Recorder()))).toBe('HV_ERR_BUS_OVERLAP');
    expect(codeOf(() => bus.map(-1, 1, new Recorder()))).toBe('HV_ERR_BUS_RANGE');
    expect(codeOf(() => bus.map(0, 0, new Recorder()))).toBe('HV_ERR_BUS_RANGE');
    expect(codeOf(() => bus.map(2 ** 52, 1, new Recorder()))).toBe('HV_ERR_BUS_RANGE');
    bus.map(0x104, 1, new Recorder());
  });

  it('forgets what is unmapped', () => {
    const bus = createBus(kind);
    bus.map(0x100, 4, new Recorder());
    bus.map(0x200, 4, new Recorder());
    expect(bus.read(0x100, 1)).toBe(0xa0);
    bus.unmap(0x100);
    bus.unmap(0x999);
    expect(bus.read(0x100, 1)).toBe(0xff);
    expect(bus.read(0x203, 1)).toBe(0xa3);
  });

  it('names the device that throws', () => {
    const bus = createBus(kind);
    const broken = new Recorder();
    broken.read = () => {
      throw new Error('no luck');
    };
    bus.map(0x40, 4, broken);
    expect(codeOf(() => bus.read(0x41, 1))).toBe('HV_ERR_DEVICE_FAILED');
    expect(() => bus.read(0x41, 1)).toThrow(/Recorder at 0x40 failed on a read: no luck/);
  });
});

describe('createBus(mmio)', () => {
  it('finds ranges in any order, far up', () => {
    const bus = createBus('mmio');
    const bases = [0xfee0_0000, 0xfec0_0000, 0xe000_0000, 2 ** 40];
    for (const base of bases) bus.map(base, 0x1000, new Recorder());
    for (const base of bases) {
      expect(bus.read(base + 5, 1)).toBe(0xa5);
      expect(bus.read(base + 0x1000, 1)).toBe(0xff);
      expect(bus.read(base - 1, 1)).toBe(0xff);
    }
  });
});

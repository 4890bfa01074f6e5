import { describe, expect, it } from 'vitest';
import type { PciFunction } from '../../../../runtime/platform/pci-host.ts';
import { createTestPc } from './fixtures.ts';

function config(bus: number, device: number, register: number): number {
  return (0x8000_0000 | (bus << 16) | (device << 11) | register) >>> 0;
}

describe('PCI host bridge', () => {
  it('answers configuration mechanism 1 with one host bridge', () => {
    const { pc, outb } = createTestPc();
    // The check of Linux: the enable bit must read back, and a byte at CFBh must not disturb.
    outb(0xcfb, 0x01);
    pc.ports.write(0xcf8, 4, 0x8000_0000);
    expect(pc.ports.read(0xcf8, 4)).toBe(0x8000_0000);
    expect(pc.ports.read(0xcfc, 4)).toBe(0x1237_8086);
    expect(pc.ports.read(0xcfe, 2)).toBe(0x1237);
    pc.ports.write(0xcf8, 4, config(0, 0, 8));
    expect(pc.ports.read(0xcff, 1)).toBe(0x06);
    expect(pc.ports.read(0xcfe, 2)).toBe(0x0600);
    pc.ports.write(0xcfc, 4, 0xffff_ffff);
    expect(pc.ports.read(0xcfc, 4)).toBe(0x0600_0002);
  });

  it('reads ones where no function is, and while disabled', () => {
    const { pc } = createTestPc();
    pc.ports.write(0xcf8, 4, config(0, 1, 0));
    expect(pc.ports.read(0xcfc, 4)).toBe(0xffff_ffff);
    expect(pc.ports.read(0xcfc, 2)).toBe(0xffff);
    pc.ports.write(0xcf8, 4, 0);
    expect(pc.ports.read(0xcfc, 4)).toBe(0xffff_ffff);
  });

  it('reaches attached functions', () => {
    const { pc } = createTestPc();
    const log: string[] = [];
    const device: PciFunction = {
      readConfig: (offset, size) => {
        log.push(`r${offset}/${size}`);
        return 0x42;
      },
      writeConfig: (offset, size, value) => log.push(`w${offset}/${size}=${value}`),
    };
    pc.pci.attach({ bus: 0, device: 3, function: 0 }, device);
    pc.ports.write(0xcf8, 4, config(0, 3, 0x10));
    expect(pc.ports.read(0xcfd, 1)).toBe(0x42);
    pc.ports.write(0xcfc, 4, 7);
    expect(log).toEqual(['r17/1', 'w16/4=7']);
    expect(() => pc.pci.attach({ bus: 0, device: 3, function: 0 }, device)).toThrow(/taken/);
    expect(() => pc.pci.attach({ bus: 0, device: 32, function: 0 }, device)).toThrow(/no such address/);
  });
});

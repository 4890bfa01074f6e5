import { describe, expect, it } from 'vitest';
import { acpiLayout, e820Map, e820Type, ramLayout } from '../../../../runtime/platform/e820.ts';

const MIB = 2 ** 20;

describe('e820Map', () => {
  it.each([2, 64, 256, 3584, 3585, 8192])('is sorted and covers %i MiB once', (mib) => {
    const map = e820Map(mib * MIB);
    for (let i = 1; i < map.length; i++) {
      const before = map[i - 1];
      expect((before?.base ?? 0) + (before?.length ?? 0)).toBeLessThanOrEqual(map[i]?.base ?? 0);
    }
    const ram = map.filter((entry) => entry.type === e820Type.ram).reduce((sum, entry) => sum + entry.length, 0);
    // What the hole below 1 MiB and the extended BIOS data area take away is lost, as on a PC.
    expect(ram).toBe(mib * MIB - 0x6_0000 - 0x400);
  });

  it('keeps the hole, and the ACPI tables reclaimable in it', () => {
    const map = e820Map(64 * MIB);
    const typeAt = (address: number): number | undefined => map.find((entry) => address >= entry.base && address < entry.base + entry.length)?.type;
    expect(typeAt(0x9_fbff)).toBe(e820Type.ram);
    expect(typeAt(0x9_fc00)).toBe(e820Type.reserved);
    expect(typeAt(0xa_0000)).toBeUndefined();
    expect(typeAt(acpiLayout.waking)).toBe(e820Type.acpiNvs);
    expect(typeAt(acpiLayout.tables)).toBe(e820Type.acpiReclaim);
    expect(typeAt(acpiLayout.pointer)).toBe(e820Type.reserved);
    expect(typeAt(0x10_0000)).toBe(e820Type.ram);
    expect(typeAt(64 * MIB)).toBeUndefined();
    expect(typeAt(0xfee0_0000)).toBe(e820Type.reserved);
  });

  it('puts what the device window displaces at 4 GiB', () => {
    expect(ramLayout(3584 * MIB)).toEqual({ lowBytes: 3584 * MIB, highBytes: 0 });
    expect(ramLayout(4096 * MIB)).toEqual({ lowBytes: 3584 * MIB, highBytes: 512 * MIB });
    expect(e820Map(4096 * MIB).at(-1)).toEqual({ base: 2 ** 32, length: 512 * MIB, type: e820Type.ram });
  });

  it('refuses sizes that no domain can have', () => {
    for (const bytes of [0, MIB, 64 * MIB + 1, Number.NaN]) expect(() => e820Map(bytes)).toThrow(/at least 2 MiB/);
  });
});

import { describe, expect, it } from 'vitest';
import { hypercallPage } from '../../../../runtime/domain/hypercall-page.ts';
import { endingOfReason } from '../../../../runtime/domain/lifecycle.ts';
import { buildPvhAcpi } from '../../../../runtime/domain/pvh-acpi.ts';
import { pvhMemoryMap } from '../../../../runtime/domain/pvh-layout.ts';
import { xenCpuid } from '../../../../runtime/domain/xen-cpuid.ts';

const facts = { domid: 3, vcpu: 1, tscHz: 1e9 };

describe('what a domain sees of the hypervisor', () => {
  it('names it in CPUID', () => {
    const [max = 0, ...words] = xenCpuid(0x40000000, 0, facts) ?? [];
    expect(new TextDecoder().decode(Uint32Array.from(words))).toBe('XenVMMXenVMM');
    expect(max).toBe(0x40000005);
    expect(xenCpuid(0x40000001, 0, facts)).toEqual([0x40011, 0, 0, 0]);
    expect(xenCpuid(0x40000002, 0, facts)).toEqual([1, 0x40000000, 0, 0]);
    expect(xenCpuid(0x40000003, 0, facts)?.[2]).toBe(1_000_000);
    expect(xenCpuid(0x40000004, 0, facts)).toEqual([0x18, 1, 3, 0]);
    expect(xenCpuid(1, 0, facts)).toBeUndefined();
    expect(xenCpuid(0x40000006, 0, facts)).toBeUndefined();
  });

  it('offers a page of stubs', () => {
    const page = hypercallPage();
    expect([...page.subarray(17 * 32, 17 * 32 + 9)]).toEqual([0xb8, 17, 0, 0, 0, 0x0f, 0x01, 0xc1, 0xc3]);
    expect([...page.subarray(23 * 32, 23 * 32 + 2)]).toEqual([0x0f, 0x0b]);
  });

  it('describes its processors by ACPI, with sums that are right', () => {
    const blocks = buildPvhAcpi(2);
    const tables = new Map(blocks.map(({ bytes }) => [new TextDecoder().decode(bytes.subarray(0, 4)), bytes]));
    expect([...tables.keys()]).toEqual(['FACS', 'DSDT', 'FACP', 'APIC', 'XSDT', 'RSD ']);
    for (const name of ['DSDT', 'FACP', 'APIC', 'XSDT']) {
      const bytes = tables.get(name) ?? new Uint8Array();
      const length = new DataView(bytes.buffer).getUint32(4, true);
      expect(bytes.subarray(0, length).reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
    }
    const madt = tables.get('APIC') ?? new Uint8Array();
    expect(new DataView(madt.buffer).getUint32(4, true)).toBe(0x3c);
    expect([...madt.subarray(44, 60)]).toEqual([0, 8, 0, 0, 1, 0, 0, 0, 0, 8, 1, 2, 1, 0, 0, 0]);
    expect(tables.get('FACP')?.length).toBeGreaterThanOrEqual(268);
  });

  it('has the memory map of Xen', () => {
    const map = pvhMemoryMap(160 << 20).map(({ base, length, type }) => [base, base + length, type]);
    expect(map).toEqual([
      [0, 0xa0000, 1],
      [0xa0000, 0x100000, 2],
      [0x100000, 160 << 20, 1],
      [0xfc000000, 0xfc008040, 3],
      [0xfeff8000, 0xff000000, 2],
    ]);
  });

  it('ends for a reason', () => {
    expect([0, 1, 2, 3, 4, 5, 77].map(endingOfReason)).toEqual(['poweroff', 'reboot', 'crash', 'crash', 'watchdog', 'reboot', 'crash']);
  });
});

import { acpiTable } from './acpi-table.ts';
import { PCI_INTERRUPTS } from './dsdt.ts';
import { pmLayout } from '../pm.ts';

/** Addresses of the interrupt controllers. */
export const apicLayout = { lapicBase: 0xfee0_0000, ioapicBase: 0xfec0_0000, timerGsi: 2 } as const;

const PCAT_COMPATIBLE = 1;
const EDGE_AS_THE_BUS = 0x00;
const EDGE_HIGH = 0x05;
const LEVEL_HIGH = 0x0d;
const ALL_PROCESSORS = 0xff;
const LINT1 = 1;

function dword(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

function override(irq: number, gsi: number, flags: number): number[] {
  return [2, 10, 0, irq, ...dword(gsi), flags, 0];
}

/** Builds the multiple APIC description table for processors with APIC IDs 0 and on. */
export function buildMadt(processors: number, ioapicId: number): Uint8Array {
  const body = [...dword(apicLayout.lapicBase), ...dword(PCAT_COMPATIBLE)];
  for (let id = 0; id < processors; id++) body.push(0, 8, id, id, ...dword(1));
  body.push(1, 12, ioapicId, 0, ...dword(apicLayout.ioapicBase), ...dword(0));
  body.push(...override(0, apicLayout.timerGsi, EDGE_AS_THE_BUS));
  for (const irq of [pmLayout.sciIrq, ...PCI_INTERRUPTS]) body.push(...override(irq, irq, LEVEL_HIGH));
  body.push(4, 6, ALL_PROCESSORS, EDGE_HIGH, 0, LINT1);
  return acpiTable({ signature: 'APIC', revision: 3 }, Uint8Array.from(body));
}

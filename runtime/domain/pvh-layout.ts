import { e820Type } from '../platform/e820.ts';
import type { MapRange } from '../hypercall/hypercall-domain.ts';

/** The APIC ID of a vCPU: even, as Xen numbers them. */
export const apicIdOf = (vcpu: number): number => 2 * vcpu;

/** Where a PVH domain has what is not RAM: as Xen places it. */
export const pvhLayout = {
  acpiInfo: 0xfc00_0000,
  acpiTables: 0xfc00_1000,
  acpiPointer: 0xfc00_8000,
  specialFirst: 0xfeff_8000,
  specialEnd: 0xff00_0000,
  storeGfn: 0xfeffc,
  consoleGfn: 0xfefff,
} as const;

const ACPI_END = 0xfc00_8040;
const LOW_END = 0xa_0000;
const HIGH_START = 0x10_0000;
const PAGE = 0x1000;

/** First and last guest frames of the pages that the builder lends the domain. */
export const lentFrames: readonly (readonly [first: number, last: number])[] = [
  [pvhLayout.acpiInfo / PAGE, pvhLayout.acpiPointer / PAGE],
  [pvhLayout.specialFirst / PAGE, pvhLayout.specialEnd / PAGE - 1],
];

/** The memory map of a PVH domain. */
export function pvhMemoryMap(ramBytes: number): MapRange[] {
  const range = (base: number, end: number, type: number): MapRange => ({ base, length: end - base, type });
  return [
    range(0, LOW_END, e820Type.ram),
    range(LOW_END, HIGH_START, e820Type.reserved),
    range(HIGH_START, ramBytes, e820Type.ram),
    range(pvhLayout.acpiInfo, ACPI_END, e820Type.acpiReclaim),
    range(pvhLayout.specialFirst, pvhLayout.specialEnd, e820Type.reserved),
  ];
}

import { HypervisorError } from '#sdk';

const MIB = 0x10_0000;
const PAGE = 0x1000;
const FOUR_GIB = 2 ** 32;
/** The extended BIOS data area takes the last KiB of base memory. */
const EBDA_BASE = 0x9_fc00;
const BASE_MEMORY_END = 0xa_0000;

/** First address of the window below 4 GiB that belongs to devices. */
export const DEVICE_HOLE_BASE = 0xe000_0000;

/** Where the platform puts the ACPI tables: above the adapters' ROMs, below the firmware. */
export const acpiLayout = { waking: 0xe_0000, tables: 0xe_1000, pointer: 0xf_0000 } as const;

/** Type of a range as INT 15h, AX=E820h numbers it. */
export const e820Type = { ram: 1, reserved: 2, acpiReclaim: 3, acpiNvs: 4 } as const;

/** One range of the firmware's memory map. */
export interface E820Entry {
  readonly base: number;
  readonly length: number;
  readonly type: number;
}

/** How guest RAM is laid out in the physical address space. */
export interface RamLayout {
  /** Bytes from address 0. */
  readonly lowBytes: number;
  /** Bytes from 4 GiB: the RAM that the window for devices displaced. */
  readonly highBytes: number;
}

/** Splits guest RAM around the window for devices below 4 GiB. */
export function ramLayout(memoryBytes: number): RamLayout {
  const lowBytes = Math.min(memoryBytes, DEVICE_HOLE_BASE);
  return { lowBytes, highBytes: memoryBytes - lowBytes };
}

/**
 * The memory map for `memoryBytes` of RAM: base memory, the hole from 640 KiB to 1 MiB with the
 * ACPI tables in it, the rest of the RAM, and what the interrupt controllers occupy.
 * @throws HypervisorError `HV_ERR_MEMORY_SIZE` for less than 2 MiB or a part of a page.
 */
export function e820Map(memoryBytes: number): E820Entry[] {
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < 2 * MIB || memoryBytes % PAGE !== 0)
    throw new HypervisorError('HV_ERR_MEMORY_SIZE', `A domain needs at least 2 MiB of memory in whole pages, not ${memoryBytes} bytes.`);
  const { lowBytes, highBytes } = ramLayout(memoryBytes);
  const range = (base: number, end: number, type: number): E820Entry => ({ base, length: end - base, type });
  const map = [
    range(0, EBDA_BASE, e820Type.ram),
    range(EBDA_BASE, BASE_MEMORY_END, e820Type.reserved),
    range(acpiLayout.waking, acpiLayout.tables, e820Type.acpiNvs),
    range(acpiLayout.tables, acpiLayout.pointer, e820Type.acpiReclaim),
    range(acpiLayout.pointer, MIB, e820Type.reserved),
    range(MIB, lowBytes, e820Type.ram),
    range(0xfec0_0000, 0xfec0_1000, e820Type.reserved),
    range(0xfee0_0000, 0xfee0_1000, e820Type.reserved),
  ];
  if (highBytes > 0) map.push(range(FOUR_GIB, FOUR_GIB + highBytes, e820Type.ram));
  return map;
}

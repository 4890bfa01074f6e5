import { readFile } from 'node:fs/promises';

/**
 * Reads the small guest that comes with Xylem: a shell on COM1, started by multiboot, for hosts without a Debian guest.
 *
 * Its command line may name the ACPI power port (`pm1a=0x604`) and the sleep type (`slp=0`); else it asks the ACPI tables.
 */
export async function readFallbackGuest(): Promise<Uint8Array> {
  return new Uint8Array(await readFile(new URL('./guest.elf', import.meta.url)));
}

import { ramLayout } from '../e820.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function store(nvram: Uint8Array, index: number, value: number): void {
  nvram[index] = value & 0xff;
  nvram[index + 1] = (value >> 8) & 0xff;
}

/** Fills in what a PC's firmware leaves in the NVRAM: memory sizes, equipment and checksum. */
export function fillNvram(nvram: Uint8Array, memoryBytes: number): void {
  const { lowBytes, highBytes } = ramLayout(memoryBytes);
  const above1MibKb = Math.max(0, Math.floor((lowBytes - MIB) / KIB));
  // Equipment: an x87, no floppy, no display.
  nvram[0x14] = 0x02;
  store(nvram, 0x15, 640);
  store(nvram, 0x17, Math.min(above1MibKb, 0xffff));
  store(nvram, 0x30, Math.min(above1MibKb, 0xffff));
  store(nvram, 0x34, Math.max(0, Math.min(Math.floor((lowBytes - 16 * MIB) / (64 * KIB)), 0xffff)));
  const high64Kb = Math.min(Math.floor(highBytes / (64 * KIB)), 0xff_ffff);
  store(nvram, 0x5b, high64Kb);
  nvram[0x5d] = (high64Kb >> 16) & 0xff;
  let sum = 0;
  for (let i = 0x10; i <= 0x2d; i++) sum += nvram[i] ?? 0;
  nvram[0x2e] = (sum >> 8) & 0xff;
  nvram[0x2f] = sum & 0xff;
}

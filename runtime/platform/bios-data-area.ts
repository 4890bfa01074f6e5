/** Physical address of the BIOS data area. */
export const BIOS_DATA_ADDRESS = 0x400;

const EBDA_SEGMENT = 0x9fc0;
const BASE_MEMORY_KIB = 639;
const EQUIPMENT_X87 = 0x02;

/** Builds the BIOS data area that a kernel started without firmware looks at: ports and memory size. */
export function buildBiosDataArea(serialPorts: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(0x100);
  const view = new DataView(bytes.buffer);
  serialPorts.slice(0, 4).forEach((port, index) => view.setUint16(2 * index, port, true));
  view.setUint16(0x0e, EBDA_SEGMENT, true);
  view.setUint16(0x10, EQUIPMENT_X87 | (Math.min(serialPorts.length, 4) << 9), true);
  view.setUint16(0x13, BASE_MEMORY_KIB, true);
  return bytes;
}

import type { BusDevice } from '#sdk';

/** A ROM on the memory bus: reads give its bytes, writes do nothing. */
export function createRomWindow(bytes: Uint8Array): BusDevice {
  return {
    read: (offset, size) => {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0xff);
      return value;
    },
    write: () => {},
  };
}

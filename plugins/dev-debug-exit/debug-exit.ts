import type { BusDevice } from '#sdk';

/** A device whose ports end the run: a write of V makes the exit code (V << 1) | 1. Reads give 0. */
export function createDebugExit(exit: (code: number) => void): BusDevice {
  return {
    read: () => 0,
    // The shift is that of a 32-bit register; odd, so that it is never the 0 of a guest that powered off.
    write: (_offset, _size, value) => exit(((value << 1) | 1) >>> 0),
  };
}

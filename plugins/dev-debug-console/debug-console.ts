import type { BusDevice, ByteSink } from '#sdk';

/** What a read gives, by which guests find the device. */
const PRESENT = 0xe9;
const NEWLINE = 0x0a;

/** A port that takes bytes of any value. */
export function createDebugConsole(sink: ByteSink, hex: boolean): BusDevice {
  const writeHex = (byte: number): void => {
    for (const digit of byte.toString(16).padStart(2, '0')) sink.write(digit.charCodeAt(0));
    sink.write(NEWLINE);
  };
  return {
    read: () => PRESENT,
    write: (_offset, _size, value) => (hex ? writeHex(value & 0xff) : sink.write(value & 0xff)),
  };
}

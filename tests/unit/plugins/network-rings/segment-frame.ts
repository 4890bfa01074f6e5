import { internetChecksum, preparePartialChecksum, putU16, putU32 } from '#sdk';

/** What a TCP frame holds. */
export interface SegmentFrame {
  readonly version: 4 | 6;
  readonly payload: Uint8Array;
  readonly sequence?: number;
  readonly flags?: number;
  readonly ports?: readonly [number, number];
}

/** A frame with TCP whose checksum holds the pseudo header only, as Linux hands it to a device. */
export function segmentFrame({ version, payload, sequence = 1000, flags = 0x18, ports = [5000, 80] }: SegmentFrame): Uint8Array {
  const ip = version === 4 ? 20 : 40;
  const frame = new Uint8Array(14 + ip + 20 + payload.length);
  frame.set([0, 0x16, 0x3e, 0, 0, 2, 0, 0x16, 0x3e, 0, 0, 1]);
  putU16(frame, 12, version === 4 ? 0x0800 : 0x86dd);
  if (version === 4) {
    putU16(frame, 14, 0x4500);
    putU16(frame, 16, 40 + payload.length);
    putU16(frame, 18, 0xfffe);
    frame[22] = 64;
    frame[23] = 6;
    putU32(frame, 26, 0x0a00_0001);
    putU32(frame, 30, 0x0a00_0002);
    putU16(frame, 24, internetChecksum(frame, 14, 34));
  } else {
    putU32(frame, 14, 0x6000_0000);
    putU16(frame, 18, 20 + payload.length);
    frame[20] = 6;
    frame[21] = 64;
    frame.set([0xfe, 0x80], 22);
    frame[37] = 1;
    frame.set([0xfe, 0x80], 38);
    frame[53] = 2;
  }
  const tcp = 14 + ip;
  putU16(frame, tcp, ports[0]);
  putU16(frame, tcp + 2, ports[1]);
  putU32(frame, tcp + 4, sequence);
  putU32(frame, tcp + 8, 77);
  frame[tcp + 12] = 0x50;
  frame[tcp + 13] = flags;
  putU16(frame, tcp + 14, 1024);
  frame.set(payload, tcp + 20);
  preparePartialChecksum(frame, frame.length);
  return frame;
}

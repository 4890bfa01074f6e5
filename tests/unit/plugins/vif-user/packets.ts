import { completeChecksum, getU16, getU32, internetChecksum, putU16, putU32 } from '#sdk';

/** An address as four numbers. */
export const address = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** An address with dots. */
export const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');

/** Address of the guest's card. */
export const GUEST_MAC = Uint8Array.of(0, 0x16, 0x3e, 0x11, 0x22, 0x33);

/** An ARP request. */
export function arpRequest(mac: Uint8Array, from: string, wanted: string): Uint8Array {
  const frame = new Uint8Array(42);
  frame.fill(0xff, 0, 6);
  frame.set(mac, 6);
  putU16(frame, 12, 0x0806);
  putU32(frame, 14, 0x0001_0800);
  putU32(frame, 18, 0x0604_0001);
  frame.set(mac, 22);
  putU32(frame, 28, address(from));
  putU32(frame, 38, address(wanted));
  return frame;
}

/** An IPv4 packet in a frame. */
export function ipFrame(from: string, to: string, protocol: number, payload: Uint8Array, { fragment = 0, identification = 7 } = {}): Uint8Array {
  const frame = new Uint8Array(34 + payload.length);
  frame.set([0x52, 0x55, 10, 0, 2, 2], 0);
  frame.set(GUEST_MAC, 6);
  putU16(frame, 12, 0x0800);
  putU16(frame, 14, 0x4500);
  putU16(frame, 16, 20 + payload.length);
  putU16(frame, 18, identification);
  putU16(frame, 20, fragment);
  frame[22] = 64;
  frame[23] = protocol;
  putU32(frame, 26, address(from));
  putU32(frame, 30, address(to));
  putU16(frame, 24, internetChecksum(frame, 14, 34));
  frame.set(payload, 34);
  return frame;
}

/** A UDP datagram, as the payload of IP. */
export function udpPacket(fromPort: number, toPort: number, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(8 + payload.length);
  putU16(packet, 0, fromPort);
  putU16(packet, 2, toPort);
  putU16(packet, 4, packet.length);
  packet.set(payload, 8);
  return packet;
}

/** A UDP datagram in a frame, with its checksum. */
export function udpFrame(from: string, fromPort: number, to: string, toPort: number, payload: Uint8Array): Uint8Array {
  const frame = ipFrame(from, to, 17, udpPacket(fromPort, toPort, payload));
  completeChecksum(frame, frame.length);
  return frame;
}

/** A TCP segment, given without ports, in a frame. */
export function tcpFrame(from: string, fromPort: number, to: string, toPort: number, segment: Uint8Array): Uint8Array {
  const frame = ipFrame(from, to, 6, segment);
  putU16(frame, 34, fromPort);
  putU16(frame, 36, toPort);
  completeChecksum(frame, frame.length);
  return frame;
}

/** What a frame with IP says. */
export interface IpView {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly fragment: number;
  readonly payload: Uint8Array;
}

/** Reads a frame with IP; undefined for another one. Its header checksum must be right. */
export function readIp(frame: Uint8Array): IpView | undefined {
  if (getU16(frame, 12) !== 0x0800) return undefined;
  const end = 14 + getU16(frame, 16);
  if (frame[14] !== 0x45 || end > frame.length || internetChecksum(frame, 14, 34) !== 0) throw new Error('the IP header is wrong');
  return {
    from: dotted(getU32(frame, 26)),
    to: dotted(getU32(frame, 30)),
    protocol: frame[23] as number,
    fragment: getU16(frame, 20),
    payload: frame.slice(34, end),
  };
}

import { PROTOCOL_UDP, putU16 } from '#sdk';
import { type IpSender, MOST_PAYLOAD_BYTES, PAYLOAD } from './ip-sender.ts';

/** Bytes of a UDP header. */
export const UDP_HEADER_BYTES = 8;

/** One end of a UDP flow. */
export interface UdpEnd {
  readonly address: number;
  readonly port: number;
}

/** Sends a datagram to the guest; one that is too long for IP is dropped. */
export function sendUdp(sender: IpSender, from: UdpEnd, to: UdpEnd, payload: Uint8Array): void {
  const length = UDP_HEADER_BYTES + payload.length;
  if (length > MOST_PAYLOAD_BYTES) return;
  const { bytes } = sender;
  putU16(bytes, PAYLOAD, from.port);
  putU16(bytes, PAYLOAD + 2, to.port);
  putU16(bytes, PAYLOAD + 4, length);
  putU16(bytes, PAYLOAD + 6, 0);
  bytes.set(payload, PAYLOAD + UDP_HEADER_BYTES);
  sender.send({ protocol: PROTOCOL_UDP, source: from.address, destination: to.address, length });
}

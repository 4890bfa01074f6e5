import { internetChecksum, putU16, putU32 } from '#sdk';
import { type IpSender, MOST_PAYLOAD_BYTES, PAYLOAD } from './ip-sender.ts';

/** IP's number for ICMP. */
export const PROTOCOL_ICMP = 1;

const ECHO_REPLY = 0;
const UNREACHABLE = 3;
const ECHO_REQUEST = 8;
const HEADER_BYTES = 8;

/** Why a packet did not get to where it was sent. */
export const Unreachable = { network: 0, host: 1, port: 3, prohibited: 13 } as const;

/** Answers echo requests to the gateway, and tells the guest of packets that went nowhere (RFC 792). */
export class Icmp {
  readonly #sender: IpSender;

  constructor(sender: IpSender) {
    this.#sender = sender;
  }

  /** Answers an echo request for `own` from `guest`; the message stands from `at` to `end`. */
  receive(message: { bytes: Uint8Array; at: number; end: number; guest: number; own: number }): void {
    const { bytes, at, end, guest, own } = message;
    const length = end - at;
    if (length < HEADER_BYTES || length > MOST_PAYLOAD_BYTES || bytes[at] !== ECHO_REQUEST || internetChecksum(bytes, at, end) !== 0) return;
    const out = this.#sender.bytes;
    out.set(bytes.subarray(at, end), PAYLOAD);
    out[PAYLOAD] = ECHO_REPLY;
    this.#send(own, guest, length);
  }

  /** Tells that a packet, which stands from `at` to `end`, could not be brought to its destination. */
  unreachable(code: number, packet: { bytes: Uint8Array; at: number; end: number; guest: number; own: number }): void {
    const { bytes, at, end, guest, own } = packet;
    const headerBytes = ((bytes[at] ?? 0) & 0xf) * 4;
    const quoted = Math.min(end, at + headerBytes + 8) - at;
    const out = this.#sender.bytes;
    putU32(out, PAYLOAD, (UNREACHABLE << 24) | (code << 16));
    putU32(out, PAYLOAD + 4, 0);
    out.set(bytes.subarray(at, at + quoted), PAYLOAD + HEADER_BYTES);
    this.#send(own, guest, HEADER_BYTES + quoted);
  }

  #send(source: number, destination: number, length: number): void {
    const out = this.#sender.bytes;
    putU16(out, PAYLOAD + 2, 0);
    putU16(out, PAYLOAD + 2, internetChecksum(out, PAYLOAD, PAYLOAD + length));
    this.#sender.send({ protocol: PROTOCOL_ICMP, source, destination, length });
  }
}

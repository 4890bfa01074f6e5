import { getU16, getU32, putU16, putU32 } from '#sdk';
import type { IpSender, MacAddress } from './ip-sender.ts';

/** Ethernet's number for ARP. */
export const ETHERTYPE_ARP = 0x0806;

const PACKET_BYTES = 28;
const REQUEST = 1;
const REPLY = 2;

/** Answers who asks for the addresses that the gateway stands for (RFC 826). */
export class ArpResponder {
  readonly #sender: IpSender;
  readonly #own: MacAddress;
  readonly #isOwn: (address: number) => boolean;

  constructor(sender: IpSender, own: MacAddress, isOwn: (address: number) => boolean) {
    this.#sender = sender;
    this.#own = own;
    this.#isOwn = isOwn;
  }

  /** Takes a packet that begins at `at`. */
  receive(bytes: Uint8Array, at: number, end: number): void {
    if (at + PACKET_BYTES > end) return;
    const isEthernetAndIp = getU16(bytes, at) === 1 && getU16(bytes, at + 2) === 0x0800 && getU16(bytes, at + 4) === 0x0604;
    if (!isEthernetAndIp || getU16(bytes, at + 6) !== REQUEST) return;
    const asked = getU32(bytes, at + 24);
    const asker = getU32(bytes, at + 14);
    // A guest that asks for its own address looks whether somebody else has it.
    if (!this.#isOwn(asked) || asked === asker) return;
    const out = this.#sender.bytes;
    putU32(out, 14, 0x0001_0800);
    putU16(out, 18, 0x0604);
    putU16(out, 20, REPLY);
    out.set(this.#own, 22);
    putU32(out, 28, asked);
    out.set(bytes.subarray(at + 8, at + 14), 32);
    putU32(out, 38, asker);
    this.#sender.sendFrame(ETHERTYPE_ARP, PACKET_BYTES);
  }
}

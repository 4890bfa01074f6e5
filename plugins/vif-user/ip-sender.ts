// Hot path: every packet for the guest is built here, in one buffer.
import {
  ChecksumState,
  completeChecksum,
  ETHERTYPE_IPV4,
  GsoType,
  getU32,
  internetChecksum,
  MAX_FRAME_BYTES,
  netFrame,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  preparePartialChecksum,
  putU16,
  putU32,
  transportPlace,
  type Vif,
} from '#sdk';

const ETHERNET = 14;
const IP = 20;
/** Where the payload of an IP packet is put before it is sent. */
export const PAYLOAD = ETHERNET + IP;
/** Bytes of an IP packet that a link carries. */
export const MTU = 1500;
/** The longest payload of an IP packet. */
export const MOST_PAYLOAD_BYTES = MAX_FRAME_BYTES - PAYLOAD;

const TTL = 64;
const MORE_FRAGMENTS = 0x2000;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT_BYTES = (MTU - IP) & ~7;

/** Ethernet address of a host on the link. */
export type MacAddress = Uint8Array;

/** An IP packet whose payload stands in the buffer. */
export interface IpPacket {
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  /** Bytes of the payload. */
  readonly length: number;
  /** Bytes of TCP payload in each segment, when the packet is to be cut; 0 else. */
  readonly gsoSize?: number;
}

/** Sends packets to the guest at the other end of the cable. */
export class IpSender {
  /** The packet that is being built: its payload begins at {@link PAYLOAD}. */
  readonly bytes = new Uint8Array(MAX_FRAME_BYTES);
  /** Address of the guest; a broadcast as long as it has not said anything. */
  readonly guest: MacAddress = new Uint8Array(6).fill(0xff);
  readonly #vif: Vif;
  readonly #own: MacAddress;
  readonly #frame = netFrame(this.bytes);
  readonly #fragment = netFrame(new Uint8Array(ETHERNET + MTU));
  readonly #place = transportPlace();
  #identification = 1;

  constructor(vif: Vif, own: MacAddress) {
    this.#vif = vif;
    this.#own = own;
  }

  /** Sends a frame that stands in the buffer behind the Ethernet header, which is written here. */
  sendFrame(type: number, length: number): void {
    this.#writeEthernet(type);
    this.#frame.length = ETHERNET + length;
    this.#frame.checksum = ChecksumState.Complete;
    this.#frame.gsoType = GsoType.None;
    this.#frame.gsoSize = 0;
    this.#vif.deliver(this.#frame);
  }

  /** Sends a packet; one that is too long is cut as the protocol allows. */
  send({ protocol, source, destination, length, gsoSize = 0 }: IpPacket): void {
    const { bytes } = this;
    putU16(bytes, 14, 0x4500);
    putU16(bytes, 16, IP + length);
    putU16(bytes, 18, this.#identification);
    putU16(bytes, 20, protocol === PROTOCOL_TCP ? DONT_FRAGMENT : 0);
    bytes[22] = TTL;
    bytes[23] = protocol;
    putU32(bytes, 26, source);
    putU32(bytes, 30, destination);
    this.#writeEthernet(ETHERTYPE_IPV4);
    this.#writeHeaderChecksum(bytes);
    this.#identification = (this.#identification + 1) & 0xffff;
    const frame = this.#frame;
    frame.length = PAYLOAD + length;
    frame.gsoType = gsoSize > 0 ? GsoType.TcpV4 : GsoType.None;
    frame.gsoSize = gsoSize;
    const hasChecksum = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP;
    if (IP + length > MTU && gsoSize === 0) {
      if (hasChecksum) completeChecksum(bytes, frame.length, this.#place);
      this.#sendFragments(length);
      return;
    }
    if (hasChecksum) preparePartialChecksum(bytes, frame.length, this.#place);
    frame.checksum = hasChecksum ? ChecksumState.Partial : ChecksumState.Complete;
    this.#vif.deliver(frame);
  }

  #sendFragments(length: number): void {
    const { bytes } = this;
    const fragment = this.#fragment;
    const out = fragment.bytes;
    out.set(bytes.subarray(0, PAYLOAD));
    for (let at = 0; at < length; at += FRAGMENT_BYTES) {
      const part = Math.min(FRAGMENT_BYTES, length - at);
      out.set(bytes.subarray(PAYLOAD + at, PAYLOAD + at + part), PAYLOAD);
      putU16(out, 16, IP + part);
      putU16(out, 20, at / 8 + (at + part < length ? MORE_FRAGMENTS : 0));
      this.#writeHeaderChecksum(out);
      fragment.length = PAYLOAD + part;
      this.#vif.deliver(fragment);
    }
  }

  #writeHeaderChecksum(bytes: Uint8Array): void {
    putU16(bytes, 24, 0);
    putU16(bytes, 24, internetChecksum(bytes, ETHERNET, PAYLOAD));
  }

  #writeEthernet(type: number): void {
    const { bytes, guest } = this;
    // To a broadcast address of the link everybody listens, also a guest that has not named itself yet.
    if (getU32(bytes, 30) === 0xffff_ffff && type === ETHERTYPE_IPV4) bytes.fill(0xff, 0, 6);
    else bytes.set(guest, 0);
    bytes.set(this.#own, 6);
    putU16(bytes, 12, type);
  }
}

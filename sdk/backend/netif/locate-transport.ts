import { addWords, getU16 } from './internet-checksum.ts';
import { ETHERNET_HEADER_BYTES } from './net-frame.ts';

/** Ethernet's number for IPv4. */
export const ETHERTYPE_IPV4 = 0x0800;
/** Ethernet's number for IPv6. */
export const ETHERTYPE_IPV6 = 0x86dd;
/** IP's number for TCP. */
export const PROTOCOL_TCP = 6;
/** IP's number for UDP. */
export const PROTOCOL_UDP = 17;

const ETHERTYPE_VLAN = 0x8100;
const IPV6_HEADER_BYTES = 40;
/** Extension headers of IPv6 that may stand before TCP: hop-by-hop, routing, destination options. */
const EXTENSIONS: readonly number[] = [0, 43, 60];
const MOST_EXTENSIONS = 8;

/** Where the headers of a frame are. */
export interface TransportPlace {
  /** 4 or 6, or 0 when the frame is no IP, is a fragment, or is cut off. */
  version: number;
  /** Offset of the IP header. */
  network: number;
  /** Offset of the transport header. */
  transport: number;
  /** IP's number of the transport. */
  protocol: number;
  /** Offset of the first byte after the IP packet, which the frame holds. */
  end: number;
}

/** A place to be filled by {@link locateTransport}. */
export function transportPlace(): TransportPlace {
  return { version: 0, network: 0, transport: 0, protocol: 0, end: 0 };
}

/** Finds the transport header of a frame; whether there is one. What a frame says of its lengths is not believed. */
export function locateTransport(bytes: Uint8Array, length: number, place: TransportPlace): boolean {
  place.version = 0;
  if (length < ETHERNET_HEADER_BYTES) return false;
  let type = getU16(bytes, 12);
  let network = ETHERNET_HEADER_BYTES;
  if (type === ETHERTYPE_VLAN) {
    type = getU16(bytes, 16);
    network += 4;
  }
  place.network = network;
  if (type === ETHERTYPE_IPV4) return locateV4(bytes, length, place);
  return type === ETHERTYPE_IPV6 && locateV6(bytes, length, place);
}

function locateV4(bytes: Uint8Array, length: number, place: TransportPlace): boolean {
  const { network } = place;
  if (network + 20 > length) return false;
  const first = bytes[network] ?? 0;
  const headerBytes = (first & 0xf) * 4;
  const total = getU16(bytes, network + 2);
  const isFragment = (getU16(bytes, network + 6) & 0x3fff) !== 0;
  if (first >> 4 !== 4 || headerBytes < 20 || total < headerBytes || network + total > length || isFragment) return false;
  place.protocol = bytes[network + 9] ?? 0;
  place.transport = network + headerBytes;
  place.end = network + total;
  place.version = 4;
  return true;
}

function locateV6(bytes: Uint8Array, length: number, place: TransportPlace): boolean {
  const { network } = place;
  if (network + IPV6_HEADER_BYTES > length || (bytes[network] ?? 0) >> 4 !== 6) return false;
  const end = network + IPV6_HEADER_BYTES + getU16(bytes, network + 4);
  if (end > length) return false;
  let protocol = bytes[network + 6] ?? 0;
  let transport = network + IPV6_HEADER_BYTES;
  for (let i = 0; i < MOST_EXTENSIONS && EXTENSIONS.includes(protocol) && transport + 8 <= end; i++) {
    protocol = bytes[transport] ?? 0;
    transport += ((bytes[transport + 1] ?? 0) + 1) * 8;
  }
  if (transport > end || EXTENSIONS.includes(protocol)) return false;
  place.protocol = protocol;
  place.transport = transport;
  place.end = end;
  place.version = 6;
  return true;
}

/** Sum of the pseudo header of TCP or UDP, not folded: addresses, protocol, length. */
export function pseudoHeaderSum(bytes: Uint8Array, { version, network, transport, protocol, end }: TransportPlace): number {
  const addresses = version === 4 ? addWords(bytes, network + 12, network + 20) : addWords(bytes, network + 8, network + 40);
  return addresses + protocol + (end - transport);
}

/** Offset of the checksum within a transport header; -1 for a transport that has none of its own here. */
export function checksumOffset(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return 16;
  return protocol === PROTOCOL_UDP ? 6 : -1;
}

import {
  ChecksumState,
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_IPV4,
  getU16,
  getU32,
  internetChecksum,
  locateTransport,
  type NetFrame,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  putU32,
  type TimerFactory,
  transportPlace,
  verifyChecksum,
  type Vif,
  type VifLink,
  type VirtualClock,
} from '#sdk';
import { isInNetwork } from './address.ts';
import { ArpResponder, ETHERTYPE_ARP } from './arp.ts';
import { answerDhcp, DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from './dhcp.ts';
import { DnsForwarder } from './dns/dns-forwarder.ts';
import { DnsStream } from './dns/dns-stream.ts';
import { DNS_PORT } from './dns/dns-message.ts';
import type { NameSource } from './dns/name-source.ts';
import { Icmp, PROTOCOL_ICMP, Unreachable } from './icmp.ts';
import { IpSender } from './ip-sender.ts';
import type { PortForward } from './forward-spec.ts';
import { PortForwards } from './port-forwards.ts';
import { Reassembler } from './reassembler.ts';
import { type LinkAddresses, linkAddresses, type RouteRules, routeTo } from './routes.ts';
import { emptySegment, readSegment } from './tcp/index.ts';
import { TcpNat } from './tcp-nat.ts';
import { UdpNat } from './udp-nat.ts';
import { sendUdp, UDP_HEADER_BYTES, type UdpEnd } from './udp-sender.ts';

/** What a user-mode network is made of. */
export interface UserNetworkSettings extends RouteRules {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  readonly names: NameSource;
  /** The guest's address, when it is not the usual one. */
  readonly guestAddress?: number | undefined;
  /** The guest's Ethernet address, when it is known before the guest says anything. */
  readonly guestMac?: Uint8Array | undefined;
}

/** An IP packet of the guest, by offsets into the bytes that hold it. */
interface Packet {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly guest: number;
  readonly own: number;
}

/** A network of one guest and a gateway, which reaches the host's network by ordinary sockets. */
export class UserNetwork implements VifLink {
  readonly #settings: UserNetworkSettings;
  readonly #addresses: LinkAddresses;
  readonly #sender: IpSender;
  readonly #arp: ArpResponder;
  readonly #icmp: Icmp;
  readonly #dns: DnsForwarder;
  readonly #udp: UdpNat;
  readonly #tcp: TcpNat;
  readonly #forwards: PortForwards;
  readonly #reassembler: Reassembler;
  readonly #place = transportPlace();
  readonly #segment = emptySegment();
  #open = true;
  #ignored = 0;

  constructor(vif: Vif, settings: UserNetworkSettings) {
    const { clock, timers, network, names, guestAddress, guestMac } = settings;
    const addresses = linkAddresses(network);
    this.#settings = settings;
    this.#addresses = { ...addresses, guest: guestAddress ?? addresses.guest };
    const own = new Uint8Array([0x52, 0x55, 0, 0, 0, 0]);
    putU32(own, 2, addresses.gateway);
    const sender = new IpSender(vif, own);
    if (guestMac !== undefined) sender.guest.set(guestMac);
    this.#sender = sender;
    this.#arp = new ArpResponder(sender, own, (address) => address === addresses.gateway || address === addresses.dns);
    this.#icmp = new Icmp(sender);
    this.#dns = new DnsForwarder(names);
    this.#udp = new UdpNat({ sender, clock, timers });
    this.#tcp = new TcpNat({ sender, clock, timers });
    this.#forwards = new PortForwards({ sender, tcp: this.#tcp, gateway: addresses.gateway, guest: () => this.#addresses.guest });
    this.#reassembler = new Reassembler(clock);
  }

  /**
   * Opens a port of the host; the port, which is chosen when the forward says 0.
   * @throws HypervisorError when the host does not give it
   */
  forward(forward: PortForward): Promise<number> {
    return this.#forwards.listen(forward);
  }

  receive(frame: NetFrame): void {
    const { bytes, length } = frame;
    if (length < ETHERNET_HEADER_BYTES || ((bytes[6] ?? 0) & 1) !== 0) return;
    const type = getU16(bytes, 12);
    if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_ARP) this.#sender.guest.set(bytes.subarray(6, 12));
    if (type === ETHERTYPE_ARP) this.#arp.receive(bytes, ETHERNET_HEADER_BYTES, length);
    else if (type !== ETHERTYPE_IPV4 || !this.#receiveIp(frame)) this.#ignored += 1;
  }

  /** A frontend that comes after this one knows nothing of the connections. */
  disconnected(): void {
    this.#tcp.close();
    this.#udp.close();
  }

  close(): void {
    this.#open = false;
    this.#forwards.close();
    this.#tcp.close();
    this.#udp.close();
    this.#dns.close();
  }

  stats(): Readonly<Record<string, number>> {
    return { tcpConnections: this.#tcp.connections, udpFlows: this.#udp.flows, ignoredPackets: this.#ignored };
  }

  /** Takes an IP packet; whether somebody had use for it. */
  #receiveIp(frame: NetFrame): boolean {
    const at = ETHERNET_HEADER_BYTES;
    const { bytes, length, checksum } = frame;
    const headerBytes = ((bytes[at] ?? 0) & 0xf) * 4;
    if (headerBytes < 20 || at + headerBytes > length || internetChecksum(bytes, at, at + headerBytes) !== 0) return false;
    if ((getU16(bytes, at + 6) & 0x3fff) === 0) return this.#receiveWhole(bytes, length, checksum);
    const whole = this.#reassembler.add(bytes, length);
    return whole === undefined || this.#receiveWhole(whole, whole.length, ChecksumState.Complete);
  }

  #receiveWhole(bytes: Uint8Array, length: number, checksum: NetFrame['checksum']): boolean {
    const place = this.#place;
    if (!locateTransport(bytes, length, place)) return false;
    const { protocol, transport, end } = place;
    const guest = getU32(bytes, ETHERNET_HEADER_BYTES + 12);
    // Without an address a guest may ask for one, and nothing else.
    if (guest === 0 ? protocol !== PROTOCOL_UDP : !isInNetwork(guest, this.#settings.network)) return false;
    const hasChecksum = protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP;
    if (hasChecksum && checksum === ChecksumState.Complete && !verifyChecksum(bytes, length, place)) return false;
    const packet = { bytes, at: transport, end, guest, own: getU32(bytes, ETHERNET_HEADER_BYTES + 16) };
    if (protocol === PROTOCOL_UDP) return this.#receiveUdp(packet);
    if (protocol === PROTOCOL_TCP) return this.#receiveTcp(packet);
    if (protocol !== PROTOCOL_ICMP || !this.#isLocal(packet.own)) return false;
    this.#icmp.receive(packet);
    return true;
  }

  #isLocal(address: number): boolean {
    return address === this.#addresses.gateway || address === this.#addresses.dns;
  }

  #receiveTcp({ bytes, at, end, guest, own }: Packet): boolean {
    const segment = this.#segment;
    if (!readSegment(bytes, at, end, segment)) return false;
    const key = { guestAddress: guest, guestPort: segment.sourcePort, remoteAddress: own, remotePort: segment.destinationPort };
    const isDns = own === this.#addresses.dns && segment.destinationPort === DNS_PORT;
    this.#tcp.receive(segment, key, isDns ? (over) => new DnsStream(this.#dns, over) : routeTo(own, this.#settings));
    return true;
  }

  #receiveUdp(packet: Packet): boolean {
    const { bytes, at, guest, own } = packet;
    const end = at + getU16(bytes, at + 4);
    if (at + UDP_HEADER_BYTES > packet.end || end < at + UDP_HEADER_BYTES || end > packet.end) return false;
    const from = { address: guest, port: getU16(bytes, at) };
    const to = { address: own, port: getU16(bytes, at + 2) };
    const payload = bytes.subarray(at + UDP_HEADER_BYTES, end);
    if (to.port === DHCP_SERVER_PORT && from.port === DHCP_CLIENT_PORT) return this.#answerDhcp(payload);
    if (guest === 0) return false;
    if (own === this.#addresses.dns && to.port === DNS_PORT) {
      this.#answerDns(payload.slice(), from, to);
      return true;
    }
    if (own === this.#addresses.gateway && this.#forwards.answer(to.port, payload)) return true;
    const host = routeTo(own, this.#settings);
    if (host === undefined) return this.#refuseUdp(packet);
    this.#udp.send({ guest: from, to, host, payload });
    return true;
  }

  #refuseUdp(packet: Packet): boolean {
    const isLocal = this.#isLocal(packet.own);
    if (!isLocal && isInNetwork(packet.own, this.#settings.network)) return false;
    this.#icmp.unreachable(isLocal ? Unreachable.port : Unreachable.prohibited, { ...packet, at: ETHERNET_HEADER_BYTES });
    return true;
  }

  #answerDhcp(message: Uint8Array): boolean {
    const { gateway, dns, guest } = this.#addresses;
    const reply = answerDhcp(message, 0, message.length, { address: guest, network: this.#settings.network, gateway, dns });
    if (reply === undefined) return false;
    sendUdp(this.#sender, { address: gateway, port: DHCP_SERVER_PORT }, { address: reply.destination, port: DHCP_CLIENT_PORT }, reply.message);
    return true;
  }

  #answerDns(message: Uint8Array, from: UdpEnd, to: UdpEnd): void {
    void this.#dns.answer(message).then((answer) => {
      if (answer !== undefined && this.#open) sendUdp(this.#sender, to, from, answer);
    });
  }
}

import { getU32, putU16, putU32 } from '#sdk';
import { BROADCAST, type Ipv4Network, netmask } from './address.ts';
import { MTU } from './ip-sender.ts';

/** UDP port of servers. */
export const DHCP_SERVER_PORT = 67;
/** UDP port of clients. */
export const DHCP_CLIENT_PORT = 68;

const FIXED_BYTES = 236;
const COOKIE = 0x6382_5363;
const REPLY_BYTES = 300;
const LEASE_SECONDS = 86_400;

const Message = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5, NAK: 6, INFORM: 8 } as const;
const Option = { MASK: 1, ROUTER: 3, DNS: 6, MTU: 26, ADDRESS: 50, LEASE: 51, TYPE: 53, SERVER: 54, END: 255 } as const;

/** What a lease says. */
export interface DhcpLease {
  /** Address of the guest. */
  readonly address: number;
  readonly network: Ipv4Network;
  readonly gateway: number;
  readonly dns: number;
}

/** An answer, and where it goes. */
export interface DhcpReply {
  readonly message: Uint8Array;
  readonly destination: number;
}

/** Answers a DHCP message (RFC 2131) with the one lease of a guest; undefined when there is nothing to say. */
export function answerDhcp(bytes: Uint8Array, at: number, end: number, lease: DhcpLease): DhcpReply | undefined {
  if (end - at < FIXED_BYTES + 4 || bytes[at] !== 1 || bytes[at + 1] !== 1 || bytes[at + 2] !== 6 || getU32(bytes, at + FIXED_BYTES) !== COOKIE)
    return undefined;
  const options = readOptions(bytes, at + FIXED_BYTES + 4, end);
  const asked = options.get(Option.TYPE)?.[0];
  const server = addressIn(options.get(Option.SERVER));
  const current = getU32(bytes, at + 12);
  // A request that names another server declines our offer.
  if (server !== undefined && server !== lease.gateway) return undefined;
  const wanted = addressIn(options.get(Option.ADDRESS)) ?? current;
  switch (asked) {
    case Message.DISCOVER:
      return { message: reply(bytes.subarray(at, end), Message.OFFER, lease), destination: BROADCAST };
    case Message.REQUEST:
      if (wanted !== lease.address) return { message: reply(bytes.subarray(at, end), Message.NAK, lease), destination: BROADCAST };
      return { message: reply(bytes.subarray(at, end), Message.ACK, lease), destination: current === 0 ? BROADCAST : current };
    case Message.INFORM:
      return current === 0 ? undefined : { message: reply(bytes.subarray(at, end), Message.ACK, lease, true), destination: current };
    default:
      return undefined;
  }
}

function readOptions(bytes: Uint8Array, start: number, end: number): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = start; at < end; ) {
    const code = bytes[at] ?? Option.END;
    if (code === Option.END) break;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (at + 2 + length > end) break;
    options.set(code, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

function addressIn(value: Uint8Array | undefined): number | undefined {
  return value?.length === 4 ? getU32(value, 0) : undefined;
}

function reply(request: Uint8Array, type: number, lease: DhcpLease, isInform = false): Uint8Array {
  const out = new Uint8Array(REPLY_BYTES);
  const isNak = type === Message.NAK;
  out.set([2, 1, 6, 0]);
  out.set(request.subarray(4, 8), 4);
  out.set(request.subarray(10, 12), 10);
  if (type === Message.ACK) out.set(request.subarray(12, 16), 12);
  if (!isNak && !isInform) putU32(out, 16, lease.address);
  if (!isNak) putU32(out, 20, lease.gateway);
  out.set(request.subarray(24, 44), 24);
  putU32(out, FIXED_BYTES, COOKIE);
  let at = FIXED_BYTES + 4;
  const put = (code: number, value: number, length: number): void => {
    out[at] = code;
    out[at + 1] = length;
    if (length === 4) putU32(out, at + 2, value);
    else if (length === 2) putU16(out, at + 2, value);
    else out[at + 2] = value;
    at += 2 + length;
  };
  put(Option.TYPE, type, 1);
  put(Option.SERVER, lease.gateway, 4);
  if (!isNak) {
    if (!isInform) put(Option.LEASE, LEASE_SECONDS, 4);
    put(Option.MASK, netmask(lease.network), 4);
    put(Option.ROUTER, lease.gateway, 4);
    put(Option.DNS, lease.dns, 4);
    put(Option.MTU, MTU, 2);
  }
  out[at] = Option.END;
  return out;
}

import { isIPv4 } from 'node:net';

/** A port of the host that leads to one of the guest. */
export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  /** Address of the host to listen on. */
  readonly hostAddress: string;
  /** 0 for any port that is free. */
  readonly hostPort: number;
  readonly guestPort: number;
}

const FORWARD = /^(tcp|udp):(?:([0-9.]+):)?(\d{1,5})-(\d{1,5})$/;

/** Reads `tcp:2222-22+udp:0.0.0.0:5353-53`; undefined for anything else. Without an address it is the host's loopback. */
export function parseForwards(text: string): readonly PortForward[] | undefined {
  if (text === '') return [];
  const forwards: PortForward[] = [];
  for (const part of text.split('+')) {
    const [, protocol, hostAddress = '127.0.0.1', hostPort, guestPort] = FORWARD.exec(part) ?? [];
    const isGood = Number(hostPort) <= 65_535 && Number(guestPort) >= 1 && Number(guestPort) <= 65_535 && isIPv4(hostAddress);
    if (!isGood || (protocol !== 'tcp' && protocol !== 'udp')) return undefined;
    forwards.push({ protocol, hostAddress, hostPort: Number(hostPort), guestPort: Number(guestPort) });
  }
  return forwards;
}

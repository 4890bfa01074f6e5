import { formatAddress, type Ipv4Network, isInNetwork, isUnicast } from './address.ts';

/** How far a guest gets. */
export interface RouteRules {
  readonly network: Ipv4Network;
  /** The gateway's address leads to the host's own loopback. */
  readonly hostLoopback: boolean;
  /** Nothing leaves the network but by forwards. */
  readonly restrict: boolean;
}

/** Addresses in the guest's network that are not the guest's. */
export interface LinkAddresses {
  readonly gateway: number;
  readonly dns: number;
  readonly guest: number;
}

/** The places of a network that mean something: as in other user-mode networks, so that guests' configurations fit. */
export function linkAddresses({ base }: Ipv4Network): LinkAddresses {
  return { gateway: base + 2, dns: base + 3, guest: base + 15 };
}

/** The host's address for a destination of the guest; undefined when it must not or cannot get there. */
export function routeTo(destination: number, { network, hostLoopback, restrict }: RouteRules): string | undefined {
  if (restrict) return undefined;
  if (destination === linkAddresses(network).gateway) return hostLoopback ? '127.0.0.1' : undefined;
  if (!isUnicast(destination) || isInNetwork(destination, network)) return undefined;
  return formatAddress(destination);
}

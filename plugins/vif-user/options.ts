import { booleanOption, type OptionSchema, type PluginOption } from '#sdk';
import { formatAddress, type Ipv4Network, parseNetwork } from './address.ts';
import { parseForwards, type PortForward } from './forward-spec.ts';

/** Options of the user-mode network. */
export interface UserOptions {
  /** The network of each guest. */
  readonly network: Ipv4Network;
  /** Ports of the host that lead to the guest. */
  readonly forward: readonly PortForward[];
  /** The gateway's address leads to the host's loopback. */
  readonly hostLoopback: boolean;
  /** Guests reach nothing but the gateway's own services. */
  readonly restrict: boolean;
}

/** The options when nothing is said. */
export const userDefaults: UserOptions = Object.freeze({
  network: Object.freeze({ base: 0x0a00_0200, bits: 24 }),
  forward: Object.freeze([]),
  hostLoopback: true,
  restrict: false,
});

const { base, bits } = userDefaults.network;

const networkOption: PluginOption<Ipv4Network> = {
  summary: `network of each guest, ${formatAddress(base)}/${bits} when left out`,
  expected: 'a network such as 10.0.2.0/24 with 8 to 27 bits',
  default: userDefaults.network,
  parse: parseNetwork,
};

const forwardOption: PluginOption<readonly PortForward[]> = {
  summary: 'ports of the host that lead to the guest',
  expected: 'tcp:2222-22 or udp:ADDRESS:HOSTPORT-GUESTPORT, several joined by +',
  default: userDefaults.forward,
  parse: parseForwards,
};

/** How the options are written. */
export const userSchema: OptionSchema<UserOptions> = {
  network: networkOption,
  forward: forwardOption,
  hostLoopback: booleanOption({ summary: "the gateway's address leads to the host's loopback", default: userDefaults.hostLoopback }),
  restrict: booleanOption({ summary: 'guests reach nothing but the gateway itself', default: userDefaults.restrict }),
};

import { type BackendEnvironment, HypervisorError, type Vif } from '#sdk';
import { formatAddress, isInNetwork, parseAddress } from './address.ts';
import { hostNames } from './dns/name-source.ts';
import { parseForwards, type PortForward } from './forward-spec.ts';
import type { UserOptions } from './options.ts';
import { linkAddresses } from './routes.ts';
import { UserNetwork } from './user.ts';

/**
 * Makes the network of one vif. What the vif says of itself (`ip`, `forward`) counts more than the options.
 * @throws HypervisorError when a setting cannot be met; nothing is left open then
 */
export async function openUserNetwork(vif: Vif, environment: BackendEnvironment, options: UserOptions): Promise<UserNetwork> {
  const { clock, timers, settings, log } = environment;
  const guestAddress = readGuestAddress(vif, settings['ip'], options);
  const forwards = readForwards(vif, settings['forward'], options);
  const guestMac = readMac(vif);
  const network = new UserNetwork(vif, { ...options, clock, timers, guestAddress, guestMac, names: hostNames() });
  try {
    for (const forward of forwards) {
      const port = await network.forward(forward);
      log.info(`${forward.protocol} port ${port} of ${forward.hostAddress} leads to port ${forward.guestPort} of ${vif.name}`);
    }
  } catch (error) {
    network.close();
    throw error;
  }
  return network;
}

function readGuestAddress(vif: Vif, text: string | undefined, { network }: UserOptions): number | undefined {
  if (text === undefined || text === '') return undefined;
  const address = parseAddress(text);
  const { gateway, dns } = linkAddresses(network);
  if (address !== undefined && isInNetwork(address, network) && address !== gateway && address !== dns) return address;
  throw badSetting(
    vif,
    'ip',
    text,
    `an address in ${formatAddress(network.base)}/${network.bits} other than ${formatAddress(gateway)} and ${formatAddress(dns)}`,
  );
}

function readForwards(vif: Vif, text: string | undefined, { forward }: UserOptions): readonly PortForward[] {
  if (text === undefined) return forward;
  const forwards = parseForwards(text);
  if (forwards === undefined) throw badSetting(vif, 'forward', text, 'tcp:2222-22 or udp:ADDRESS:HOSTPORT-GUESTPORT, several joined by +');
  return forwards;
}

function readMac({ mac, name }: Vif): Uint8Array | undefined {
  if (mac === undefined) return undefined;
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(mac)) throw badSetting({ name }, 'mac', mac, 'an address as 00:16:3e:01:02:03');
  return Uint8Array.from(mac.split(':'), (digits) => Number.parseInt(digits, 16));
}

function badSetting({ name }: Pick<Vif, 'name'>, setting: string, seen: string, expected: string): HypervisorError {
  return new HypervisorError('HV_ERR_VIF_SETTING', `${setting} of ${name} is ${seen}; expected was ${expected}`, { hint: `change ${setting}= of the vif` });
}

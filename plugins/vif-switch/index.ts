import { type BackendPlugin, defineNetworkBackend } from '#sdk';
import { type SwitchOptions, switchSchema } from './options.ts';
import { SwitchNetwork } from './switch-network.ts';

/** Offers the network `switch`: Ethernet switches between the domains of one hypervisor. */
export const vifSwitch: BackendPlugin<SwitchOptions> = defineNetworkBackend({
  name: 'vif-switch',
  capabilities: ['files'],
  backend: 'switch',
  options: switchSchema,
  create: (host, options) => new SwitchNetwork(host, options),
});

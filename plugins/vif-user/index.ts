import { type BackendPlugin, defineNetworkBackend } from '#sdk';
import { openUserNetwork } from './open-user-network.ts';
import { type UserOptions, userSchema } from './options.ts';

/** Offers the network `user`: the host's network for a guest, by ordinary sockets and without root. */
export const vifUser: BackendPlugin<UserOptions> = defineNetworkBackend({
  name: 'vif-user',
  capabilities: ['network'],
  backend: 'user',
  options: userSchema,
  create: (_host, options) => ({ open: (vif, environment) => openUserNetwork(vif, environment, options) }),
});

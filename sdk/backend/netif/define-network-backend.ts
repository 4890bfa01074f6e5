import type { BackendEnvironment, BackendHost } from '../backend.ts';
import { type BackendDefinition, type BackendPlugin, defineBackend } from '../define-backend.ts';
import { NetworkBackend } from './network-backend.ts';
import type { Vif, VifLink } from './vif.ts';

/** A network that vifs are plugged into. There is one for each hypervisor. */
export interface NetworkProvider {
  /**
   * Plugs in a new vif.
   * @throws HypervisorError when the operator's settings cannot be met; the vif then never comes to be
   */
  open(vif: Vif, environment: BackendEnvironment): VifLink | Promise<VifLink>;
  /** The hypervisor ends; all vifs are closed by then. */
  close?(): void | Promise<void>;
}

/** What a plugin says about the network that it offers. */
export interface NetworkDefinition<O extends object> extends Omit<BackendDefinition<O>, 'deviceType' | 'create'> {
  /** Makes the network with options that have been checked. Does nothing else: no vif is known yet. */
  create(host: BackendHost, options: O): NetworkProvider;
}

/** Declares a plugin that offers a network to vifs: frames in, frames out. Rings, grants and events are taken care of. */
export function defineNetworkBackend<O extends object>({ create, ...definition }: NetworkDefinition<O>): BackendPlugin<O> {
  return defineBackend({
    ...definition,
    deviceType: 'vif',
    create: (host, values) => {
      const network = create(host, values);
      return {
        open: async (environment) => {
          const vif = new NetworkBackend(environment);
          vif.plug(await network.open(vif, environment));
          return vif;
        },
        close: () => network.close?.(),
      };
    },
  });
}

import type { Capability } from '../../plugin/capabilities.ts';
import type { OptionSchema } from '../../plugin/options.ts';
import type { BackendEnvironment, BackendHost, BackendLog } from '../backend.ts';
import { type BackendPlugin, defineBackend } from '../define-backend.ts';
import { BlockBackend } from './block-backend.ts';
import type { BlockStore } from './block-store.ts';

/** A VBD that is to be made. */
export interface BlockDeviceRequest {
  /** What the operator wrote behind the backend's name: the path in `file:PATH,xvda,w`. */
  readonly params: string;
  /** Whether the guest may write. */
  readonly readOnly: boolean;
  /** The operator wants it though others use the same data: `w!`. */
  readonly force: boolean;
  /** The guest's name for it, `xvda`, for messages. */
  readonly device: string;
  /** The domain that gets it. */
  readonly domid: number;
  /** Where messages go. */
  readonly log: BackendLog;
  /** Aborted when the device is taken away: what takes long had better end then. */
  readonly signal: AbortSignal;
}

/** Makes the stores of VBDs; may keep what they have in common. */
export interface BlockStoreProvider {
  /**
   * Makes the store of a new VBD.
   * @throws HypervisorError when the operator's settings cannot be met
   */
  open(request: BlockDeviceRequest): BlockStore | Promise<BlockStore>;
  /** The hypervisor ends; all stores are closed by then. */
  close?(): void | Promise<void>;
}

/** What a plugin says about where it keeps the data of VBDs. */
export interface BlockBackendDefinition<O extends object> {
  /** The plugin's name: `vbd-<backend>`. */
  readonly name: string;
  /** The name by which an operator chooses it: `file` as in `file:PATH,xvda,w`. */
  readonly backend: string;
  /** What it uses beyond computing and the SDK, as a literal list; nothing when left out. */
  readonly capabilities?: readonly Capability[];
  /** Its options with their defaults; they hold for all its VBDs. */
  readonly options: OptionSchema<O>;
  /** Makes the provider with options that have been checked. Does nothing else: no VBD is known yet. */
  create(host: BackendHost, options: O): BlockStoreProvider;
}

/**
 * Declares a plugin that keeps the data of VBDs; its `index.ts` exports the result. Rings, grants and the guest's
 * mistakes are taken care of: what is left is a store of bytes.
 */
export function defineBlockBackend<O extends object>({ create, ...definition }: BlockBackendDefinition<O>): BackendPlugin<O> {
  return defineBackend({
    ...definition,
    deviceType: 'vbd',
    create: (host, values) => {
      const provider = create(host, values);
      return {
        open: async (environment) => new BlockBackend(environment, await provider.open(blockDeviceRequest(environment))),
        close: () => provider.close?.(),
      };
    },
  });
}

function blockDeviceRequest({ settings, deviceId, frontendDomid, log, signal }: BackendEnvironment): BlockDeviceRequest {
  const mode = settings['mode'] ?? 'w';
  return {
    params: settings['params'] ?? '',
    readOnly: !mode.startsWith('w'),
    force: mode === 'w!',
    device: settings['dev'] ?? `${deviceId}`,
    domid: frontendDomid,
    log,
    signal,
  };
}

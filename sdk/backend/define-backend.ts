import { definePlugin, PLUGIN_API_VERSION, type Plugin } from '../plugin/define-plugin.ts';
import type { Capability } from '../plugin/capabilities.ts';
import type { OptionSchema } from '../plugin/options.ts';
import type { BackendHost, BackendProvider } from './backend.ts';

/** Types of devices that a plugin may serve, as in XenStore. */
export type DeviceType = 'vbd' | 'vif';

/** What a plugin says about the backend that it offers. */
export interface BackendDefinition<O extends object> {
  /** The plugin's name: `<type>-<backend>`. */
  readonly name: string;
  /** The devices that it serves. */
  readonly deviceType: DeviceType;
  /** The name by which an operator chooses it: `file` as in `file:PATH,xvda,w`. */
  readonly backend: string;
  /** What it uses beyond computing and the SDK, as a literal list; nothing when left out. */
  readonly capabilities?: readonly Capability[];
  /** Its options with their defaults; they hold for all its devices. */
  readonly options: OptionSchema<O>;
  /** Makes the provider with options that have been checked. Does nothing else: no device is known yet. */
  create(host: BackendHost, options: O): BackendProvider;
}

/** A plugin that offers a backend. */
export interface BackendPlugin<O extends object = object> extends Plugin<O> {
  /** The devices that it serves. */
  readonly deviceType: DeviceType;
  /** The name by which an operator chooses it. */
  readonly backend: string;
  /** Makes the provider, once for each hypervisor. */
  createProvider(host: BackendHost, options: O): BackendProvider;
}

/** Declares a plugin that offers a backend of any kind; its `index.ts` exports the result. */
export function defineBackend<O extends object>({ deviceType, backend, create, ...plugin }: BackendDefinition<O>): BackendPlugin<O> {
  return Object.freeze({ ...definePlugin({ ...plugin, apiVersion: PLUGIN_API_VERSION }), deviceType, backend, createProvider: create });
}

/** Whether a plugin offers a backend. */
export function isBackendPlugin(plugin: Plugin): plugin is BackendPlugin {
  return 'createProvider' in plugin && typeof plugin.createProvider === 'function' && 'deviceType' in plugin && 'backend' in plugin;
}

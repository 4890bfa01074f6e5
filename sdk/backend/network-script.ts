import type { Capability } from '../plugin/capabilities.ts';
import { definePlugin, PLUGIN_API_VERSION, type Plugin } from '../plugin/define-plugin.ts';
import type { OptionSchema } from '../plugin/options.ts';
import type { BackendHost } from './backend.ts';

/** A vif that a network script looks after. */
export interface ScriptedVif {
  /** `vif<domid>.<number>`, as Xen calls it. */
  readonly name: string;
  /** The domain whose vif it is. */
  readonly domid: number;
  /** Its number among the domain's vifs, from 0. */
  readonly handle: number;
  /** Its address. */
  readonly mac: string;
  /** The backend that it is plugged into: `switch`. */
  readonly backend: string;
  /** What the operator asked for: `bridge`, `ip`, `rate`, `vifname`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What vifs with `script=NAME` are put through before they reach their network: Xen's vif script, in the process. */
export interface NetworkScript {
  /**
   * A vif is about to be plugged in.
   * @returns settings that it gets besides or instead of those it has; `mac` and `script` cannot be changed
   * @throws HypervisorError when it is not to be; the domain is not created then
   */
  online(vif: ScriptedVif): Readonly<Record<string, string>> | undefined | Promise<Readonly<Record<string, string>> | undefined>;
  /** The vif is unplugged, or could not be plugged in after all. Called once for each `online` that did not throw. */
  offline?(vif: ScriptedVif): void | Promise<void>;
  /** The hypervisor ends, or the plugin is unloaded; all vifs are offline by then. */
  close?(): void | Promise<void>;
}

/** What a plugin says about the network script that it offers. */
export interface NetworkScriptDefinition<O extends object> {
  /** The plugin's name: `net-<script>`. */
  readonly name: string;
  /** The name by which an operator chooses it: `script=<script>`. */
  readonly script: string;
  /** What it uses beyond computing and the SDK, as a literal list; nothing when left out. */
  readonly capabilities?: readonly Capability[];
  /** Its options with their defaults; they hold for all its vifs. */
  readonly options: OptionSchema<O>;
  /** Makes the script with options that have been checked. Does nothing else: no vif is known yet. */
  create(host: BackendHost, options: O): NetworkScript;
}

/** A plugin that offers a network script. */
export interface NetworkScriptPlugin<O extends object = object> extends Plugin<O> {
  /** The name by which an operator chooses it. */
  readonly script: string;
  /** Makes the script, once for each hypervisor. */
  createScript(host: BackendHost, options: O): NetworkScript;
}

/** Declares a plugin that offers a network script; its `index.ts` exports the result. */
export function defineNetworkScript<O extends object>({ script, create, ...plugin }: NetworkScriptDefinition<O>): NetworkScriptPlugin<O> {
  return Object.freeze({ ...definePlugin({ ...plugin, apiVersion: PLUGIN_API_VERSION }), script, createScript: create });
}

/** Whether a plugin offers a network script. */
export function isNetworkScriptPlugin(plugin: Plugin): plugin is NetworkScriptPlugin {
  return 'createScript' in plugin && typeof plugin.createScript === 'function' && 'script' in plugin && typeof plugin.script === 'string';
}

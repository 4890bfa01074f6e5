import type { Capability } from './capabilities.ts';
import type { OptionSchema } from './options.ts';
import type { PcpuPluginContext, PluginContext } from './plugin-context.ts';

/** The version of the contract between plugins and this hypervisor. */
export const PLUGIN_API_VERSION = 1;

/** A plugin: a policy, a backend or a device that the operator may name. */
export interface Plugin<O extends object = object> {
  /** The name of its folder: `<kind>-<subject>`. */
  readonly name: string;
  /** The version of the contract it was written for. */
  readonly apiVersion: typeof PLUGIN_API_VERSION;
  /** What it uses beyond computing and the SDK: a literal list, for it is read before the plugin is loaded. Nothing when left out. */
  readonly capabilities?: readonly Capability[];
  /** Its options with their defaults. */
  readonly options: OptionSchema<O>;
  /** Taps hooks of the main thread. Does nothing else: no I/O, no timers. */
  apply?(context: PluginContext, options: O): void;
  /** Taps hooks of a pCPU, in the pCPU's thread, where the module is loaded anew. Does nothing else. */
  applyPcpu?(context: PcpuPluginContext, options: O): void;
}

/** Declares a plugin; a plugin's `index.ts` exports the result. */
export function definePlugin<O extends object>(plugin: Plugin<O>): Plugin<O> {
  return Object.freeze(plugin);
}

import { type BackendHost, HypervisorError, isNetworkScriptPlugin, type NetworkScript, type ScriptedVif } from '#sdk';
import type { LoadedPlugin } from '../plugin/index.ts';

/** A vif that a script has let in. */
export interface OnlineVif {
  /** What it gets, with the script's changes. */
  readonly settings: Readonly<Record<string, string>>;
  /** To be called when it is unplugged. */
  offline(): Promise<void>;
}

/** The network scripts of a hypervisor, each made when the first vif asks for it. */
export class NetworkScripts {
  readonly #loaded: readonly LoadedPlugin[];
  readonly #host: BackendHost;
  readonly #scripts = new Map<string, NetworkScript>();

  /** @param loaded - plugins that were named */
  constructor(loaded: readonly LoadedPlugin[], host: BackendHost) {
    this.#loaded = loaded;
    this.#host = host;
  }

  /**
   * Puts a vif through the script that its settings name.
   *
   * @throws HypervisorError `HV_ERR_DEVICE_SPEC` when there is no such script, or what the script throws
   */
  async online(vif: ScriptedVif): Promise<OnlineVif> {
    const { settings, mac } = vif;
    const name = settings['script'];
    if (name === undefined) return { settings, offline: async () => undefined };
    const script = this.#get(name);
    const changes = await script.online(vif);
    return {
      settings: { ...settings, ...changes, mac, script: name },
      offline: async () => {
        try {
          await script.offline?.(vif);
        } catch (error) {
          this.#host.log.warn(`the network script ${name} failed when ${vif.name} went: ${error instanceof Error ? error.message : String(error)}`);
        }
      },
    };
  }

  /** A plugin is unloaded; no vif uses its script. */
  async forget(name: string): Promise<void> {
    const script = this.#scripts.get(name);
    this.#scripts.delete(name);
    await script?.close?.();
  }

  /** Ends all scripts; all vifs are offline by then. */
  async close(): Promise<void> {
    for (const name of [...this.#scripts.keys()]) await this.forget(name);
  }

  #get(name: string): NetworkScript {
    const there = this.#scripts.get(name);
    if (there !== undefined) return there;
    for (const { plugin, options } of this.#loaded) {
      if (!isNetworkScriptPlugin(plugin) || plugin.script !== name) continue;
      const made = plugin.createScript(this.#host, options);
      this.#scripts.set(name, made);
      return made;
    }
    const names = this.#loaded.flatMap(({ plugin }) => (isNetworkScriptPlugin(plugin) ? [plugin.script] : []));
    throw new HypervisorError(
      'HV_ERR_DEVICE_SPEC',
      `there is no network script "${name}"; expected was ${names.length === 0 ? 'none' : `one of ${names.join(', ')}`}`,
      {
        hint: 'load the plugin that offers it, or leave script out',
      },
    );
  }
}

import { type BackendHost, type BackendLog, type BackendProvider, type DeviceType, HypervisorError, isBackendPlugin } from '#sdk';
import { type LoadedPlugin, loadPlugins, ownPlugins } from '../plugin/index.ts';
import { hostTime } from './host-time.ts';
import { NetworkScripts } from './network-scripts.ts';

/** The backends that a hypervisor can offer, each made when the first device asks for it. */
export class BackendProviders {
  /** What all backends get. */
  readonly host: BackendHost;
  /** What vifs may be put through. */
  readonly scripts: NetworkScripts;
  readonly #loaded: readonly LoadedPlugin[];
  readonly #providers = new Map<string, Promise<BackendProvider>>();
  readonly #abort = new AbortController();

  /** @param loaded - plugins that were named, with their options; our own need not be */
  constructor(loaded: readonly LoadedPlugin[], log: BackendLog) {
    this.#loaded = loaded;
    this.host = { ...hostTime(), log, signal: this.#abort.signal, defer: (work) => void setImmediate(work) };
    this.scripts = new NetworkScripts(loaded, this.host);
  }

  /** The names of the backends for devices of a type, the usual one first. */
  names(type: DeviceType): string[] {
    const named = this.#loaded.flatMap(({ plugin }) => (isBackendPlugin(plugin) && plugin.deviceType === type ? [plugin.backend] : []));
    const own = ownPlugins().flatMap((name) => (name.startsWith(`${type}-`) ? [name.slice(type.length + 1)] : []));
    const usual = type === 'vif' ? 'user' : 'file';
    const all = [...new Set([...named, ...own])];
    return all.includes(usual) ? [usual, ...all.filter((name) => name !== usual)] : all;
  }

  /**
   * The provider of a backend that {@link names} lists.
   *
   * @throws HypervisorError when there is none, or its plugin cannot be loaded
   */
  get(type: DeviceType, name: string): Promise<BackendProvider> {
    const key = `${type}-${name}`;
    const there = this.#providers.get(key);
    if (there !== undefined) return there;
    const made = this.#make(type, name);
    this.#providers.set(key, made);
    made.catch(() => this.#providers.delete(key));
    return made;
  }

  /** Whether a provider has been asked for before. */
  isMade(type: DeviceType, name: string): boolean {
    return this.#providers.has(`${type}-${name}`);
  }

  /** A plugin is unloaded; no device uses its backend. */
  async forget(type: DeviceType, name: string): Promise<void> {
    const provider = this.#providers.get(`${type}-${name}`);
    this.#providers.delete(`${type}-${name}`);
    await (await provider)?.close?.();
  }

  /** Ends all providers; their devices are closed by then. */
  async close(): Promise<void> {
    this.#abort.abort();
    const providers = await Promise.allSettled(this.#providers.values());
    for (const result of providers) if (result.status === 'fulfilled') await result.value.close?.();
    this.#providers.clear();
    await this.scripts.close();
  }

  async #make(type: DeviceType, name: string): Promise<BackendProvider> {
    const isIt = ({ plugin }: LoadedPlugin): boolean => isBackendPlugin(plugin) && plugin.deviceType === type && plugin.backend === name;
    const found = this.#loaded.find(isIt) ?? (await loadPlugins([{ name: `${type}-${name}`, options: {} }], import.meta.dirname)).find(isIt);
    if (found === undefined || !isBackendPlugin(found.plugin)) {
      throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin ${type}-${name} offers no backend "${name}" for a ${type}`, {
        hint: 'export what defineBackend returns',
      });
    }
    return found.plugin.createProvider(this.host, found.options);
  }
}

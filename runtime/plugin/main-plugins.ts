import { HypervisorError, type HypervisorHooks, type HypervisorStats, type LogRecord, type SchedulerOffers, type Shutdown, type TraceRecord } from '#sdk';
import { applyOnMain } from './apply-plugins.ts';
import type { LoadedPlugin } from './load-plugins.ts';
import type { PluginIsolation } from './plugin-isolation.ts';

/** Hooks that cost something only while they are tapped. */
export type ObserverHook = 'traced' | 'logged' | 'statsCollected';

/** The plugins of a hypervisor on the main thread. Each has hooks of its own, so that it can be taken away with all of its taps. */
export class MainPlugins {
  readonly #isolation: PluginIsolation;
  readonly #loaded: LoadedPlugin[] = [];
  readonly #hooks = new Map<LoadedPlugin, HypervisorHooks>();
  #booted = false;

  /**
   * Applies plugins in their order.
   *
   * @throws HypervisorError when one of them throws
   */
  constructor(loaded: readonly LoadedPlugin[], isolation: PluginIsolation) {
    this.#isolation = isolation;
    for (const each of loaded) this.add(each);
  }

  /** The plugins that there are; stays the same list when they change. */
  get loaded(): readonly LoadedPlugin[] {
    return this.#loaded;
  }

  /** Applies one more. */
  add(loaded: LoadedPlugin): void {
    const hooks = applyOnMain([loaded], this.#isolation);
    this.#hooks.set(loaded, hooks);
    this.#loaded.push(loaded);
  }

  /** Takes one away: none of its taps is called again. */
  remove(loaded: LoadedPlugin): void {
    this.#hooks.delete(loaded);
    const at = this.#loaded.indexOf(loaded);
    if (at >= 0) this.#loaded.splice(at, 1);
    this.#isolation.forget(loaded.plugin.name);
  }

  /** The plugin of a name. */
  find(name: string): LoadedPlugin | undefined {
    return this.#loaded.find(({ plugin }) => plugin.name === name);
  }

  /**
   * The plugin of a name.
   *
   * @throws HypervisorError `HV_ERR_PLUGIN_UNKNOWN`
   */
  must(name: string): LoadedPlugin {
    const found = this.find(name);
    if (found !== undefined) return found;
    const names = this.#loaded.map(({ plugin }) => plugin.name);
    throw new HypervisorError('HV_ERR_PLUGIN_UNKNOWN', `no plugin "${name}" is loaded`, {
      hint: names.length === 0 ? 'none is' : `loaded are ${names.join(', ')}`,
    });
  }

  /** Whether any plugin taps a hook. */
  isUsed(name: ObserverHook): boolean {
    return this.#all().some((hooks) => hooks[name].isUsed());
  }

  /** Asks all plugins for schedulers, or one of them. */
  scheduler(offersOf: (loaded: LoadedPlugin) => SchedulerOffers, only?: LoadedPlugin): void {
    for (const [loaded, hooks] of [...this.#hooks]) if (only === undefined || only === loaded) hooks.scheduler.call(offersOf(loaded));
  }

  /** The first vCPU is about to run. Once; plugins that come later hear of it by {@link catchUp}. */
  async booted(): Promise<void> {
    this.#booted = true;
    for (const hooks of this.#all()) await hooks.booted.promise();
  }

  /** Tells a plugin that came late what it has missed. */
  async catchUp(loaded: LoadedPlugin): Promise<void> {
    if (this.#booted) await this.#hooks.get(loaded)?.booted.promise();
  }

  /** The last vCPU has stopped; for one plugin, when it is unloaded. */
  async shutdown(shutdown: Shutdown, only?: LoadedPlugin): Promise<void> {
    for (const [loaded, hooks] of [...this.#hooks]) if (only === undefined || only === loaded) await hooks.shutdown.promise(shutdown);
  }

  /** Tells of something for a trace. */
  traced(record: TraceRecord): void {
    for (const hooks of this.#all()) hooks.traced.call(record);
  }

  /** Tells of a message for the operator. */
  logged(record: LogRecord): void {
    for (const hooks of this.#all()) hooks.logged.call(record);
  }

  /** Tells what was counted. */
  statsCollected(stats: HypervisorStats): void {
    for (const hooks of this.#all()) hooks.statsCollected.call(stats);
  }

  #all(): HypervisorHooks[] {
    return [...this.#hooks.values()];
  }
}

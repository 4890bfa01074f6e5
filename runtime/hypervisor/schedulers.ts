import { HypervisorError, isSchedulerPlugin, type SchedulerFactory } from '#sdk';
import { type LoadedPlugin, loadPlugins, type MainPlugins, ownPlugins, resolveOptions } from '../plugin/index.ts';

/** Options of a scheduler as they may be given to the API. */
export type SchedulerOptions = Readonly<Record<string, string | number | boolean>>;

/** Finds schedulers by the names that an operator gives them. */
export class Schedulers {
  readonly #loaded: readonly LoadedPlugin[];
  /** Those that were asked for before: a change is quicker than a look at the disk. */
  readonly #found = new Map<string, LoadedPlugin>();

  readonly #plugins: MainPlugins;
  readonly #offered = new Map<string, { readonly create: SchedulerFactory; readonly by: LoadedPlugin }>();

  /** @param plugins - plugins that were named; our own need not be */
  constructor(plugins: MainPlugins) {
    this.#plugins = plugins;
    this.#loaded = plugins.loaded;
    this.ask();
  }

  /** Asks plugins for schedulers that they have not declared; or one that came late. */
  ask(only?: LoadedPlugin): void {
    this.#plugins.scheduler((by) => ({ offer: (name, create) => this.#offer(name, create, by) }), only);
  }

  /** The names of the schedulers of a plugin. */
  offeredBy(loaded: LoadedPlugin): string[] {
    const names = [...this.#offered].flatMap(([name, { by }]) => (by === loaded ? [name] : []));
    return isSchedulerPlugin(loaded.plugin) ? [...names, loaded.plugin.scheduler] : names;
  }

  /** A plugin is unloaded. */
  forget(loaded: LoadedPlugin): void {
    for (const name of this.offeredBy(loaded)) {
      this.#offered.delete(name);
      this.#found.delete(name);
    }
  }

  /** The names of all schedulers. */
  names(): string[] {
    const named = this.#loaded.flatMap(({ plugin }) => (isSchedulerPlugin(plugin) ? [plugin.scheduler] : []));
    return [
      ...new Set([...this.#offered.keys(), ...named, ...ownPlugins().flatMap((name) => (name.startsWith('sched-') ? [name.slice('sched-'.length)] : []))]),
    ];
  }

  /**
   * What makes a scheduler.
   *
   * @throws HypervisorError `HV_ERR_SCHEDULER_UNKNOWN`, or `HV_ERR_PLUGIN_OPTION`
   */
  async find(name: string, options: SchedulerOptions = {}): Promise<SchedulerFactory> {
    const offered = this.#offered.get(name);
    if (offered !== undefined) return offered.create;
    const { plugin, options: usual } = this.#found.get(name) ?? (await this.#load(name));
    if (!isSchedulerPlugin(plugin)) throw new Error(`${plugin.name} is no scheduler`);
    const written = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)]));
    const values = Object.keys(written).length === 0 ? usual : resolveOptions(plugin.name, plugin.options, written);
    return (host) => plugin.createScheduler(host, values);
  }

  #offer(name: string, create: SchedulerFactory, by: LoadedPlugin): void {
    if (this.names().includes(name)) {
      throw new HypervisorError('HV_ERR_SCHEDULER_TAKEN', `there is a scheduler "${name}" already`, {
        hint: 'offer it by another name, or leave one plugin out',
      });
    }
    this.#offered.set(name, { create, by });
  }

  async #load(name: string): Promise<LoadedPlugin> {
    if (typeof name !== 'string' || !this.names().includes(name)) {
      throw new HypervisorError('HV_ERR_SCHEDULER_UNKNOWN', `there is no scheduler "${name}"`, { hint: `choose one of ${this.names().join(', ')}` });
    }
    const isIt = ({ plugin }: LoadedPlugin): boolean => isSchedulerPlugin(plugin) && plugin.scheduler === name;
    const found = this.#loaded.find(isIt) ?? (await loadPlugins([{ name: `sched-${name}`, options: {} }], import.meta.dirname)).find(isIt);
    if (found === undefined || !isSchedulerPlugin(found.plugin)) {
      throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin sched-${name} offers no scheduler "${name}"`, {
        hint: 'export what defineScheduler returns',
      });
    }
    this.#found.set(name, found);
    return found;
  }
}

import { HypervisorError, isSchedulerPlugin, type SchedulerFactory } from '#sdk';
import { type LoadedPlugin, loadPlugins, ownPlugins, resolveOptions } from '../plugin/index.ts';

/** Options of a scheduler as they may be given to the API. */
export type SchedulerOptions = Readonly<Record<string, string | number | boolean>>;

/** Finds schedulers by the names that an operator gives them. */
export class Schedulers {
  readonly #loaded: readonly LoadedPlugin[];

  /** @param loaded - plugins that were named; our own need not be */
  constructor(loaded: readonly LoadedPlugin[]) {
    this.#loaded = loaded;
  }

  /** The names of all schedulers. */
  names(): string[] {
    const named = this.#loaded.flatMap(({ plugin }) => (isSchedulerPlugin(plugin) ? [plugin.scheduler] : []));
    return [...new Set([...named, ...ownPlugins().flatMap((name) => (name.startsWith('sched-') ? [name.slice('sched-'.length)] : []))])];
  }

  /**
   * What makes a scheduler.
   *
   * @throws HypervisorError `HV_ERR_SCHEDULER_UNKNOWN`, or `HV_ERR_PLUGIN_OPTION`
   */
  async find(name: string, options: SchedulerOptions = {}): Promise<SchedulerFactory> {
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
    const { plugin } = found;
    const written = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)]));
    const values = Object.keys(written).length === 0 ? found.options : resolveOptions(plugin.name, plugin.options, written);
    return (host) => plugin.createScheduler(host, values);
  }
}

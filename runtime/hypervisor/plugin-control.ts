import { type DeviceType, HypervisorError, isBackendPlugin, isNetworkScriptPlugin, isSchedulerPlugin, type Plugin } from '#sdk';
import type { BackendProviders } from '../device/backend-providers.ts';
import type { PcpuCommand } from '../pcpu/pcpu-protocol.ts';
import { type LoadedPlugin, loadPlugins, type MainPlugins } from '../plugin/index.ts';
import { type PluginChoice, pluginRequest } from './check-options.ts';
import type { Observer } from './observer.ts';
import type { Schedulers } from './schedulers.ts';

/** What changes when plugins come and go. */
export interface PluginControlParts {
  readonly plugins: MainPlugins;
  readonly directory: string;
  readonly schedulers: Schedulers;
  readonly providers: BackendProviders;
  readonly observer: Observer;
  /** Names of the backends that devices of domains use now: `vbd-file`. */
  usedBackends(): ReadonlySet<string>;
  /** The scheduler in charge. */
  scheduler(): string;
  /** Tells all pCPUs, and waits until they have done it. */
  tellPcpus(command: PcpuCommand): Promise<void>;
}

/** Loads and unloads plugins of a hypervisor that runs. */
export class PluginControl {
  readonly #parts: PluginControlParts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: PluginControlParts) {
    this.#parts = parts;
  }

  /** Loads a plugin; what is said of errors is said at `Hypervisor.loadPlugin`. */
  load(choice: PluginChoice): Promise<Plugin> {
    return this.#inTurn(() => this.#load(choice));
  }

  /** Unloads a plugin; what is said of errors is said at `Hypervisor.unloadPlugin`. */
  unload(name: string): Promise<void> {
    return this.#inTurn(() => this.#unload(name));
  }

  async #load(choice: PluginChoice): Promise<Plugin> {
    const { plugins, directory, schedulers, observer } = this.#parts;
    const [loaded] = await loadPlugins([pluginRequest('plugin', choice)], directory);
    if (loaded === undefined) throw new Error('no plugin was loaded');
    const { plugin, request } = loaded;
    this.#refuseTwice(plugin);
    plugins.add(loaded);
    try {
      schedulers.ask(loaded);
      if (plugin.applyPcpu !== undefined) await this.#parts.tellPcpus({ kind: 'load', plugin: request });
      observer.refresh();
      await plugins.catchUp(loaded);
    } catch (error) {
      await this.#forget(loaded);
      throw error;
    }
    return plugin;
  }

  async #unload(name: string): Promise<void> {
    const loaded = this.#parts.plugins.must(name);
    this.#refuseUsed(loaded);
    try {
      await this.#parts.plugins.shutdown({ reason: 'stopped', exitCode: 0 }, loaded);
    } finally {
      await this.#forget(loaded);
    }
  }

  /** Plugins come and go one after another. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#last.then(action);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #forget(loaded: LoadedPlugin): Promise<void> {
    const { plugins, schedulers, providers, observer } = this.#parts;
    const { plugin } = loaded;
    plugins.remove(loaded);
    schedulers.forget(loaded);
    observer.refresh();
    if (isBackendPlugin(plugin)) await providers.forget(plugin.deviceType, plugin.backend);
    if (isNetworkScriptPlugin(plugin)) await providers.scripts.forget(plugin.script);
    if (plugin.applyPcpu !== undefined) await this.#parts.tellPcpus({ kind: 'unload', plugin: plugin.name });
  }

  #refuseUsed(loaded: LoadedPlugin): void {
    const { plugin } = loaded;
    const { schedulers, scheduler } = this.#parts;
    const used = this.#parts.usedBackends();
    if (schedulers.offeredBy(loaded).includes(scheduler())) {
      throw busy(`the scheduler ${scheduler()} of the plugin ${plugin.name} is in charge`, 'choose another one with setScheduler before');
    }
    if (isBackendPlugin(plugin) && used.has(`${plugin.deviceType}-${plugin.backend}`)) {
      throw busy(`a domain has a ${plugin.deviceType} of the plugin ${plugin.name}`, 'destroy the domain before');
    }
    if (isNetworkScriptPlugin(plugin) && used.has(`script-${plugin.script}`)) {
      throw busy(`a domain has a vif with the network script ${plugin.script}`, 'destroy the domain before');
    }
  }

  #refuseTwice(plugin: Plugin): void {
    const { plugins, providers, scheduler } = this.#parts;
    if (plugins.find(plugin.name) !== undefined) throw busy(`the plugin ${plugin.name} is loaded already`, 'unload it before');
    const isMade = (type: DeviceType, backend: string): boolean => providers.isMade(type, backend);
    if (isBackendPlugin(plugin) && isMade(plugin.deviceType, plugin.backend)) {
      throw busy(`there is a backend ${plugin.backend} for a ${plugin.deviceType} already, and it has been used`, 'choose another name for the backend');
    }
    if (isSchedulerPlugin(plugin) && plugin.scheduler === scheduler()) throw busy(`a scheduler ${plugin.scheduler} is in charge`, 'choose another one before');
  }
}

function busy(message: string, hint: string): HypervisorError {
  return new HypervisorError('HV_ERR_PLUGIN_BUSY', message, { hint });
}

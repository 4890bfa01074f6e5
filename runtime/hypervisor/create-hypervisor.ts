import type { HypervisorError } from '#sdk';
import { loadInterpreter } from '#jit/interpreter';
import { loadPlugins, MainPlugins, PluginIsolation } from '../plugin/index.ts';
import { type CheckedOptions, checkOptions, type HypervisorOptions } from './check-options.ts';
import { Hypervisor } from './hypervisor.ts';
import { Schedulers } from './schedulers.ts';

/**
 * Makes a hypervisor: pCPUs that take orders, and no domain yet.
 *
 * @throws HypervisorError when an option is wrong or a plugin cannot be loaded; no thread is left then
 */
export async function createHypervisor(options: HypervisorOptions = {}): Promise<Hypervisor> {
  return startHypervisor(checkOptions(options));
}

/** What the command line has done already, or wants to know. */
export interface StartExtras {
  /** The plugins that the options name, loaded; who made these fires `booted` and `shutdown`. */
  readonly plugins?: MainPlugins;
  /** Called before the interpreter is generated, which takes a while. */
  readonly onGenerate?: () => void;
}

/** As {@link createHypervisor}, with what only the command line may say. */
export async function startHypervisor(options: CheckedOptions, { plugins: given, onGenerate }: StartExtras = {}): Promise<Hypervisor> {
  const warnings: HypervisorError[] = [];
  let warn = (error: HypervisorError): void => void warnings.push(error);
  const plugins = given ?? new MainPlugins(await loadPlugins(options.plugins, options.directory), new PluginIsolation((error) => warn(error)));
  const schedulers = new Schedulers(plugins);
  const create = await schedulers.find(options.scheduler.name, options.scheduler.options);
  const { module, index } = await loadInterpreter(onGenerate);
  const hypervisor = new Hypervisor({ options, module, index, plugins, firesHooks: given === undefined }, schedulers, create);
  warn = (error) => void hypervisor.emit('warning', error);
  // Who made the hypervisor can listen then.
  setImmediate(() => warnings.forEach(warn));
  try {
    await hypervisor.begin();
  } catch (error) {
    await hypervisor.close();
    throw error;
  }
  return hypervisor;
}

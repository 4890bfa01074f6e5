import { definePlugin, PLUGIN_API_VERSION, type Plugin } from '../plugin/define-plugin.ts';
import type { Capability } from '../plugin/capabilities.ts';
import type { OptionSchema } from '../plugin/options.ts';
import type { Scheduler, SchedulerHost } from './scheduler.ts';

/** Makes a scheduler for a host. Does nothing else: no vCPU is known yet, and nothing has been asked of the host. */
export type SchedulerFactory = (host: SchedulerHost) => Scheduler;

/** What a plugin says about the scheduler that it offers. */
export interface SchedulerDefinition<O extends object> {
  /** The plugin's name: `sched-<scheduler>`. */
  readonly name: string;
  /** The name by which an operator chooses the scheduler: `sedf`. */
  readonly scheduler: string;
  /** What it uses beyond computing and the SDK, as a literal list; nothing when left out. */
  readonly capabilities?: readonly Capability[];
  /** Its options with their defaults. */
  readonly options: OptionSchema<O>;
  /** Makes the scheduler with options that have been checked. */
  create(host: SchedulerHost, options: O): Scheduler;
}

/** A plugin that offers a scheduler. */
export interface SchedulerPlugin<O extends object = object> extends Plugin<O> {
  /** The name by which an operator chooses the scheduler. */
  readonly scheduler: string;
  /** Makes the scheduler, once for each host that takes it. */
  createScheduler(host: SchedulerHost, options: O): Scheduler;
}

/** Declares a plugin that offers a scheduler; its `index.ts` exports the result. */
export function defineScheduler<O extends object>({ scheduler, create, ...plugin }: SchedulerDefinition<O>): SchedulerPlugin<O> {
  return Object.freeze({ ...definePlugin({ ...plugin, apiVersion: PLUGIN_API_VERSION }), scheduler, createScheduler: create });
}

/** Whether a plugin offers a scheduler. */
export function isSchedulerPlugin(plugin: Plugin): plugin is SchedulerPlugin {
  return 'createScheduler' in plugin && typeof plugin.createScheduler === 'function' && 'scheduler' in plugin && typeof plugin.scheduler === 'string';
}

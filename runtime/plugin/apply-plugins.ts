import {
  createHypervisorHooks,
  createPcpuHooks,
  facadeOf,
  HypervisorError,
  type HypervisorHooks,
  isolateTaps,
  type PcpuHooks,
  type Platform,
  type Plugin,
  type TapIsolation,
} from '#sdk';
import { guardPlatform } from './guarded-platform.ts';
import type { LoadedPlugin } from './load-plugins.ts';

/** What is needed of a plugin to apply it. */
type Applicable = Pick<LoadedPlugin, 'plugin' | 'options'>;

/** Makes the hypervisor's hooks, with the plugins' taps on them. */
export function applyOnMain(loaded: readonly Applicable[], isolation: TapIsolation): HypervisorHooks {
  const hooks = createHypervisorHooks();
  for (const [hookName, hook] of Object.entries(hooks)) isolateTaps(hook, { hookName, isolation });
  for (const { plugin, options } of loaded) {
    const facades = {
      scheduler: facadeOf(hooks.scheduler, plugin.name),
      booted: facadeOf(hooks.booted, plugin.name),
      shutdown: facadeOf(hooks.shutdown, plugin.name),
      traced: facadeOf(hooks.traced, plugin.name),
      logged: facadeOf(hooks.logged, plugin.name),
      statsCollected: facadeOf(hooks.statsCollected, plugin.name),
    };
    applying(plugin, () => plugin.apply?.({ hooks: facades }, options));
  }
  return hooks;
}

/** Makes a pCPU's hooks, with the plugins' taps on them. */
export function applyOnPcpu(loaded: readonly Applicable[], isolation: TapIsolation): PcpuHooks {
  const hooks = createPcpuHooks();
  isolateTaps(hooks.platformCreated, {
    hookName: 'platformCreated',
    isolation,
    adapt: (platform, plugin) => guardPlatform(platform as Platform, plugin, isolation),
  });
  for (const { plugin, options } of loaded) {
    applying(plugin, () => plugin.applyPcpu?.({ hooks: { platformCreated: facadeOf(hooks.platformCreated, plugin.name) } }, options));
  }
  return hooks;
}

/** Nothing runs yet when plugins are applied, so that a plugin that throws here ends the start. */
function applying(plugin: Plugin, action: () => void): void {
  try {
    action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HypervisorError('HV_ERR_PLUGIN_FAILED', `the plugin ${plugin.name} failed while it was applied: ${reason}`, {
      hint: 'leave it out or correct it; --debug shows where',
      cause,
    });
  }
}

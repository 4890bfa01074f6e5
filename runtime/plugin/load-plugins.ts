import { HypervisorError, PLUGIN_API_VERSION, type Plugin } from '#sdk';
import { findPlugin } from './find-plugin.ts';
import { type PluginRequest, resolveOptions } from './plugin-request.ts';

/** A plugin with the options that it is to be applied with. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly options: object;
}

/**
 * Loads the plugins that the operator named, in that order, and checks their options.
 *
 * @throws HypervisorError with one of the `HV_ERR_PLUGIN_` codes
 */
export async function loadPlugins(requests: readonly PluginRequest[], directory: string): Promise<LoadedPlugin[]> {
  const loaded: LoadedPlugin[] = [];
  for (const request of requests) {
    const plugin = await importPlugin(request.name, findPlugin(request.name, directory));
    loaded.push({ plugin, options: resolveOptions(plugin.name, plugin.options, request.options) });
  }
  return loaded;
}

async function importPlugin(name: string, module: URL): Promise<Plugin> {
  let exports: Record<string, unknown>;
  try {
    exports = await import(module.href);
  } catch (cause) {
    throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin ${name} cannot be loaded: ${firstLine(cause)}`, {
      hint: 'correct it; --debug shows where',
      cause,
    });
  }
  const plugin = Object.values(exports).find(isPlugin);
  if (plugin === undefined) {
    throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `${name} is no plugin: it exports no object with name, apiVersion and options`, {
      hint: 'export what definePlugin returns',
    });
  }
  if (plugin.apiVersion !== PLUGIN_API_VERSION) {
    throw new HypervisorError(
      'HV_ERR_PLUGIN_INVALID',
      `the plugin ${plugin.name} is made for version ${plugin.apiVersion} of the plugin contract; expected was ${PLUGIN_API_VERSION}`,
      { hint: 'use a release of the plugin that fits this release of Xylem' },
    );
  }
  return plugin;
}

function isPlugin(value: unknown): value is Plugin {
  if (typeof value !== 'object' || value === null) return false;
  const { name, apiVersion, options } = value as Partial<Record<keyof Plugin, unknown>>;
  return typeof name === 'string' && typeof apiVersion === 'number' && typeof options === 'object' && options !== null;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

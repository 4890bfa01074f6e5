import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HypervisorError, PLUGIN_API_VERSION, type Plugin } from '#sdk';
import { findPlugin } from './find-plugin.ts';
import { type PluginRequest, resolveOptions } from './plugin-request.ts';

/** A plugin with the options that it is to be applied with. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly options: object;
  /** As it was asked for. */
  readonly request: PluginRequest;
}

/** What a plugin may import without declaring it; the second is what those call it that come with us. */
const CONTRACT = ['xylem/sdk', '#sdk'] as const;
const OWN_ROOT = join(import.meta.dirname, '../..');

/**
 * Loads the plugins that the operator named, in that order: reads their sources, imports them, and checks their options.
 *
 * @param isRead - whether the main thread has read their sources before
 * @throws HypervisorError with one of the `HV_ERR_PLUGIN_` codes
 */
export async function loadPlugins(requests: readonly PluginRequest[], directory: string, isRead = false): Promise<LoadedPlugin[]> {
  const loaded: LoadedPlugin[] = [];
  for (const request of requests) {
    const plugin = request.plugin === undefined ? await importChecked(request.name, directory, isRead) : objectOf(request.plugin);
    loaded.push(withOptions(plugin, request));
  }
  return loaded;
}

/** As {@link loadPlugins}, at once: for threads whose event loop does not turn. The main thread has read the sources before. */
export function loadPluginsAgain(requests: readonly PluginRequest[], directory: string): LoadedPlugin[] {
  return requests.map((request) => {
    const { module } = findPlugin(request.name, directory);
    try {
      const exports: Record<string, unknown> = createRequire(import.meta.url)(fileURLToPath(module));
      return withOptions(pluginOf(request.name, exports), request);
    } catch (cause) {
      throw cannotLoad(request.name, cause);
    }
  });
}

function withOptions(plugin: Plugin, request: PluginRequest): LoadedPlugin {
  return { plugin, options: resolveOptions(plugin.name, plugin.options, request.options), request };
}

async function importChecked(name: string, directory: string, isRead: boolean): Promise<Plugin> {
  const { module, folder } = findPlugin(name, directory);
  const load = async (): Promise<Plugin> => pluginOf(name, await importing(name, module));
  if (folder === undefined || isRead) return load();
  // Ours need no check, and most runs have no others.
  const { checkSource } = await import('./source/check-source.ts');
  const written = checkSource({ name, module, folder, free: folder.startsWith(OWN_ROOT) ? CONTRACT : CONTRACT.slice(0, 1) });
  const plugin = await load();
  const declared = new Set(plugin.capabilities);
  const odd = [...written].find((each) => !declared.has(each)) ?? [...declared].find((each) => !written.has(each));
  if (odd !== undefined) {
    throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin ${plugin.name} declares the capability ${odd} otherwise than its source says`, {
      hint: 'write capabilities into its declaration as a list of texts',
    });
  }
  return plugin;
}

/** A plugin that was given as an object: whoever gave it has imported it. Threads cannot. */
function objectOf(plugin: Plugin): Plugin {
  const checked = pluginOf('that was given', { plugin });
  if (checked.applyPcpu === undefined) return checked;
  throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin ${checked.name} was given as an object, and taps hooks of pCPUs, whose threads load it anew`, {
    hint: 'give its path or the name of its package instead',
  });
}

async function importing(name: string, module: URL): Promise<Record<string, unknown>> {
  try {
    return await import(module.href);
  } catch (cause) {
    throw cannotLoad(name, cause);
  }
}

function cannotLoad(name: string, cause: unknown): HypervisorError {
  if (cause instanceof HypervisorError) return cause;
  return new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin ${name} cannot be loaded: ${firstLine(cause)}`, {
    hint: 'correct it; --debug shows where',
    cause,
  });
}

function pluginOf(name: string, exports: Record<string, unknown>): Plugin {
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

export { applyOnMain, applyOnPcpu } from './apply-plugins.ts';
export { ownPlugins } from './find-plugin.ts';
export { type LoadedPlugin, loadPlugins } from './load-plugins.ts';
export { PluginIsolation } from './plugin-isolation.ts';
export { type PluginRequest, parsePluginRequest, resolveOptions } from './plugin-request.ts';

export { applyOnMain, applyOnPcpu } from './apply-plugins.ts';
export { ownPlugins } from './find-plugin.ts';
export { type LoadedPlugin, loadPlugins, loadPluginsAgain } from './load-plugins.ts';
export { MainPlugins } from './main-plugins.ts';
export { PcpuPlugins } from './pcpu-plugins.ts';
export { PluginIsolation } from './plugin-isolation.ts';
export { type PluginRequest, parsePluginRequest, resolveOptions } from './plugin-request.ts';

import type { PcpuHooks, Platform } from '#sdk';
import { applyOnPcpu } from './apply-plugins.ts';
import type { LoadedPlugin } from './load-plugins.ts';
import type { PluginIsolation } from './plugin-isolation.ts';

/** The plugins of a pCPU's thread. Each has hooks of its own, so that it can be taken away with all of its taps. */
export class PcpuPlugins {
  readonly #isolation: PluginIsolation;
  readonly #hooks = new Map<LoadedPlugin, PcpuHooks>();

  constructor(loaded: readonly LoadedPlugin[], isolation: PluginIsolation) {
    this.#isolation = isolation;
    for (const each of loaded) this.add(each);
  }

  /** Applies one more. */
  add(loaded: LoadedPlugin): void {
    this.#hooks.set(loaded, applyOnPcpu([loaded], this.#isolation));
  }

  /** Takes one away: guests that are built from now on know nothing of it. */
  remove(name: string): void {
    for (const loaded of [...this.#hooks.keys()]) if (loaded.plugin.name === name) this.#hooks.delete(loaded);
    this.#isolation.forget(name);
  }

  /** A guest's platform stands. */
  platformCreated(platform: Platform): void {
    for (const hooks of this.#hooks.values()) hooks.platformCreated.call(platform);
  }
}

import { HypervisorError, type TapFailure, type TapIsolation } from '#sdk';

/** Hooks that only tell: whatever a plugin does there, nobody waits for it. */
const OBSERVING: readonly string[] = ['traced', 'logged', 'statsCollected'];

/**
 * Keeps plugins that throw away from the hypervisor: the first failure of each is reported in one line, then it is
 * disabled and the hypervisor goes on. A `HypervisorError` is no defect but the operator's to mend, and is passed on.
 */
export class PluginIsolation implements TapIsolation {
  readonly #disabled = new Set<string>();
  #anyFailed = false;
  readonly #report: (error: HypervisorError) => void;

  /** @param report - takes the error of each plugin that is disabled */
  constructor(report: (error: HypervisorError) => void) {
    this.#report = report;
  }

  /** Whether any plugin was disabled. */
  get anyFailed(): boolean {
    return this.#anyFailed;
  }

  isDisabled(plugin: string): boolean {
    return this.#disabled.has(plugin);
  }

  /** A plugin is unloaded; another one of its name begins anew. */
  forget(plugin: string): void {
    this.#disabled.delete(plugin);
  }

  failed({ plugin, hook, cause }: TapFailure): void {
    if (cause instanceof HypervisorError && !OBSERVING.includes(hook)) {
      const { code, message, hint } = cause;
      throw new HypervisorError(code, `plugin ${plugin}: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
    }
    if (this.#disabled.has(plugin)) return;
    this.#disabled.add(plugin);
    this.#anyFailed = true;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#report(
      new HypervisorError('HV_ERR_PLUGIN_FAILED', `the plugin ${plugin} failed in ${hook} and is disabled: ${reason.split('\n', 1)[0]}`, {
        cause,
      }),
    );
  }
}

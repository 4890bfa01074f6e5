import type { HypervisorHooks } from '../hooks/hypervisor-hooks.ts';
import type { PcpuHooks } from '../hooks/pcpu-hooks.ts';
import type { TapOnlyHooks } from '../hooks/tap-only.ts';

/** What a plugin gets on the main thread. */
export interface PluginContext {
  /** The hypervisor's hooks, to be tapped. */
  readonly hooks: TapOnlyHooks<HypervisorHooks>;
}

/** What a plugin gets in each pCPU's thread. */
export interface PcpuPluginContext {
  /** The pCPU's hooks, to be tapped. */
  readonly hooks: TapOnlyHooks<PcpuHooks>;
}

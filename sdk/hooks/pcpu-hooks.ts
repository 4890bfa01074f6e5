import { SyncHook } from 'tapable';
import type { Platform } from '../contract/platform.ts';

/** The hooks whose life is one pCPU's. */
export interface PcpuHooks {
  /**
   * A guest's platform stands with all of its own devices, and nothing has run on it: the place to map devices.
   *
   * @kind event
   * @thread pCPU
   * @fires for every guest that the pCPU builds, and again after each reset of it
   * @previous none
   * @next {@link HypervisorHooks.booted}
   */
  readonly platformCreated: SyncHook<[Platform]>;
}

/** Makes the hooks of one pCPU. */
export function createPcpuHooks(): PcpuHooks {
  return Object.freeze({ platformCreated: new SyncHook<[Platform]>(['platform'], 'platformCreated') });
}

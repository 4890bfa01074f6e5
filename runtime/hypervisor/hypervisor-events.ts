import type { HypervisorError } from '#sdk';
import type { Domain } from './domain.ts';

/** What a hypervisor tells. */
export interface HypervisorEvents {
  /** A domain was created and runs. */
  domainCreated: [Domain];
  /** A domain is gone. */
  domainEnded: [Domain];
  /** A plugin was disabled, a scheduler replaced, or a pCPU lost; the hypervisor goes on. */
  warning: [HypervisorError];
  /** What devices of plugins write for the host's standard error. */
  stderr: [Uint8Array];
}

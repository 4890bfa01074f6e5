export { createHypervisor } from './hypervisor/index.ts';
export type {
  Domain,
  DomainEnd,
  DomainEvents,
  Hypervisor,
  HypervisorEvents,
  HypervisorOptions,
  PluginChoice,
  PluginWithOptions,
  SchedulerOptions,
  ShutdownRequest,
} from './hypervisor/index.ts';
export type { RunStats } from './pcpu/index.ts';
export { type DomainAction, type DomainConfig, type ErrorCode, HypervisorError, type HypervisorStats, type Plugin } from '#sdk';

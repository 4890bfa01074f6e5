export type { HypervisorOptions, PluginChoice, PluginWithOptions } from './check-options.ts';
export { createHypervisor } from './create-hypervisor.ts';
export { Domain, type DomainEnd, type DomainEvents, type ShutdownRequest } from './domain.ts';
export { Hypervisor } from './hypervisor.ts';
export type { HypervisorEvents } from './hypervisor-events.ts';
export type { SchedulerOptions } from './schedulers.ts';

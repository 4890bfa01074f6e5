export type { HypervisorOptions } from './check-options.ts';
export { createHypervisor } from './create-hypervisor.ts';
export { Domain, type DomainEnd, type DomainEvents, type ShutdownRequest } from './domain.ts';
export { Hypervisor, type HypervisorEvents } from './hypervisor.ts';
export type { SchedulerOptions } from './schedulers.ts';

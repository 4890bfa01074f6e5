export { createFallbackScheduler } from './fallback-scheduler.ts';
export { type SchedulerFailure, SchedulerSlot, type SchedulerSlotOptions } from './scheduler-slot.ts';

import { defineScheduler, type SchedulerPlugin } from '#sdk';
import { type SedfOptions, sedfSchema } from './options.ts';
import { SedfScheduler } from './sedf.ts';

/** Offers the scheduler `sedf`: guaranteed slices in periods, earliest deadline first, and shares of what is left. */
export const schedSedf: SchedulerPlugin<SedfOptions> = defineScheduler({
  name: 'sched-sedf',
  scheduler: 'sedf',
  options: sedfSchema,
  create: (host) => new SedfScheduler(host),
});

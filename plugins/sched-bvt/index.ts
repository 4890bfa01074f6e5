import { defineScheduler, type SchedulerPlugin } from '#sdk';
import { BvtScheduler } from './bvt.ts';
import { type BvtOptions, bvtSchema } from './options.ts';

/** Offers the scheduler `bvt`: shares by virtual time, which a domain may borrow from to answer at once. */
export const schedBvt: SchedulerPlugin<BvtOptions> = defineScheduler({
  name: 'sched-bvt',
  scheduler: 'bvt',
  options: bvtSchema,
  create: (host, { contextAllowanceUs }) => new BvtScheduler(host, contextAllowanceUs * 1000),
});

import { defineScheduler, type SchedulerPlugin } from '#sdk';
import { CreditScheduler } from './credit.ts';
import { type CreditOptions, creditSchema } from './options.ts';

/** Offers the scheduler `credit`: weights and caps across all pCPUs, which take work from each other. */
export const schedCredit: SchedulerPlugin<CreditOptions> = defineScheduler({
  name: 'sched-credit',
  scheduler: 'credit',
  options: creditSchema,
  create: (host, { sliceMs, ratelimitUs }) => new CreditScheduler(host, { sliceNs: sliceMs * 1_000_000, ratelimitNs: ratelimitUs * 1000 }),
});

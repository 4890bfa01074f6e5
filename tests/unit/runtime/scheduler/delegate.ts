import type { Scheduler, SchedulerFactory, SchedulerHost } from '#sdk';

/** Methods to be put in the place of a scheduler's own. */
export type Overrides = (real: Scheduler, host: SchedulerHost) => Partial<Scheduler>;

/** A scheduler that does what another does, but for some methods. */
export function override(create: SchedulerFactory, overrides: Overrides, wrapHost: (host: SchedulerHost) => SchedulerHost = (host) => host): SchedulerFactory {
  return (host) => {
    const real = create(wrapHost(host));
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(real)).filter((name) => name !== 'constructor');
    const bound = methods.map((name) => [name, (real as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.bind(real)]);
    const { name, domainSchema, globalSchema } = real;
    return { name, domainSchema, globalSchema, ...(Object.fromEntries(bound) as Partial<Scheduler>), ...overrides(real, host) } as Scheduler;
  };
}

import { describe, expectTypeOf, it } from 'vitest';
import {
  type BackendPlugin,
  booleanOption,
  type Capability,
  createQueueScheduler,
  defineBlockBackend,
  defineNetworkBackend,
  defineNetworkScript,
  definePlugin,
  defineScheduler,
  type HypervisorStats,
  integerOption,
  isBackendPlugin,
  isSchedulerPlugin,
  type LogRecord,
  type Platform,
  type Plugin,
  type Scheduler,
  type SchedulerHost,
  textOption,
  type TraceRecord,
} from '#sdk';

/** What must not compile stands under `@ts-expect-error`, which is an error itself as soon as it does. Nothing of it is run. */
const never = (_code: () => unknown): void => undefined;

interface Sizes {
  readonly size: number;
  readonly quiet: boolean;
  readonly path: string | null;
}

const options = {
  size: integerOption({ summary: 'size', default: 1, min: 0, max: 9 }),
  quiet: booleanOption({ summary: 'quiet', default: false }),
  path: textOption({ summary: 'path', expected: 'a path' }),
};

declare const host: SchedulerHost;

describe('definePlugin', () => {
  it('gives handlers the options with their types', () => {
    const plugin = definePlugin<Sizes>({
      name: 'p',
      apiVersion: 1,
      options,
      apply: (_context, values) => expectTypeOf(values).toEqualTypeOf<Sizes>(),
      applyPcpu: ({ hooks }) => hooks.platformCreated.tap('p', (platform) => expectTypeOf(platform).toEqualTypeOf<Platform>()),
    });
    expectTypeOf(plugin).toEqualTypeOf<Plugin<Sizes>>();
  });

  it('takes every capability, and no others', () => {
    expectTypeOf<Capability>().toEqualTypeOf<'files' | 'network' | 'programs' | 'threads' | 'process' | 'code' | 'packages'>();
    never(() => definePlugin({ name: 'p', apiVersion: 1, capabilities: ['files', 'network'], options: {} }));
    // @ts-expect-error there is no such capability
    never(() => definePlugin({ name: 'p', apiVersion: 1, capabilities: ['disk'], options: {} }));
  });

  it('refuses what is missing or wrong', () => {
    // @ts-expect-error it has no name
    never(() => definePlugin({ apiVersion: 1, options: {} }));
    // @ts-expect-error it has no options
    never(() => definePlugin({ name: 'p', apiVersion: 1 }));
    // @ts-expect-error it is made for another contract
    never(() => definePlugin({ name: 'p', apiVersion: 2, options: {} }));
    // @ts-expect-error an option is not described
    never(() => definePlugin<Sizes>({ name: 'p', apiVersion: 1, options: { size: options.size, quiet: options.quiet } }));
    // @ts-expect-error an option is described as another type
    never(() => definePlugin<Sizes>({ name: 'p', apiVersion: 1, options: { ...options, size: options.quiet } }));
    // @ts-expect-error an integer has limits
    never(() => integerOption({ summary: 'size', default: 1 }));
  });
});

describe('hooks', () => {
  it('can be tapped with what they are fired with', () => {
    never(() =>
      definePlugin({
        name: 'p',
        apiVersion: 1,
        options: {},
        apply({ hooks }) {
          hooks.booted.tapPromise('p', async () => undefined);
          hooks.traced.tap('p', (record) => expectTypeOf(record).toEqualTypeOf<TraceRecord>());
          hooks.logged.tap('p', (record) => expectTypeOf(record).toEqualTypeOf<LogRecord>());
          hooks.statsCollected.tap('p', (stats) => expectTypeOf(stats).toEqualTypeOf<HypervisorStats>());
          // @ts-expect-error a plugin cannot fire a hook
          hooks.booted.promise();
          // @ts-expect-error nor intercept what others tap
          hooks.traced.intercept({});
          // @ts-expect-error there is no such hook
          hooks.rebooted.tap('p', () => undefined);
          // @ts-expect-error hooks of pCPUs are not on the main thread
          hooks.platformCreated.tap('p', () => undefined);
        },
        applyPcpu({ hooks }) {
          // @ts-expect-error and those of the main thread not on pCPUs
          hooks.traced.tap('p', () => undefined);
        },
      }),
    );
  });

  it('tell records of a trace apart by their kind', () => {
    never(() => (record: TraceRecord) => {
      if (record.kind === 'exit') expectTypeOf(record.reason).toEqualTypeOf<'budget' | 'halt' | 'end'>();
      if (record.kind === 'domain') expectTypeOf(record.name).toEqualTypeOf<string>();
      // @ts-expect-error not every record is about a pCPU
      return record.pcpu;
    });
  });

  it('give stats that cannot be written to', () => {
    never(() => (stats: HypervisorStats) => {
      // @ts-expect-error it is read-only
      stats.uptimeNs = 0;
      // @ts-expect-error and so are its lists
      stats.domains.push(stats.domains[0]);
      // @ts-expect-error an element may not be there
      return stats.domains[0].name;
    });
  });
});

describe('schedulers', () => {
  const begin = (): { turns: number } => ({ turns: 0 });

  it('are made of a policy with parameters and state of its types', () => {
    never(() => {
      const scheduler = createQueueScheduler<{ readonly weight: number }, { turns: number }>(host, {
        name: 's',
        sliceNs: 1,
        domainSchema: { weight: { kind: 'integer', summary: 'w', min: 1, max: 9, default: 1 } },
        begin,
        next: ([first]) => first,
        ran: ({ state, parameters }) => {
          state.turns += parameters.weight;
        },
      });
      expectTypeOf(scheduler).toExtend<Scheduler<{ readonly weight: number }, Record<never, never>>>();
      expectTypeOf(scheduler.domainParameters(1)).toEqualTypeOf<{ readonly weight: number } | undefined>();
      // @ts-expect-error the weight is a number
      scheduler.adjustDomain(1, { weight: 'much' }, 0);
    });
  });

  it('describe every parameter, and give a scheduler', () => {
    const policy = { name: 's', sliceNs: 1, begin: () => undefined };
    // @ts-expect-error weight is not described
    never(() => createQueueScheduler<{ readonly weight: number }, undefined>(host, { ...policy, domainSchema: {}, next: ([v]) => v }));
    // @ts-expect-error a policy chooses
    never(() => createQueueScheduler(host, { name: 's', sliceNs: 1, domainSchema: {}, begin }));
    // @ts-expect-error this is no scheduler
    never(() => defineScheduler({ name: 'sched-s', scheduler: 's', options: {}, create: () => ({ name: 's' }) }));
  });
});

describe('backends', () => {
  it('are plugins that say for which devices they are', () => {
    const backend = defineNetworkBackend<object>({ name: 'vif-n', backend: 'n', options: {}, create: () => ({ open: () => ({ receive: () => undefined }) }) });
    expectTypeOf(backend).toExtend<BackendPlugin>();
    expectTypeOf(backend.deviceType).toEqualTypeOf<'vbd' | 'vif'>();
    never(() => (plugin: Plugin) => {
      if (isBackendPlugin(plugin)) expectTypeOf(plugin.createProvider).toBeFunction();
      if (isSchedulerPlugin(plugin)) expectTypeOf(plugin.scheduler).toBeString();
      // @ts-expect-error not every plugin is one
      return plugin.createProvider;
    });
  });

  it('keep to what a store and a vif must be', () => {
    const close = (): void => undefined;
    const store = { sizeBytes: 512, readOnly: false, read: () => undefined, write: () => undefined, close };
    never(() => defineBlockBackend<object>({ name: 'vbd-b', backend: 'b', options: {}, create: () => ({ open: () => ({ ...store, sectorBytes: 512 }) }) }));
    // @ts-expect-error a sector has 512 or 4096 bytes
    never(() => defineBlockBackend<object>({ name: 'vbd-b', backend: 'b', options: {}, create: () => ({ open: () => ({ ...store, sectorBytes: 1024 }) }) }));
    const open = () => ({ ...store, sectorBytes: 512 as const, close: 1 });
    // @ts-expect-error a store is closed
    never(() => defineBlockBackend<object>({ name: 'vbd-b', backend: 'b', options: {}, create: () => ({ open }) }));
    // @ts-expect-error a network takes frames
    never(() => defineNetworkBackend<object>({ name: 'vif-n', backend: 'n', options: {}, create: () => ({ open: () => ({}) }) }));
    // @ts-expect-error settings are texts
    never(() => defineNetworkScript<object>({ name: 'net-s', script: 's', options: {}, create: () => ({ online: () => ({ rate: 5 }) }) }));
  });
});

import { createHypervisorHooks, type HypervisorHooks } from '../hooks/hypervisor-hooks.ts';
import { facadeOf } from '../hooks/isolate-taps.ts';
import type { HypervisorStats } from '../observe/hypervisor-stats.ts';
import type { TraceRecord } from '../observe/trace-record.ts';
import type { Plugin } from '../plugin/define-plugin.ts';
import type { PluginConformanceCase } from './plugin-case.ts';
import { must } from './scheduler/measure.ts';
import { SeededRandom } from './scheduler/random.ts';

/** A plugin that observes, and is put to the suite. */
export interface ObserverSubject<O extends object> {
  /** The plugin. */
  readonly plugin: Plugin<O>;
  /** Options that it is to be tested with; asked for anew each time, so that files may have names of their own. */
  options(): O;
  /** Records in the random case, 20,000 when left out. */
  readonly randomRecords?: number;
}

/** Applies a plugin to hooks of the main thread, which a test may then fire. */
export function applyToMain<O extends object>(plugin: Plugin<O>, options: O): HypervisorHooks {
  const hooks = createHypervisorHooks();
  const { name } = plugin;
  plugin.apply?.(
    {
      hooks: {
        scheduler: facadeOf(hooks.scheduler, name),
        booted: facadeOf(hooks.booted, name),
        shutdown: facadeOf(hooks.shutdown, name),
        traced: facadeOf(hooks.traced, name),
        logged: facadeOf(hooks.logged, name),
        statsCollected: facadeOf(hooks.statsCollected, name),
      },
    },
    options,
  );
  return hooks;
}

/** Records of a hypervisor that never was: domains come, run on pCPUs, block, signal and go. */
export function randomRecords(count: number, seed = 1): TraceRecord[] {
  const random = new SeededRandom(seed);
  let atNs = 1e9;
  return Array.from({ length: count }, (): TraceRecord => {
    atNs += random.integer(1, 1_000_000);
    const [domid, vcpu, pcpu] = [random.integer(1, 8), random.integer(0, 1), random.integer(0, 3)];
    switch (random.integer(0, 5)) {
      case 0:
        return { kind: 'run', atNs, pcpu, domid: random.integer(0, 3) === 0 ? -1 : domid, vcpu, untilNs: atNs + random.integer(1, 10_000_000) };
      case 1:
        return { kind: 'exit', atNs, pcpu, domid, vcpu, fromNs: atNs - random.integer(0, 1_000_000), reason: random.among(['budget', 'halt', 'end']) };
      case 2:
        return { kind: 'blocked', atNs, domid, vcpu };
      case 3:
        return { kind: 'woken', atNs, domid, vcpu };
      case 4:
        return { kind: 'event', atNs, domid };
      default:
        return { kind: 'domain', atNs, domid, name: `guest "${domid}"\n`, what: random.among(['created', 'ended']) };
    }
  });
}

/** Counts of a hypervisor that never was. */
export function sampleStats(domains = 2): HypervisorStats {
  return {
    atNs: 5e9,
    uptimeNs: 4e9,
    scheduler: 'sedf',
    domainsCreated: domains,
    pcpus: [
      { pcpu: 0, current: { domid: 1, vcpuId: 0 }, orders: 12, heartbeat: 3456 },
      { pcpu: 1, current: undefined, orders: 3, heartbeat: 78 },
    ],
    domains: Array.from({ length: domains }, (_, i) => ({
      id: i + 1,
      name: `guest-${i + 1}`,
      state: 'r-----',
      memoryBytes: 64 * 2 ** 20,
      cpuTimeNs: 1_500_000_000 * (i + 1),
      vcpuTimesNs: [1_500_000_000 * (i + 1)],
      scheduling: { weight: 256 },
      devices: { 'vbd-51712': { readRequests: 7 } },
    })),
  };
}

/**
 * What every plugin that observes has to keep, as cases for any test runner: each throws when it does not hold.
 *
 * @example
 * ```ts
 * for (const { id, title, run } of observerSuite(subject)) test(`${id}: ${title}`, () => run());
 * ```
 */
export function observerSuite<O extends object>(subject: ObserverSubject<O>): PluginConformanceCase[] {
  return [
    { id: 'taps', title: 'it taps one of the hooks that observe', run: () => taps(subject) },
    { id: 'idle', title: 'a hypervisor in which nothing happens begins and ends with it', run: () => follows(subject, 0) },
    { id: 'random', title: 'it takes any records, messages and counts, and ends in time', run: () => follows(subject, subject.randomRecords ?? 20_000) },
    { id: 'late', title: 'it takes what is told before the start and after the end', run: () => tellsLate(subject) },
  ];
}

async function taps<O extends object>({ plugin, options }: ObserverSubject<O>): Promise<string> {
  const hooks = applyToMain(plugin, options());
  const used = (['traced', 'logged', 'statsCollected'] as const).filter((name) => hooks[name].isUsed());
  must(used.length > 0, 'it taps none of traced, logged and statsCollected');
  return used.join(', ');
}

async function follows<O extends object>({ plugin, options }: ObserverSubject<O>, records: number): Promise<string> {
  const hooks = applyToMain(plugin, options());
  await hooks.booted.promise();
  randomRecords(records).forEach((record, i) => {
    tell(hooks, record, i);
  });
  await hooks.shutdown.promise({ reason: 'stopped', exitCode: 0 });
  return `${records} records`;
}

async function tellsLate<O extends object>({ plugin, options }: ObserverSubject<O>): Promise<string> {
  const hooks = applyToMain(plugin, options());
  const records = randomRecords(500);
  records.forEach((record) => {
    tell(hooks, record, 0);
  });
  await hooks.booted.promise();
  await hooks.shutdown.promise({ reason: 'failed', exitCode: 1 });
  records.forEach((record) => {
    tell(hooks, record, 0);
  });
  return `${2 * records.length} records`;
}

function tell(hooks: HypervisorHooks, record: TraceRecord, i: number): void {
  hooks.traced.call(record);
  if (i % 100 === 0) hooks.statsCollected.call(sampleStats(i % 5));
  if (i % 10 === 0) hooks.logged.call({ level: 'info', message: `message ${i}`, fields: { domid: i } });
}

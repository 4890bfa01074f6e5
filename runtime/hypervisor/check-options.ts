import { availableParallelism } from 'node:os';
import { HypervisorError, type Plugin } from '#sdk';
import type { PackedRequests } from '#jit';
import type { PluginRequest } from '../plugin/index.ts';
import type { ClockSource, Engine } from '../pcpu/slice-protocol.ts';
import type { SchedulerOptions } from './schedulers.ts';

/** A plugin with what is asked of it. */
export interface PluginWithOptions {
  /** Its name, path or package; or the plugin itself. */
  readonly name: string | Plugin;
  /** Its options, by name. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
}

/** A plugin as the operator chooses it: by name, path or package; or the plugin itself, unless it taps hooks of pCPUs. */
export type PluginChoice = string | Plugin | PluginWithOptions;

/** How a hypervisor is made. */
export interface HypervisorOptions {
  /** Number of pCPUs, each a thread: 1 to 64; as many as the host has, up to 16, when left out. */
  readonly pcpus?: number;
  /** The scheduler's name, or its name and options; `sedf` when left out. */
  readonly scheduler?: string | { readonly name: string; readonly options?: SchedulerOptions };
  /** Plugins, with options where need be. Our own schedulers and backends need not be named. */
  readonly plugins?: readonly PluginChoice[];
  /** Where relative paths of plugins and their files start; the working directory when left out. */
  readonly directory?: string;
  /** Which tiers run guests' code: `auto`, `interpreter`, or `translator` for all code before its first execution. */
  readonly engine?: Engine;
  /** Where guests' time comes from: the `host`, or `instructions`, which makes a run of a single domain repeatable. */
  readonly clock?: ClockSource;
  /** Seconds after which a pCPU that makes no step is given up; 10 when left out. */
  readonly watchdogSeconds?: number;
  /** Takes messages of backends for the operator; nobody does when left out. */
  readonly log?: (message: string) => void;
}

/** What is known of the hot regions of the only guest that there will be: each of its lives begins with it, and leaves what it found. */
export interface RegionMemory {
  known: PackedRequests;
}

/** Options with nothing left to be decided. */
export interface CheckedOptions {
  readonly pcpus: number;
  readonly scheduler: { readonly name: string; readonly options: SchedulerOptions };
  readonly plugins: readonly PluginRequest[];
  readonly directory: string;
  readonly engine: Engine;
  readonly clock: ClockSource;
  readonly watchdogMs: number;
  readonly log: (message: string) => void;
  readonly translators: number;
  /** For the command line: a trace of blocks, and guests that wait for the reader of their consoles. */
  readonly trace: string | undefined;
  readonly outputWaits: boolean;
  /** For the command line. */
  readonly regions: RegionMemory | undefined;
}

const MOST_PCPUS = 64;
const USUAL_MOST_PCPUS = 16;
const ENGINES: readonly Engine[] = ['auto', 'interpreter', 'translator'];
const CLOCKS: readonly ClockSource[] = ['host', 'instructions'];
const KNOWN = ['pcpus', 'scheduler', 'plugins', 'directory', 'engine', 'clock', 'watchdogSeconds', 'log'] as const satisfies (keyof HypervisorOptions)[];

/**
 * Checks the options of a hypervisor.
 *
 * @throws HypervisorError `HV_ERR_HYPERVISOR_OPTION`
 */
export function checkOptions(options: HypervisorOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw refusal('options', 'an object', options);
  const unknown = Object.keys(options).find((key) => !(KNOWN as readonly string[]).includes(key));
  if (unknown !== undefined) {
    throw new HypervisorError('HV_ERR_HYPERVISOR_OPTION', `options.${unknown}: there is no such option`, { hint: `the options are ${KNOWN.join(', ')}` });
  }
  const { pcpus = Math.min(USUAL_MOST_PCPUS, availableParallelism()), scheduler = 'sedf', plugins = [], watchdogSeconds = 10 } = options;
  const { directory = process.cwd(), engine = 'auto', clock = 'host', log = () => undefined } = options;
  if (!Number.isInteger(pcpus) || pcpus < 1 || pcpus > MOST_PCPUS) throw refusal('options.pcpus', `a whole number from 1 to ${MOST_PCPUS}`, pcpus);
  if (!(watchdogSeconds > 0 && watchdogSeconds < 1e6)) throw refusal('options.watchdogSeconds', 'a number of seconds above 0', watchdogSeconds);
  if (!ENGINES.includes(engine)) throw refusal('options.engine', `one of ${ENGINES.join(', ')}`, engine);
  if (!CLOCKS.includes(clock)) throw refusal('options.clock', `one of ${CLOCKS.join(', ')}`, clock);
  if (typeof directory !== 'string') throw refusal('options.directory', 'a path', directory);
  if (typeof log !== 'function') throw refusal('options.log', 'a function', log);
  if (!Array.isArray(plugins)) throw refusal('options.plugins', 'a list of names', plugins);
  return {
    pcpus,
    scheduler: named('options.scheduler', scheduler),
    plugins: plugins.map((plugin: unknown, i) => pluginRequest(`options.plugins[${i}]`, plugin)),
    directory,
    engine,
    clock,
    watchdogMs: watchdogSeconds * 1000,
    log,
    translators: 1,
    trace: undefined,
    outputWaits: false,
    regions: undefined,
  };
}

/**
 * A plugin as it was chosen.
 *
 * @throws HypervisorError `HV_ERR_HYPERVISOR_OPTION`
 */
export function pluginRequest(path: string, value: unknown): PluginRequest {
  if (isObject(value) && 'apiVersion' in value) return { name: String(value['name']), options: {}, plugin: value as unknown as Plugin };
  const given = isObject(value) && isObject(value['name']) ? (value['name'] as unknown as Plugin) : undefined;
  const { name, options } = named(path, given === undefined ? value : { ...(value as object), name: String(given.name) });
  const written = Object.fromEntries(Object.entries(options).map(([key, text]) => [key, String(text)]));
  return { name, options: written, ...(given === undefined ? {} : { plugin: given }) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function named(path: string, value: unknown): { name: string; options: SchedulerOptions } {
  if (typeof value === 'string') return { name: value, options: {} };
  if (typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string') {
    const options: unknown = 'options' in value ? value.options : {};
    if (typeof options === 'object' && options !== null) return { name: value.name, options: { ...options } as SchedulerOptions };
  }
  throw refusal(path, 'a name, or an object with name and options', value);
}

function refusal(path: string, expected: string, seen: unknown): HypervisorError {
  const shown = typeof seen === 'function' ? 'a function' : (JSON.stringify(seen) ?? String(seen));
  return new HypervisorError('HV_ERR_HYPERVISOR_OPTION', `${path}: expected was ${expected}; seen was ${shown.slice(0, 60)}`, { hint: `correct ${path}` });
}

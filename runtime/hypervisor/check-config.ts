import { randomUUID } from 'node:crypto';
import { totalmem } from 'node:os';
import { type Affinity, ANY_PCPU, type DomainAction, type DomainConfig, formatAffinity, HypervisorError, parseAffinity } from '#sdk';
import { type CpuModel, cpuModels } from '../machine/cpu-models.ts';
import type { LifecycleActions } from '../domain/lifecycle.ts';

/** A configuration of a domain with nothing left to be decided. */
export interface CheckedConfig {
  readonly name: string;
  readonly kernel: string | Uint8Array;
  readonly ramdisk: string | Uint8Array | undefined;
  readonly extra: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly cpus: Affinity;
  readonly disk: readonly string[];
  readonly vif: readonly string[];
  readonly uuid: string;
  readonly cpu: CpuModel;
  readonly actions: LifecycleActions;
  readonly paused: boolean;
  readonly scheduling: Readonly<Record<string, number | boolean>>;
}

const MIB = 2 ** 20;
const LEAST_MIB = 2;
/** Above lies the window of the devices, and guest RAM is one 32-bit memory. */
const MOST_MIB = 3584;
const MOST_VCPUS = 32;
const NAME = /^[\w.+-]{1,64}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ACTIONS: readonly DomainAction[] = ['destroy', 'restart', 'preserve'];

const CPUS_EXPECTED = 'pCPUs such as all, 1, or 0-3,^1';

interface Field<T> {
  readonly expected: string;
  readonly fallback?: () => T;
  /** The value, or undefined when it is not what is expected. */
  read(value: unknown): T | undefined;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && !value.includes('\0') ? value : undefined);

const file: Field<string | Uint8Array>['read'] = (value) => (value instanceof Uint8Array ? value : text(value) || undefined);

const whole =
  (least: number, most: number) =>
  (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;

const texts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? [...value] : undefined;

const action = (fallback: DomainAction): Field<DomainAction> => ({
  expected: `one of ${ACTIONS.join(', ')}`,
  fallback: () => fallback,
  read: (value) => ACTIONS.find((known) => known === value),
});

const parameters = (value: unknown): Readonly<Record<string, number | boolean>> | undefined => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every(([, each]) => typeof each === 'number' || typeof each === 'boolean') ? Object.fromEntries(entries) : undefined;
};

const fields = {
  name: {
    expected: 'a name of up to 64 letters, digits and . _ + -',
    read: (value) => (NAME.test(text(value) ?? '') ? text(value) : undefined),
  } as Field<string>,
  kernel: { expected: "a file's path, or its bytes", read: file } as Field<string | Uint8Array>,
  ramdisk: { expected: "a file's path, or its bytes", fallback: () => undefined, read: file } as Field<string | Uint8Array | undefined>,
  extra: { expected: 'a text', fallback: () => '', read: text } as Field<string>,
  memory: { expected: `a whole number of MiB from ${LEAST_MIB} to ${MOST_MIB}`, fallback: () => 256, read: whole(LEAST_MIB, MOST_MIB) } as Field<number>,
  vcpus: { expected: `a whole number from 1 to ${MOST_VCPUS}`, fallback: () => 1, read: whole(1, MOST_VCPUS) } as Field<number>,
  cpus: {
    expected: CPUS_EXPECTED,
    fallback: () => ANY_PCPU,
    read: (value) => parseAffinity(text(value) ?? ''),
  } as Field<Affinity>,
  disk: { expected: 'a list of texts such as file:disk.img,xvda,w', fallback: () => [], read: texts } as Field<readonly string[]>,
  vif: { expected: 'a list of texts such as backend=user', fallback: () => [], read: texts } as Field<readonly string[]>,
  uuid: {
    expected: 'a UUID',
    fallback: () => randomUUID(),
    read: (value) => (UUID.test(text(value) ?? '') ? text(value)?.toLowerCase() : undefined),
  } as Field<string>,
  cpu: {
    expected: `one of ${[...cpuModels.keys()].join(', ')}`,
    fallback: () => cpuModels.get('max'),
    read: (value) => cpuModels.get(text(value) ?? ''),
  } as Field<CpuModel>,
  on_poweroff: action('destroy'),
  on_reboot: action('restart'),
  on_crash: action('destroy'),
  on_watchdog: action('destroy'),
  paused: { expected: 'true or false', fallback: () => false, read: (value) => (typeof value === 'boolean' ? value : undefined) } as Field<boolean>,
  scheduling: { expected: 'an object of numbers, true and false', fallback: () => ({}), read: parameters } as Field<CheckedConfig['scheduling']>,
} satisfies Record<keyof DomainConfig, Field<unknown>>;

/**
 * Checks every field of a configuration.
 *
 * @param path - what the configuration is called, for messages
 * @throws HypervisorError `HV_ERR_DOMAIN_CONFIG`, with the field, what was expected and what was seen
 */
export function checkConfig(config: unknown, path = 'config'): CheckedConfig {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw refusal(path, 'an object', config);
  const given = new Map(Object.entries(config).filter(([, value]) => value !== undefined));
  const unknown = [...given.keys()].find((key) => !Object.hasOwn(fields, key));
  if (unknown !== undefined) {
    throw new HypervisorError('HV_ERR_DOMAIN_CONFIG', `${path}.${unknown}: there is no such field`, {
      hint: `the fields are ${Object.keys(fields).join(', ')}`,
    });
  }
  const read = <K extends keyof typeof fields>(key: K): ReturnType<(typeof fields)[K]['read']> & {} => {
    const field: Field<unknown> = fields[key];
    const value = given.has(key) ? field.read(given.get(key)) : field.fallback?.();
    if (value === undefined && (given.has(key) || field.fallback === undefined)) throw refusal(`${path}.${key}`, field.expected, given.get(key));
    return value as never;
  };
  const memoryBytes = read('memory') * MIB;
  if (memoryBytes > totalmem()) {
    throw new HypervisorError(
      'HV_ERR_MEMORY_SIZE',
      `${path}.memory: ${memoryBytes / MIB} MiB is more than the ${Math.floor(totalmem() / MIB)} MiB of this host`,
      {
        hint: 'ask for less',
      },
    );
  }
  return {
    name: read('name'),
    kernel: read('kernel'),
    ramdisk: read('ramdisk'),
    extra: read('extra'),
    memoryBytes,
    vcpus: read('vcpus'),
    cpus: read('cpus'),
    disk: read('disk'),
    vif: read('vif'),
    uuid: read('uuid'),
    cpu: read('cpu'),
    actions: { poweroff: read('on_poweroff'), reboot: read('on_reboot'), crash: read('on_crash'), watchdog: read('on_watchdog') },
    paused: read('paused'),
    scheduling: read('scheduling'),
  };
}

/**
 * Reads pCPUs that a vCPU may run on.
 *
 * @param path - what they are called, for messages
 * @throws HypervisorError `HV_ERR_DOMAIN_CONFIG`
 */
export function checkCpus(cpus: unknown, path: string): Affinity {
  const affinity = parseAffinity(text(cpus) ?? '');
  if (affinity === undefined) throw refusal(path, CPUS_EXPECTED, cpus);
  return affinity;
}

/**
 * Checks that there is one of these pCPUs at least.
 *
 * @throws HypervisorError `HV_ERR_DOMAIN_CONFIG`
 */
export function checkPcpus(affinity: Affinity, pcpus: number, path: string): void {
  if ((affinity & ((1n << BigInt(pcpus)) - 1n)) === 0n) throw refusal(path, `one of the pCPUs 0 to ${pcpus - 1} at least`, formatAffinity(affinity));
}

function refusal(path: string, expected: string, seen: unknown): HypervisorError {
  return new HypervisorError('HV_ERR_DOMAIN_CONFIG', `${path}: expected was ${expected}; seen was ${show(seen)}`, { hint: `correct ${path}` });
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 60)}...` : json;
}

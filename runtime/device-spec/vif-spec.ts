import { randomInt } from 'node:crypto';
import { HypervisorError } from '#sdk';

/** A vif as the operator described it. */
export interface VifSpec {
  /** Name of the network that it is plugged into: `user`, `switch`. */
  readonly backend: string;
  /** Its address, in lower case. */
  readonly mac: string;
  /** What else is said of it, for its network: `bridge`, `ip`, `rate`, `forward`, `script`, `vifname`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Where specs come from, for messages, and what they may name. */
export interface VifSpecContext {
  /** What the operator wrote it as: `--vif`. */
  readonly source: string;
  /** Names of the networks that there are, the usual one first. */
  readonly backends: readonly string[];
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** Xen's own range of addresses. */
const XEN_PREFIX = '00:16:3e';
const NAME_LIMIT = 15;
const RATE = /^(\d{1,9})([GMK]?)(b|B)\/s(?:@(\d{1,6})(ms|us|s))?$/;
const RATE_FACTORS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };
const US: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6 };
const USUAL_INTERVAL_US = 50_000;

type Refuse = (what: string, hint: string) => HypervisorError;
type Reader = (value: string, refuse: Refuse) => string;

const asIs: Reader = (value) => value;

const KEYS: Readonly<Record<string, Reader>> = {
  mac: (value, refuse) => {
    const mac = value.toLowerCase();
    const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
    if (MAC.test(mac) && !isGroup && mac !== '00:00:00:00:00:00') return mac;
    throw refuse(`mac is "${value}"; expected was the address of one card`, `write for instance mac=${XEN_PREFIX}:01:02:03`);
  },
  backend: asIs,
  bridge: asIs,
  script: asIs,
  forward: asIs,
  ip: (value, refuse) => {
    if (/^\d{1,3}(\.\d{1,3}){3}$/.test(value) && value.split('.').every((part) => Number(part) < 256)) return value;
    throw refuse(`ip is "${value}"; expected was an address of IPv4`, 'write for instance ip=10.0.2.15');
  },
  vifname: (value, refuse) => {
    if (value.length <= NAME_LIMIT && /^[\w.-]+$/.test(value)) return value;
    throw refuse(`vifname is "${value}"; expected were up to ${NAME_LIMIT} letters, digits, dots and dashes`, 'choose a shorter name, or leave it out');
  },
  type: (value, refuse) => {
    if (value === 'vif' || value === 'netfront') return value;
    throw refuse(`type is "${value}", and emulated cards are not offered`, 'leave type out: the vif needs a driver in the guest, which Linux has');
  },
  rate: (value, refuse) => {
    const [, amount, factor = '', unit, length, time = 'ms'] = RATE.exec(value) ?? [];
    const intervalUs = length === undefined ? USUAL_INTERVAL_US : Number(length) * (US[time] ?? 1);
    const bytes = Math.floor((Number(amount) * (RATE_FACTORS[factor] ?? 1) * intervalUs) / (unit === 'b' ? 8e6 : 1e6));
    if (bytes >= 1 && bytes < 1e12 && intervalUs >= 1) return `${bytes},${intervalUs}`;
    throw refuse(`rate is "${value}"; expected was a number with Gb/s, Mb/s, Kb/s or the same with B, and perhaps @50ms`, 'write for instance rate=10Mb/s');
  },
};

/**
 * Reads `mac=00:16:3e:01:02:03,bridge=xenbr0,...`. An empty text is a vif with all defaults: an address of Xen's range,
 * and the usual network, which is the switch for who names a bridge.
 *
 * @throws HypervisorError `HV_ERR_DEVICE_SPEC`
 */
export function parseVifSpec(text: string, { source, backends }: VifSpecContext): VifSpec {
  const refuse: Refuse = (what, hint) => new HypervisorError('HV_ERR_DEVICE_SPEC', `${source} "${text}": ${what}`, { hint });
  const values = readPairs(text, refuse);
  const { mac = randomMac(), backend: named, type: _type, ...settings } = values;
  const backend = named === undefined || named === '0' || named === 'Domain-0' ? usual(backends, settings['bridge']) : named;
  if (!backends.includes(backend)) {
    throw refuse(`there is no network "${backend}"; expected was one of ${backends.join(', ')}`, 'load the plugin that offers it, or leave backend out');
  }
  return { backend, mac, settings };
}

function readPairs(text: string, refuse: Refuse): Record<string, string> {
  const values: Record<string, string> = {};
  for (const pair of text.split(',').map((part) => part.trim())) {
    if (pair === '') continue;
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(pair) ?? [];
    const read = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (read === undefined) throw refuse(`"${pair}" says nothing of a vif`, `write KEY=VALUE, with ${Object.keys(KEYS).join(', ')}`);
    if (Object.hasOwn(values, key)) throw refuse(`${key} is given twice`, 'give it once');
    if (value === '' || /[\0-\x1f]/.test(value)) throw refuse(`${key} has no usable value`, `write ${key}=VALUE, or leave it out`);
    values[key] = read(value, refuse);
  }
  return values;
}

function usual(backends: readonly string[], bridge: string | undefined): string {
  return bridge !== undefined && backends.includes('switch') ? 'switch' : (backends[0] ?? '');
}

/** An address of Xen's range, with its fourth byte below 80h, as xm chooses them. */
export function randomMac(random: (below: number) => number = randomInt): string {
  const bytes = [random(0x80), random(0x100), random(0x100)];
  return [XEN_PREFIX, ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/**
 * Reads the vifs of one domain.
 *
 * @throws HypervisorError `HV_ERR_DEVICE_SPEC`, also when two have the same address
 */
export function parseVifSpecs(texts: readonly string[], context: VifSpecContext): VifSpec[] {
  const specs: VifSpec[] = [];
  for (const text of texts) {
    const spec = parseVifSpec(text, context);
    if (specs.some(({ mac }) => mac === spec.mac)) {
      throw new HypervisorError('HV_ERR_DEVICE_SPEC', `${context.source} "${text}": the domain already has a vif ${spec.mac}`, {
        hint: 'give each vif another mac',
      });
    }
    specs.push(spec);
  }
  return specs;
}

/** What stands in the nodes of a vif before its two ends meet. */
export function vifNodes(
  { mac, settings }: VifSpec,
  handle: number,
): {
  readonly frontend: Readonly<Record<string, string | number>>;
  readonly backend: Readonly<Record<string, string | number>>;
} {
  return { frontend: { handle, mac, mtu: 1500 }, backend: { handle, mac, type: 'vif', ...settings } };
}

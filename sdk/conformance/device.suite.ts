import type { AccessSize } from '../contract/bus-device.ts';
import { facadeOf } from '../hooks/isolate-taps.ts';
import { createPcpuHooks } from '../hooks/pcpu-hooks.ts';
import type { Plugin } from '../plugin/define-plugin.ts';
import { FakePlatform, type MappedRange } from './device/fake-platform.ts';
import type { PluginConformanceCase } from './plugin-case.ts';
import { must } from './scheduler/measure.ts';
import { SeededRandom } from './scheduler/random.ts';

/** A plugin of devices that is put to the suite. */
export interface DeviceSubject<O extends object> {
  /** The plugin. */
  readonly plugin: Plugin<O>;
  /** The options that it is to be tested with. */
  readonly options: O;
  /** Random accesses, 20,000 when left out. */
  readonly randomAccesses?: number;
}

/** Applies a plugin to a pCPU's hooks and lets it see a platform; returns that. */
export function applyToPlatform<O extends object>(plugin: Plugin<O>, options: O, platform: FakePlatform = new FakePlatform()): FakePlatform {
  const hooks = createPcpuHooks();
  plugin.applyPcpu?.({ hooks: { platformCreated: facadeOf(hooks.platformCreated, plugin.name) } }, options);
  must(platform.ranges.length === 0, 'it maps devices before there is a platform');
  hooks.platformCreated.call(platform);
  return platform;
}

const SIZES: readonly AccessSize[] = [1, 2, 4];

/**
 * What every plugin of devices has to keep, whatever its devices do, as cases for any test runner: each throws when it
 * does not hold.
 *
 * @example
 * ```ts
 * for (const { id, title, run } of deviceSuite(subject)) test(`${id}: ${title}`, () => run());
 * ```
 */
export function deviceSuite<O extends object>(subject: DeviceSubject<O>): PluginConformanceCase[] {
  return [
    { id: 'maps', title: 'it maps devices when a platform stands, and not before', run: () => maps(subject) },
    { id: 'resets', title: 'a second platform is like the first: nothing is kept from one to the next', run: () => resets(subject) },
    { id: 'random', title: 'random accesses are answered with numbers that fit, whatever a guest writes', run: () => randomAccesses(subject) },
  ];
}

const shown = ({ bus, base, length }: MappedRange): string => `${bus} 0x${base.toString(16)}+${length}`;

async function maps<O extends object>({ plugin, options }: DeviceSubject<O>): Promise<string> {
  const { ranges } = applyToPlatform(plugin, options);
  must(ranges.length > 0, 'it maps nothing');
  for (const range of ranges) must(range.length > 0 && (range.bus === 'mmio' || range.base + range.length <= 0x10000), () => `${shown(range)} is no range`);
  return ranges.map(shown).join(', ');
}

async function resets<O extends object>({ plugin, options }: DeviceSubject<O>): Promise<string> {
  const answers = (platform: FakePlatform): string =>
    platform.ranges
      .map((range) => {
        const bytes = Array.from({ length: Math.min(range.length, 64) }, (_, offset) => range.device.read(offset, 1));
        return `${shown(range)}: ${bytes.join(' ')}`;
      })
      .join('; ');
  const first = applyToPlatform(plugin, options);
  const before = answers(applyToPlatform(plugin, options));
  for (const { device, length } of first.ranges) for (let offset = 0; offset < length; offset++) device.write(offset, 1, 0xa5);
  const after = answers(applyToPlatform(plugin, options));
  must(before === after, () => `a new platform answers ${after}, and before something was written to another ${before}`);
  return before;
}

async function randomAccesses<O extends object>({ plugin, options, randomAccesses: count = 20_000 }: DeviceSubject<O>): Promise<string> {
  const platform = applyToPlatform(plugin, options);
  const random = new SeededRandom(1);
  for (let i = 0; i < count; i++) {
    const { device, length, ...range } = random.among(platform.ranges);
    const size = random.among(SIZES.filter((each) => each <= length));
    const offset = random.integer(0, length - size);
    if (random.integer(0, 1) === 0) device.write(offset, size, random.integer(0, 2 ** (8 * size) - 1));
    else {
      const value = device.read(offset, size);
      const fits = Number.isInteger(value) && value >= 0 && value < 2 ** (8 * size);
      must(fits, () => `a read of ${size} bytes at offset ${offset} of ${shown({ device, length, ...range })} gave ${value}`);
    }
    if (i % 16 === 0) platform.time.advance(random.integer(1, 1_000_000));
  }
  return `${count} accesses`;
}

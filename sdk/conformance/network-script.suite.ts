import type { NetworkScriptPlugin, ScriptedVif } from '../backend/network-script.ts';
import { HypervisorError } from '../errors/hypervisor-error.ts';
import { fakeHost } from './backend-guest/fake-guest.ts';
import type { PluginConformanceCase } from './plugin-case.ts';
import { must } from './scheduler/measure.ts';
import { SeededRandom } from './scheduler/random.ts';

/** A network script that is put to the suite. */
export interface NetworkScriptSubject<O extends object> {
  /** The plugin. */
  readonly plugin: NetworkScriptPlugin<O>;
  /** The options that it is to be tested with. */
  readonly options: O;
  /** Settings of a vif that it lets in, besides `script`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Comings and goings in the random case, 2,000 when left out. */
  readonly randomSteps?: number;
}

/** A vif as a script sees it. */
export function scriptedVif(domid: number, settings: Readonly<Record<string, string>> = {}): ScriptedVif {
  const mac = `00:16:3e:00:${[domid >> 8, domid & 0xff].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  return { name: `vif${domid}.0`, domid, handle: 0, mac, backend: 'switch', settings };
}

/**
 * What every network script has to keep, as cases for any test runner: each throws when it does not hold.
 *
 * @example
 * ```ts
 * for (const { id, title, run } of networkScriptSuite(subject)) test(`${id}: ${title}`, () => run());
 * ```
 */
export function networkScriptSuite<O extends object>(subject: NetworkScriptSubject<O>): PluginConformanceCase[] {
  return [
    { id: 'online', title: 'a vif is let in, with settings that XenStore can hold', run: () => lets(subject) },
    { id: 'again', title: 'a vif that has gone may come again, and is given the same', run: () => again(subject) },
    { id: 'apart', title: 'two hypervisors know nothing of each other', run: () => apart(subject) },
    { id: 'random', title: 'vifs come and go in any order, and are refused with a reason only', run: () => comeAndGo(subject) },
  ];
}

function vifOf<O extends object>({ plugin, settings }: NetworkScriptSubject<O>, domid: number): ScriptedVif {
  return scriptedVif(domid, { ...settings, script: plugin.script });
}

function mustBeSettings(changes: unknown): string {
  const entries = Object.entries(changes ?? {});
  for (const [key, value] of entries)
    must(typeof value === 'string' && /^[\w-]+$/.test(key) && !value.includes('\0'), () => `${key} cannot be ${String(value)}`);
  return entries.map(([key, value]) => `${key}=${String(value)}`).join(',') || 'nothing changed';
}

async function lets<O extends object>(subject: NetworkScriptSubject<O>): Promise<string> {
  const script = subject.plugin.createScript(fakeHost(), subject.options);
  const vif = vifOf(subject, 1);
  const given = mustBeSettings(await script.online(vif));
  await script.offline?.(vif);
  await script.close?.();
  return given;
}

async function again<O extends object>(subject: NetworkScriptSubject<O>): Promise<string> {
  const script = subject.plugin.createScript(fakeHost(), subject.options);
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const vif = vifOf(subject, 1);
    seen.add(mustBeSettings(await script.online(vif)));
    await script.offline?.(vif);
  }
  must(seen.size === 1, () => `the same vif was given ${[...seen].join(', then ')}`);
  await script.close?.();
  return [...seen].join();
}

async function apart<O extends object>(subject: NetworkScriptSubject<O>): Promise<string> {
  const [one, two] = [subject.plugin.createScript(fakeHost(), subject.options), subject.plugin.createScript(fakeHost(), subject.options)];
  const first = mustBeSettings(await one.online(vifOf(subject, 1)));
  const second = mustBeSettings(await two.online(vifOf(subject, 1)));
  must(first === second, () => `the second hypervisor gives ${second}, and the first ${first}`);
  for (const script of [one, two]) {
    await script.offline?.(vifOf(subject, 1));
    await script.close?.();
  }
  return first;
}

async function comeAndGo<O extends object>(subject: NetworkScriptSubject<O>): Promise<string> {
  const { randomSteps = 2000 } = subject;
  const script = subject.plugin.createScript(fakeHost(), subject.options);
  const random = new SeededRandom(1);
  const online = new Map<number, ScriptedVif>();
  let refused = 0;
  const come = async (domid: number): Promise<void> => {
    const vif = vifOf(subject, domid);
    try {
      mustBeSettings(await script.online(vif));
      online.set(domid, vif);
    } catch (error) {
      must(error instanceof HypervisorError, () => `a vif is refused with ${String(error)}, which is no HypervisorError`);
      refused++;
    }
  };
  const go = async (domid: number, vif: ScriptedVif): Promise<void> => {
    online.delete(domid);
    await script.offline?.(vif);
  };
  for (let i = 0; i < randomSteps; i++) {
    const domid = random.integer(1, 40);
    const there = online.get(domid);
    await (there === undefined ? come(domid) : go(domid, there));
  }
  for (const [domid, vif] of online) await go(domid, vif);
  await come(1);
  must(online.size === 1, 'when all vifs have gone, the first that comes is refused');
  for (const [domid, vif] of online) await go(domid, vif);
  await script.close?.();
  return `${randomSteps} steps, ${refused} refused`;
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createHypervisor, type Hypervisor } from '#runtime';
import { defineNetworkScript, definePlugin, HypervisorError, type HypervisorStats, type Plugin, type TraceRecord } from '#sdk';
import { pvhGuest } from '../support/pvh-guest.ts';
import { out8, spin } from '../support/tiny-guest.ts';
import { Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

/** Writes to port 0x501 until a device there ends it. */
const knock = pvhGuest([...out8(0x501, 4), ...spin]);
const busy = pvhGuest([0x40, 0xeb, 0xfd]);
const asleep = pvhGuest([0xfb, 0xf4, 0xeb, 0xfd]);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error) => `${error.code}: ${error.message}`,
  );

/** Looks until something holds: how long a thread takes to begin depends on what else the host does. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(20);
};

/** The exit code with which the device ended a guest, or undefined when there was none for some time. */
const exitCode = async (hypervisor: Hypervisor, patienceMs = 60_000): Promise<number | undefined> => {
  const domain = await hypervisor.createDomain({ name: 'knock', kernel: knock, memory: 4 });
  const timer = setTimeout(() => void domain.destroy(), patienceMs);
  const end = await domain.ended;
  clearTimeout(timer);
  return end.exitCode;
};

/** A plugin that notes what it hears. */
function listener(heard: string[], name = 'listener'): Plugin {
  return definePlugin({
    name,
    apiVersion: 1,
    options: {},
    apply({ hooks }) {
      hooks.booted.tap(name, () => void heard.push('booted'));
      hooks.shutdown.tap(name, () => void heard.push('shutdown'));
      hooks.logged.tap(name, ({ level, message }) => void heard.push(`${level} ${message}`));
    },
  });
}

describe('plugins of a running hypervisor', () => {
  it('are loaded and unloaded with their devices in the threads of pCPUs', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    expect(await exitCode(hypervisor, 1000)).toBeUndefined();
    await hypervisor.loadPlugin({ name: 'dev-debug-exit', options: { port: 0x501 } });
    expect(hypervisor.plugins.map(({ name }) => name)).toEqual(['dev-debug-exit']);
    expect(await exitCode(hypervisor)).toBe(9);
    await hypervisor.unloadPlugin('dev-debug-exit');
    expect(await exitCode(hypervisor, 1000)).toBeUndefined();
  });

  it('may be objects, which hear at once what they have missed, and nothing any more when they are gone', async () => {
    const heard: string[] = [];
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    await hypervisor.createDomain({ name: 'one', kernel: asleep, memory: 4 });
    await hypervisor.loadPlugin(listener(heard));
    const two = await hypervisor.createDomain({ name: 'two', kernel: asleep, memory: 4 });
    await hypervisor.unloadPlugin('listener');
    await two.destroy();
    expect(heard).toEqual(['booted', 'info domain two was created', 'shutdown']);
    // Another one of the same name is a new one.
    await hypervisor.loadPlugin(listener(heard));
    await hypervisor.domain('one')?.destroy();
    expect(heard.slice(3)).toEqual(['booted', 'info domain one has ended']);
  });

  it('may be packages, and paths in JavaScript or TypeScript', async () => {
    const plugin = (name: string): string =>
      `export const p = { name: '${name}', apiVersion: 1, options: {}, capabilities: ['process'], apply() { process.hrtime(); } };`;
    const folder = join(scratch.path, 'node_modules', 'packed');
    mkdirSync(join(folder, 'lib'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "name": "packed", "type": "module", "exports": "./lib/index.js" }');
    writeFileSync(join(folder, 'lib/index.js'), `${plugin('packed')}\nimport '../more.js';`);
    writeFileSync(join(folder, 'more.js'), 'process.pid;');
    writeFileSync(join(scratch.path, 'typed.ts'), `const n: string = 'x';\n${plugin('typed')}`);
    writeFileSync(join(scratch.path, 'old.cjs'), plugin('old').replace('export const p', 'exports.p'));
    await using hypervisor = await createHypervisor({ pcpus: 1, directory: scratch.path, plugins: ['packed', './typed.ts'] });
    await hypervisor.loadPlugin('old.cjs');
    expect(hypervisor.plugins.map(({ name, capabilities }) => `${name} ${capabilities}`)).toEqual(['packed process', 'typed process', 'old process']);
    writeFileSync(join(folder, 'more.js'), `process.pid;\n\n  eval('1');`);
    expect(await code(createHypervisor({ pcpus: 1, directory: scratch.path, plugins: ['packed'] }))).toMatch(
      /^HV_ERR_PLUGIN_CAPABILITY: the plugin packed uses eval in \S+packed\/more\.js:3:3, and does not declare the capability code$/,
    );
  });

  it('that cannot begin, or end badly, are gone all the same', async () => {
    const bad = (name: string, hook: 'booted' | 'shutdown'): Plugin =>
      definePlugin({
        name,
        apiVersion: 1,
        options: {},
        apply({ hooks }) {
          hooks[hook].tap(name, () => {
            throw new HypervisorError('HV_ERR_FILE_WRITE', 'no room', { hint: 'make some' });
          });
        },
      });
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    await hypervisor.createDomain({ name: 'one', kernel: asleep, memory: 4 });
    expect(await code(hypervisor.loadPlugin(bad('first', 'booted')))).toBe('HV_ERR_FILE_WRITE: plugin first: no room');
    await hypervisor.loadPlugin(bad('second', 'shutdown'));
    const both = await Promise.all([code(hypervisor.unloadPlugin('second')), code(hypervisor.unloadPlugin('second'))]);
    expect(both).toEqual(['HV_ERR_FILE_WRITE: plugin second: no room', 'HV_ERR_PLUGIN_UNKNOWN: no plugin "second" is loaded']);
    expect(hypervisor.plugins).toEqual([]);
  });

  it('are refused when they are there already, in use, not there, or not for this contract', async () => {
    const folder = join(scratch.path, 'sched-mine');
    mkdirSync(folder);
    writeFileSync(join(folder, 'index.ts'), `export const p = { name: 'p', apiVersion: 2, options: {} };`);
    writeFileSync(join(folder, 'sneaky.ts'), `import { readFileSync } from 'node:fs';\nexport const p = { name: 'p', apiVersion: 1, options: {} };`);
    await using hypervisor = await createHypervisor({ pcpus: 1, plugins: [listener([])] });
    const load = (choice: Parameters<Hypervisor['loadPlugin']>[0]): Promise<string> => code(hypervisor.loadPlugin(choice));
    expect(await load(listener([]))).toBe('HV_ERR_PLUGIN_BUSY: the plugin listener is loaded already');
    expect(await load('sched-sedf')).toBe('HV_ERR_PLUGIN_BUSY: a scheduler sedf is in charge');
    expect(await load('nobody')).toContain('HV_ERR_PLUGIN_UNKNOWN: there is no plugin "nobody"');
    expect(await load(folder)).toBe('HV_ERR_PLUGIN_INVALID: the plugin p is made for version 2 of the plugin contract; expected was 1');
    expect(await load(join(folder, 'sneaky.ts'))).toContain('imports node:fs in');
    expect(await load({ name: 'dev-debug-exit', options: { port: 'x' } })).toContain('HV_ERR_PLUGIN_OPTION: plugin dev-debug-exit: port=x is not');
    expect(await load(7 as never)).toContain('HV_ERR_HYPERVISOR_OPTION: plugin: expected was');
    expect(await load({ ...listener([], 'dev'), applyPcpu: () => undefined })).toContain('HV_ERR_PLUGIN_INVALID: the plugin dev was given as an object');
    expect(await code(hypervisor.unloadPlugin('nobody'))).toBe('HV_ERR_PLUGIN_UNKNOWN: no plugin "nobody" is loaded');
    await hypervisor.loadPlugin('sched-bvt');
    await hypervisor.setScheduler('bvt');
    expect(await code(hypervisor.unloadPlugin('sched-bvt'))).toBe('HV_ERR_PLUGIN_BUSY: the scheduler bvt of the plugin sched-bvt is in charge');
    await hypervisor.setScheduler('credit');
    expect(await code(hypervisor.unloadPlugin('sched-bvt'))).toBe('done');
    await hypervisor.loadPlugin('vbd-memory');
    const domain = await hypervisor.createDomain({ name: 'disk', kernel: asleep, memory: 4, disk: ['memory:1M,xvda,w'] });
    expect(await code(hypervisor.unloadPlugin('vbd-memory'))).toBe('HV_ERR_PLUGIN_BUSY: a domain has a vbd of the plugin vbd-memory');
    await domain.destroy();
    expect(await code(hypervisor.unloadPlugin('vbd-memory'))).toBe('done');
    expect(hypervisor.plugins.map(({ name }) => name)).toEqual(['listener']);
  });
});

describe('a network script', () => {
  it('sees vifs come and go, changes their settings, and refuses them', async () => {
    const heard: string[] = [];
    const script: Plugin = defineNetworkScript<object>({
      name: 'net-one',
      script: 'one',
      options: {},
      create: () => {
        let online = 0;
        return {
          online: ({ name, domid, settings }) => {
            if (online > 0) throw new HypervisorError('HV_ERR_DEVICE_SPEC', `${name} is one too many`, { hint: 'none' });
            online++;
            heard.push(`${name} of ${domid} on ${settings['bridge']}`);
            return { bridge: 'other', mac: 'not to be changed' };
          },
          offline: ({ name }) => {
            online--;
            heard.push(`${name} is gone`);
          },
          close: () => void heard.push('closed'),
        };
      },
    });
    await using hypervisor = await createHypervisor({ pcpus: 1, plugins: [script] });
    const make = (name: string, vif: string) => hypervisor.createDomain({ name, kernel: asleep, memory: 4, vif: [`backend=switch,bridge=br0,${vif}`] });
    const domain = await make('first', 'script=one,mac=00:16:3e:00:00:01');
    expect(await code(make('second', 'script=one'))).toBe('HV_ERR_DEVICE_SPEC: vif2.0 is one too many');
    expect(await code(make('third', 'script=two'))).toBe('HV_ERR_DEVICE_SPEC: there is no network script "two"; expected was one of one');
    expect(await code(hypervisor.unloadPlugin('net-one'))).toContain('a domain has a vif with the network script one');
    expect(hypervisor.domains.map(({ name }) => name)).toEqual(['first']);
    await domain.destroy();
    await (await make('second', 'script=one')).destroy();
    await hypervisor.unloadPlugin('net-one');
    expect(heard).toEqual(['vif1.0 of 1 on br0', 'vif1.0 is gone', 'vif4.0 of 4 on br0', 'vif4.0 is gone', 'closed']);
  });
});

describe('observation', () => {
  it('counts what a hypervisor does', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const domain = await hypervisor.createDomain({ name: 'busy', kernel: busy, memory: 4, disk: ['memory:1M,xvda,w'] });
    await until(() => domain.cpuTimeNs > 1e6);
    const stats = hypervisor.stats();
    expect(stats).toMatchObject({ scheduler: 'sedf', domainsCreated: 1 });
    expect(stats.domains).toMatchObject([{ id: domain.id, name: 'busy', state: 'r-----', memoryBytes: 4 * 2 ** 20 }]);
    expect(stats.domains[0]?.cpuTimeNs).toBeGreaterThan(1e6);
    expect(Object.keys(stats.domains[0]?.devices ?? {})).toEqual(['vbd-51712']);
    expect(stats.pcpus.filter(({ current }) => current?.domid === domain.id)).toHaveLength(1);
    expect(stats.pcpus.every(({ orders }) => orders > 0)).toBe(true);
  });

  it('traces what vCPUs do, while somebody wants to know', async () => {
    const records: TraceRecord[] = [];
    const collected: HypervisorStats[] = [];
    const tracer: Plugin = definePlugin({
      name: 'tracer',
      apiVersion: 1,
      options: {},
      apply({ hooks }) {
        hooks.traced.tap('tracer', (record) => void records.push(record));
        hooks.statsCollected.tap('tracer', (stats) => void collected.push(stats));
      },
    });
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const one = await hypervisor.createDomain({ name: 'one', kernel: busy, memory: 4 });
    await hypervisor.loadPlugin(tracer);
    const two = await hypervisor.createDomain({ name: 'two', kernel: busy, memory: 4 });
    const three = await hypervisor.createDomain({ name: 'three', kernel: asleep, memory: 4 });
    const kinds = (domid: number): Set<string> => new Set(records.flatMap((record) => ('domid' in record && record.domid === domid ? [record.kind] : [])));
    await until(() => kinds(three.id).has('blocked') && [one, two].every(({ id }) => kinds(id).has('exit')) && collected.length > 1);
    await hypervisor.unloadPlugin('tracer');
    expect([...kinds(one.id)].sort()).toEqual(['exit', 'run']);
    expect([...kinds(two.id)].sort()).toEqual(['domain', 'exit', 'run']);
    expect([...kinds(three.id)]).toContain('blocked');
    // The visits of a pCPU follow each other.
    const visits = records.filter((record) => record.kind === 'exit');
    expect(visits.every(({ fromNs, atNs }, i) => fromNs <= atNs && fromNs >= (visits[i - 1]?.atNs ?? 0))).toBe(true);
    const ranNs = visits.reduce((sum, { fromNs, atNs }) => sum + atNs - fromNs, 0);
    expect(ranNs).toBeGreaterThan(1e6);
    const { length } = records;
    await sleep(50);
    expect(records).toHaveLength(length);
  });

  it('reaches a trace, metrics and a log', async () => {
    const seen = new Set<string>();
    const watcher: Plugin = definePlugin({
      name: 'watcher',
      apiVersion: 1,
      options: {},
      apply: ({ hooks }) => hooks.traced.tap('watcher', (record) => void seen.add('pcpu' in record ? `${record.kind} ${record.pcpu} ${record.domid}` : '')),
    });
    const [trace, log] = [join(scratch.path, 'trace.json'), join(scratch.path, 'log')];
    const plugins = [
      watcher,
      { name: 'trace-chrome', options: { file: trace } },
      { name: 'log-pino', options: { file: log } },
      { name: 'metrics-prometheus', options: { port: 0 } },
    ];
    {
      await using hypervisor = await createHypervisor({ pcpus: 2, plugins });
      const domains = await Promise.all(['one', 'two'].map((name) => hypervisor.createDomain({ name, kernel: busy, memory: 4 })));
      await until(() => domains.every(({ id }) => [0, 1].some((pcpu) => seen.has(`exit ${pcpu} ${id}`))));
    }
    const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as {
      traceEvents: { name: string; ph: string; pid: number; tid: number; ts: number; dur: number }[];
    };
    for (const name of ['one / 0', 'two / 0']) expect(traceEvents.some((event) => event.pid === 2 && event.name === name)).toBe(true);
    for (const pid of [1, 2]) {
      for (const tid of [0, 1]) {
        const slices = traceEvents.filter((event) => event.ph === 'X' && event.pid === pid && event.tid === tid).sort((a, b) => a.ts - b.ts);
        expect(slices.length).toBeGreaterThan(0);
        expect(slices.every(({ ts }, i) => i === 0 || ts >= (slices[i - 1]?.ts ?? 0) + (slices[i - 1]?.dur ?? 0) - 0.01)).toBe(true);
      }
    }
    expect(
      readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).msg)
        .sort(),
    ).toEqual(['domain one has ended', 'domain one was created', 'domain two has ended', 'domain two was created']);
  });

  it('that cannot begin is told, and the hypervisor goes on', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1, plugins: [{ name: 'trace-chrome', options: { file: join(scratch.path, 'nowhere/x') } }] });
    const warning = new Promise<HypervisorError>((resolve) => hypervisor.once('warning', resolve));
    const domain = await hypervisor.createDomain({ name: 'one', kernel: asleep, memory: 4 });
    expect((await warning).code).toBe('HV_ERR_FILE_WRITE');
    expect(hypervisor.domains).toEqual([domain]);
  });
});

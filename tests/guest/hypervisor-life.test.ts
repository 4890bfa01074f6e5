import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it } from 'vitest';
import { createHypervisor, type Domain, type DomainConfig, type Hypervisor, type HypervisorOptions } from '#runtime';
import { Hypercall } from '#sdk';
import { pvhGuest, set, store, vmcall } from '../support/pvh-guest.ts';
import { halt, out8 } from '../support/tiny-guest.ts';
import { Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const DATA = 0x150000;
const off = pvhGuest([...set('eax', 0), ...store(DATA + 0x100), ...vmcall(Hypercall.sched_op, 2, DATA + 0x100), ...halt], {
  address: DATA,
  bytes: [0, 0, 0, 0],
});
const busy = pvhGuest([0x40, 0xeb, 0xfd]);
const touch = (port: number): Uint8Array => pvhGuest([...out8(port, 1), 0x40, 0xeb, 0xfd]);
const small = (name: string, kernel: Uint8Array, rest: Partial<DomainConfig> = {}): DomainConfig => ({ name, kernel, memory: 4, ...rest });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A round of the soak: a domain that ends itself, and one that is destroyed while it runs. */
async function round(hypervisor: Hypervisor, image: string): Promise<void> {
  const ending = await hypervisor.createDomain(small('ending', off, { disk: [`file:${image},xvda,w`, 'memory:1M,xvdb,w'] }));
  await ending.ended;
  const running = await hypervisor.createDomain(small('running', busy, { disk: [`file:${image},xvda,w`], vif: ['bridge=b', 'backend=user'] }));
  await running.destroy();
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('domains that come and go', () => {
  it('leave no file, timer, port or memory behind', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const image = scratch.file('soak.img', new Uint8Array(1 << 20));
    const settle = async (): Promise<{ heap: number; handles: number; files: number }> => {
      for (let i = 0; i < 3; i++) {
        await sleep(50);
        collect();
      }
      return { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().length, files: descriptors() };
    };
    for (let i = 0; i < 10; i++) await round(hypervisor, image);
    const before = await settle();
    const rounds = Number(process.env['XYLEM_SOAK_ROUNDS'] ?? 20);
    for (let i = 0; i < rounds; i++) await round(hypervisor, image);
    const after = await settle();
    expect(after.heap - before.heap).toBeLessThan(1 << 20);
    expect(after.handles).toBeLessThanOrEqual(before.handles);
    expect(after.files).toBeLessThanOrEqual(before.files);
  });

  it('leave nothing when they cannot be created', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const image = scratch.file('once.img', new Uint8Array(1 << 20));
    const before = descriptors();
    for (const [config, code] of [
      [small('a', busy, { disk: [`file:${image},xvda,w`, 'file:/no/such,xvdb,w'] }), 'HV_ERR_VBD_OPEN'],
      [small('a', busy, { disk: [`file:${image},xvda,w`, `file:${image},xvdb,w`] }), 'HV_ERR_VBD_BUSY'],
      [small('a', new Uint8Array(100), { disk: [`file:${image},xvda,w`] }), 'HV_ERR_LOADER_UNRECOGNISED'],
      [small('a', busy, { disk: [`file:${image},xvda,w`], scheduling: { periodNs: 1 } }), 'HV_ERR_SCHEDULER_PARAMETER'],
    ] as const) {
      await expect(hypervisor.createDomain(config)).rejects.toMatchObject({ code });
      expect([hypervisor.domains, descriptors()]).toEqual([[], before]);
    }
    const domain = await hypervisor.createDomain(small('a', busy, { disk: [`file:${image},xvda,w`] }));
    await expect(hypervisor.createDomain(small('a', busy))).rejects.toMatchObject({ code: 'HV_ERR_DOMAIN_NAME' });
    await expect(hypervisor.createDomain(small('b', busy, { disk: [`file:${image},xvda,w`] }))).rejects.toMatchObject({ code: 'HV_ERR_VBD_BUSY' });
    await domain.destroy();
    await domain.destroy();
    expect(() => domain.shutdown()).toThrow(/cannot be asked to shut down: it has ended/);
    await hypervisor.close();
    await expect(hypervisor.createDomain(small('c', busy))).rejects.toMatchObject({ code: 'HV_ERR_HYPERVISOR_CLOSED' });
  });
});

describe('plugins of a hypervisor', () => {
  const offering = (name: string, scheduler: string): string =>
    scratch.file(
      `${name}.mjs`,
      `export const p = { name: '${name}', apiVersion: 1, options: {}, apply({ hooks }) {
         hooks.booted.tap('${name}', () => void (globalThis.booted = (globalThis.booted ?? 0) + 1));
         hooks.scheduler.tap('${name}', (offers) => offers.offer('${scheduler}', (host) => ({ ...none, raise: host.raise })));
       } };
       const none = { name: '${scheduler}', domainSchema: {}, globalSchema: {}, initDomain() {}, destroyDomain() {}, initVcpu() {}, destroyVcpu() {},
         wake() { throw new Error('broken in wake'); }, sleep() {}, yield() {}, doSchedule: () => ({ vcpu: null, sliceNs: 1e6, migrated: false }),
         pickPcpu: () => 0, pcpuOf: () => 0, setAffinity() {}, setPcpuOnline() {}, domainParameters: () => ({}), adjustDomain() {},
         globalParameters: () => ({}), adjustGlobal() {}, dump: () => ({ scheduler: '${scheduler}', pcpus: [], vcpus: [] }) };`,
    );

  it('bring schedulers; one that fails is replaced, and the domain runs', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1, plugins: [offering('sched-broken', 'broken')], scheduler: 'broken' });
    const warnings: string[] = [];
    hypervisor.on('warning', ({ message }) => warnings.push(message));
    expect([hypervisor.scheduler, hypervisor.schedulers]).toEqual(['broken', ['broken', 'bvt', 'credit', 'sedf']]);
    const domain = await hypervisor.createDomain(small('a', off));
    expect((await domain.ended).reason).toBe('poweroff');
    expect(hypervisor.scheduler).toBe('fallback');
    expect(warnings).toEqual(['the scheduler broken failed, and a simple one has taken over: broken in wake']);
    expect(globalThis).toMatchObject({ booted: 1 });
  });

  it('are refused a name that is taken', async () => {
    const plugins = [offering('sched-one', 'sedf')];
    await expect(createHypervisor({ plugins })).rejects.toMatchObject({ code: 'HV_ERR_SCHEDULER_TAKEN' });
  });
});

describe('a pCPU that is lost', () => {
  const plugin = (name: string, body: string): string =>
    scratch.file(
      `${name}.mjs`,
      `export const p = { name: '${name}', apiVersion: 1, capabilities: ['process'], options: {}, applyPcpu({ hooks }) {
         hooks.platformCreated.tap('${name}', ({ ports }) => ports.map(0x500, 1, { read: () => 0, write: () => { ${body} } }));
       } };`,
    );

  it.each([
    ['hangs', 'for (;;);', /domain 2 has kept it for 1 s/],
    ['ends', 'process.exit(1);', /pCPU \d was lost/],
  ])('because a device %s is replaced; its domain crashes and the others go on', async (name, body, reason) => {
    await using hypervisor = await createHypervisor({ pcpus: 2, plugins: [plugin(`dev-${name}`, body)], watchdogSeconds: 1 });
    const warnings: string[] = [];
    hypervisor.on('warning', ({ message }) => warnings.push(message));
    const other = await hypervisor.createDomain(small('other', busy));
    const bad = await hypervisor.createDomain(small('bad', touch(0x500)));
    const end = await bad.ended;
    expect(end).toMatchObject({ reason: 'failed', error: { code: 'HV_ERR_PCPU_FAILED' } });
    expect(warnings.join()).toMatch(reason);
    const before = other.cpuTimeNs;
    await sleep(100);
    expect(other.cpuTimeNs).toBeGreaterThan(before);
    const ends = await Promise.all(['x', 'y'].map(async (each) => (await hypervisor.createDomain(small(each, off))).ended));
    expect(ends.map(({ reason: how, error }) => error?.message ?? how)).toEqual(['poweroff', 'poweroff']);
  });
});

describe('bad input', () => {
  const image = join(scratch.path, 'x');
  it.each([
    ['no object', 7 as never, /^config: expected was an object; seen was 7$/],
    ['no name', { kernel: busy } as never, /^config\.name: expected was a name.*seen was nothing/],
    ['a bad name', small('a b', busy), /config\.name.*seen was "a b"/],
    ['an unknown field', { ...small('a', busy), maxmem: 3 } as never, /config\.maxmem: there is no such field/],
    ['a kernel that is a number', small('a', 3 as never), /config\.kernel: .*seen was 3/],
    ['memory as text', small('a', busy, { memory: '64' as never }), /config\.memory: expected was a whole number of MiB from 2 to 3584; seen was "64"/],
    ['too much memory', small('a', busy, { memory: 4000 }), /config\.memory/],
    ['half a vCPU', small('a', busy, { vcpus: 0.5 }), /config\.vcpus/],
    ['a disk as text', small('a', busy, { disk: `file:${image},xvda,w` as never }), /config\.disk: expected was a list/],
    ['a vif as number', small('a', busy, { vif: [3] as never }), /config\.vif: expected was a list/],
    ['an extra that is no text', small('a', busy, { extra: 1 as never }), /config\.extra/],
    ['a ramdisk that is no file', small('a', busy, { ramdisk: {} as never }), /config\.ramdisk/],
    ['a bad UUID', small('a', busy, { uuid: 'x' }), /config\.uuid/],
    ['an unknown CPU', small('a', busy, { cpu: 'z80' }), /config\.cpu: expected was one of max/],
    ['an unknown action', small('a', busy, { on_crash: 'panic' as never }), /config\.on_crash: expected was one of destroy, restart, preserve/],
    ['paused as text', small('a', busy, { paused: 'yes' as never }), /config\.paused/],
    ['parameters that are none', small('a', busy, { scheduling: { weight: 'big' as never } }), /config\.scheduling/],
  ] satisfies (readonly [string, DomainConfig, RegExp])[])(
    '%s is refused with the field, what was expected and what was seen',
    async (_what, config, message) => {
      const domain: Promise<Domain> = shared().then((hypervisor) => hypervisor.createDomain(config));
      await expect(domain).rejects.toMatchObject({ code: 'HV_ERR_DOMAIN_CONFIG', message: expect.stringMatching(message) });
      expect((await shared()).domains).toEqual([]);
    },
  );

  it.each([
    [{ pcpus: 0 }, /options\.pcpus: expected was a whole number from 1 to 64; seen was 0/],
    [{ engine: 'steam' as never }, /options\.engine/],
    [{ clock: 'sun' as never }, /options\.clock/],
    [{ plugins: 'dev' as never }, /options\.plugins/],
    [{ watchdogSeconds: -1 }, /options\.watchdogSeconds/],
    [{ scheduler: 3 as never }, /options\.scheduler/],
    [{ cpus: 3 } as never, /options\.cpus: there is no such option/],
  ] satisfies (readonly [HypervisorOptions, RegExp])[])('the options %j are refused', async (options, message) => {
    await expect(createHypervisor(options)).rejects.toMatchObject({ code: 'HV_ERR_HYPERVISOR_OPTION', message: expect.stringMatching(message) });
  });

  let made: Promise<Hypervisor> | undefined;
  const shared = (): Promise<Hypervisor> => {
    made ??= createHypervisor({ pcpus: 1 });
    return made;
  };
  afterAll(async () => (await made)?.close());
});

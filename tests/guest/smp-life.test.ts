import { afterAll, describe, expect, it } from 'vitest';
import { createHypervisor, type DomainConfig } from '#runtime';
import { pvhPowerPorts, pvhPowerValues } from '../../runtime/domain/pvh-acpi.ts';
import { pvhGuest } from '../support/pvh-guest.ts';
import { type Code, out16, out8 } from '../support/tiny-guest.ts';
import { Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const small = (kernel: Uint8Array, rest: Partial<DomainConfig> = {}): DomainConfig => ({ name: 'two', kernel, memory: 4, vcpus: 2, ...rest });

/** The other vCPU begins here in real mode, with interrupts off. */
const START = 0x8000;
const icr = (register: number, value: number): Code => [0xc7, 0x05, register, 0x03, 0xe0, 0xfe, value & 0xff, (value >> 8) & 0xff, value >> 16, value >>> 24];
/** INIT and start-up for the vCPU whose APIC is 2. */
const startOther: Code = [...icr(0x10, 2 << 24), ...icr(0x00, 0x4500), ...icr(0x00, 0x4600 | (START >> 12))];
/** A guest with the code of its first vCPU, in 32 bits, and that of its second, in 16. */
const both = (first: Code, second: Code): Uint8Array => pvhGuest([...startOther, ...first], { address: START, bytes: second });

const real16 = (port: number, value: number): Code => [0xba, port & 0xff, port >> 8, 0xb8, value & 0xff, value >> 8, 0xef];
const real8 = (port: number, value: number): Code => [0xba, port & 0xff, port >> 8, 0xb0, value, 0xee];
const SLEEP = (1 << 13) | (pvhPowerValues.softOffType << 10);
const spin: Code = [0x40, 0xeb, 0xfd];
const deadHalt: Code = [0xf4, 0xeb, 0xfd];
const realOff: Code = [...real16(pvhPowerPorts.control, SLEEP), ...deadHalt];
const realReset: Code = [...real8(pvhPowerPorts.reset, pvhPowerValues.reset), ...deadHalt];
/** An empty vector table, and a breakpoint. */
const realTripleFault: Code = [0x0f, 0x01, 0x1e, 0x00, 0x90, 0xcc];
/** Counts for some milliseconds. */
const count: Code = [0xb9, 0, 0, 0x40, 0, 0x49, 0x75, 0xfd];

describe.each([1, 2])('a domain of two vCPUs on %i pCPU(s)', (pcpus) => {
  it.each([
    ['is ended by the second', both(spin, realOff), 'poweroff', undefined],
    ['is ended by the first while the second spins', both([...count, ...out16(pvhPowerPorts.control, SLEEP), ...deadHalt], spin), 'poweroff', undefined],
    [
      'is ended by the first when the second has halted for ever',
      both([...count, ...out16(pvhPowerPorts.control, SLEEP), ...deadHalt], deadHalt),
      'poweroff',
      undefined,
    ],
    ['crashes when the second does', both(spin, realTripleFault), 'crash', /^vCPU 1: the guest ended in a triple fault/],
    ['crashes when both have halted for ever', both(deadHalt, deadHalt), 'crash', /^vCPU \d: the guest halted with interrupts off/],
  ])('%s', async (_how, kernel, reason, report) => {
    await using hypervisor = await createHypervisor({ pcpus });
    const domain = await hypervisor.createDomain(small(kernel));
    const end = await domain.ended;
    expect(end.reason).toBe(reason);
    if (report !== undefined) expect(end.report?.[0]).toMatch(report);
    expect(end.stats?.instructions).toBeGreaterThan(0);
    expect(hypervisor.domains).toEqual([]);
  });

  it('begins anew with both, stops when it is paused, and is destroyed', async () => {
    await using hypervisor = await createHypervisor({ pcpus });
    const again = await hypervisor.createDomain(small(both(spin, realReset), { name: 'again' }));
    let restarts = 0;
    await new Promise<void>((resolve) => again.on('restarted', () => ++restarts === 3 && resolve()));
    await again.destroy();
    const busy = await hypervisor.createDomain(small(both(spin, spin)));
    await sleep(200);
    const [before, since] = [busy.cpuTimeNs, performance.now()];
    await sleep(400);
    const used = (busy.cpuTimeNs - before) / 1e6 / (performance.now() - since);
    expect(used).toBeGreaterThan(0.9 * pcpus);
    expect(used).toBeLessThan(1.1 * pcpus);
    await busy.pause();
    const paused = busy.cpuTimeNs;
    await sleep(50);
    expect([busy.state, busy.cpuTimeNs]).toEqual(['--p---', paused]);
    busy.unpause();
    await sleep(50);
    expect(busy.cpuTimeNs).toBeGreaterThan(paused);
    await busy.destroy();
    expect((await busy.ended).reason).toBe('destroyed');
  });
});

it('a domain loses all its vCPUs with the pCPU of one of them, and the others go on', async () => {
  const plugin = scratch.file(
    'dev-hangs.mjs',
    `export const p = { name: 'dev-hangs', apiVersion: 1, options: {}, applyPcpu({ hooks }) {
       hooks.platformCreated.tap('dev-hangs', ({ ports }) => ports.map(0x500, 1, { read: () => 0, write: () => { for (;;); } }));
     } };`,
  );
  await using hypervisor = await createHypervisor({ pcpus: 4, plugins: [plugin], watchdogSeconds: 1 });
  const bad = await hypervisor.createDomain(small(both([...count, ...out8(0x500, 1), ...spin], spin), { name: 'bad' }));
  const other = await hypervisor.createDomain(small(both(spin, spin), { name: 'other' }));
  expect(await bad.ended).toMatchObject({ reason: 'failed', error: { code: 'HV_ERR_PCPU_FAILED' } });
  const before = other.cpuTimeNs;
  await sleep(100);
  expect(other.cpuTimeNs).toBeGreaterThan(before);
  await other.destroy();
  expect((await (await hypervisor.createDomain(small(both(spin, realOff)))).ended).reason).toBe('poweroff');
});

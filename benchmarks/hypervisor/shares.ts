import { once } from 'node:events';
import { createHypervisor, type Domain, type Hypervisor } from '#runtime';
import { type Figure, type HypervisorCase, quantile, sleep } from './figure.ts';
import { eventTimes } from './event-times.ts';
import { answering, busy } from './guests.ts';

const MEMORY_MIB = 4;
/** Until the scheduler knows who computes, and then while CPU time is compared. */
const SETTLE_MS = 1000;
const MEASURE_MS = 1500;
/** Spells in which CPU time is compared: in a few of them a host that is busy may keep the scheduler itself from running. */
const SPELLS = 7;

/** A property of the schedulers with vCPUs that compute on one pCPU. */
interface Property {
  readonly name: string;
  readonly scheduler: string;
  readonly parameters: readonly Readonly<Record<string, number | boolean>>[];
  /** The part of the pCPU that each should have. */
  readonly expected: readonly number[];
  /** Percentage points that a part may be off. */
  readonly tolerance: number;
  /** Parts may be larger: what is left over is shared. */
  readonly isGuarantee?: boolean;
}

const MS = 1e6;
const properties: readonly Property[] = [
  {
    name: 'S1 BVT, mcuAdvance 10, 20, 40',
    scheduler: 'bvt',
    parameters: [{ mcuAdvance: 10 }, { mcuAdvance: 20 }, { mcuAdvance: 40 }],
    expected: [4 / 7, 2 / 7, 1 / 7],
    tolerance: 3,
  },
  {
    name: 'S4 sEDF, guarantees of 30, 40 and 20 %',
    scheduler: 'sedf',
    parameters: [
      { periodNs: 20 * MS, sliceNs: 6 * MS },
      { periodNs: 10 * MS, sliceNs: 4 * MS },
      { periodNs: 50 * MS, sliceNs: 10 * MS },
    ],
    expected: [0.3, 0.4, 0.2],
    tolerance: 1,
    isGuarantee: true,
  },
  {
    name: 'S5 sEDF, a quarter without extra time',
    scheduler: 'sedf',
    parameters: [{ periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false }],
    expected: [0.25],
    tolerance: 1,
  },
  { name: 'S6 sEDF, best effort 1 to 1', scheduler: 'sedf', parameters: [{}, {}], expected: [0.5, 0.5], tolerance: 3 },
  {
    name: 'S6 sEDF, best effort 1 to 3',
    scheduler: 'sedf',
    parameters: [{ extraweight: 1 }, { extraweight: 3 }],
    expected: [0.25, 0.75],
    tolerance: 3,
  },
  {
    name: 'S7 sEDF, weights 2, 3, 4, 2',
    scheduler: 'sedf',
    parameters: [{ weight: 2 }, { weight: 3 }, { weight: 4 }, { weight: 2 }],
    expected: [2 / 11, 3 / 11, 4 / 11, 2 / 11],
    tolerance: 3,
  },
  {
    name: 'S11 credit, weights 256, 512, 1024',
    scheduler: 'credit',
    parameters: [{ weight: 256 }, { weight: 512 }, { weight: 1024 }],
    expected: [1 / 7, 2 / 7, 4 / 7],
    tolerance: 2,
  },
  { name: 'S11 credit, a cap of 50', scheduler: 'credit', parameters: [{ cap: 50 }], expected: [0.5], tolerance: 1 },
];

/** The part of the time that each domain computes, and that of all together: medians over spells. */
async function measure(domains: readonly Domain[]): Promise<{ readonly parts: readonly number[]; readonly sum: number }> {
  const spells: number[][] = [];
  for (let spell = 0; spell < SPELLS; spell++) {
    const before = domains.map(({ cpuTimeNs }) => cpuTimeNs);
    const start = performance.now();
    await sleep(MEASURE_MS);
    const elapsed = performance.now() - start;
    spells.push(domains.map(({ cpuTimeNs }, i) => (cpuTimeNs - (before[i] ?? 0)) / MS / elapsed));
  }
  const median = (of: (parts: readonly number[]) => number): number => quantile(spells.map(of), 0.5);
  return { parts: domains.map((_, i) => median((parts) => parts[i] ?? 0)), sum: median((parts) => parts.reduce((a, b) => a + b, 0)) };
}

function create(hypervisor: Hypervisor, parameters: Property['parameters']): Promise<Domain[]> {
  return Promise.all(parameters.map((scheduling, i) => hypervisor.createDomain({ name: `share-${i}`, kernel: busy, memory: MEMORY_MIB, scheduling })));
}

async function check({ name, scheduler, parameters, expected, tolerance, isGuarantee = false }: Property): Promise<Figure> {
  await using hypervisor = await createHypervisor({ pcpus: 1, scheduler });
  const domains = await create(hypervisor, parameters);
  await sleep(SETTLE_MS);
  const { parts } = await measure(domains);
  const errors = parts.map((part, i) => part - (expected[i] ?? 0));
  const off = Math.max(...errors.map((error) => (isGuarantee ? -error : Math.abs(error))));
  return { name: `${name}: ${isGuarantee ? 'most that is missing' : 'most that a share is off'}`, value: 100 * off, unit: '%', goal: `<= ${tolerance}` };
}

/** Parameters that are changed while domains run, and ones that are refused. */
async function changed(): Promise<readonly Figure[]> {
  await using hypervisor = await createHypervisor({ pcpus: 1, scheduler: 'credit' });
  const domains = await create(hypervisor, [{ weight: 256 }, { weight: 256 }]);
  await sleep(SETTLE_MS);
  domains[0]?.setScheduling({ weight: 768 });
  // two accountings of 30 ms
  await sleep(60);
  const { parts, sum } = await measure(domains);
  const off = Math.abs((parts[0] ?? 0) - 0.75);
  return [
    { name: 'S12 credit, weights changed to 3 to 1, from two accountings on', value: 100 * off, unit: '%', goal: '<= 2' },
    { name: 'S14 CPU time of all domains and the time that went by: difference', value: 100 * Math.abs(1 - sum), unit: '%', goal: '<= 0.5' },
  ];
}

const HOGS = 3;
const EVENTS = 300;

/** From an event to the interrupt handler of a domain that waits for it beside others that compute. */
async function latency(scheduler: string, scheduling: Property['parameters'][number], goalMs: number): Promise<readonly Figure[]> {
  await using hypervisor = await createHypervisor({ pcpus: 1, scheduler });
  const domain = await hypervisor.createDomain({ name: 'answering', kernel: answering, memory: MEMORY_MIB, scheduling });
  await once(domain.console, 'readable');
  await create(
    hypervisor,
    Array.from({ length: HOGS }, () => ({})),
  );
  await sleep(SETTLE_MS);
  const { there } = await eventTimes(domain, EVENTS);
  const name = `S10 ${scheduler}, wake to run beside ${HOGS} domains that compute`;
  return [
    { name: `${name}, median`, value: quantile(there, 0.5) / 1000, unit: 'ms' },
    { name: `${name}, 99 %`, value: quantile(there, 0.99) / 1000, unit: 'ms', goal: `<= ${goalMs}` },
  ];
}

/** Properties of the schedulers with real workers. */
export const shares: HypervisorCase = {
  name: 'shares',
  run: async () => {
    const figures: Figure[] = [];
    for (const property of properties) figures.push(await check(property));
    figures.push(...(await latency('sedf', { periodNs: 20 * MS, sliceNs: 5 * MS }, 20)));
    figures.push(...(await latency('bvt', { warpBack: true, warpValue: 1_000_000, warpLimitNs: 0 }, 1)));
    return [...figures, ...(await changed())];
  },
};

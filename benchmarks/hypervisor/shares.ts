import { createHypervisor, type Domain, type Hypervisor } from '#runtime';
import { type Figure, type HypervisorCase, sleep } from './figure.ts';
import { busy } from './guests.ts';

const MEMORY_MIB = 4;
/** Until the scheduler knows who computes, and then while CPU time is compared. */
const SETTLE_MS = 1000;
const MEASURE_MS = 6000;

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

/** CPU time in milliseconds that each domain gets, and the time that went by. */
async function measure(domains: readonly Domain[], ms: number): Promise<{ readonly times: readonly number[]; readonly elapsed: number }> {
  const before = domains.map(({ cpuTimeNs }) => cpuTimeNs);
  const start = performance.now();
  await sleep(ms);
  const times = domains.map(({ cpuTimeNs }, i) => (cpuTimeNs - (before[i] ?? 0)) / MS);
  return { times, elapsed: performance.now() - start };
}

function create(hypervisor: Hypervisor, parameters: Property['parameters']): Promise<Domain[]> {
  return Promise.all(parameters.map((scheduling, i) => hypervisor.createDomain({ name: `share-${i}`, kernel: busy, memory: MEMORY_MIB, scheduling })));
}

async function check({ name, scheduler, parameters, expected, tolerance, isGuarantee = false }: Property): Promise<Figure> {
  await using hypervisor = await createHypervisor({ pcpus: 1, scheduler });
  const domains = await create(hypervisor, parameters);
  await sleep(SETTLE_MS);
  const { times, elapsed } = await measure(domains, MEASURE_MS);
  const errors = times.map((time, i) => time / elapsed - (expected[i] ?? 0));
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
  const { times, elapsed } = await measure(domains, MEASURE_MS);
  const off = Math.abs((times[0] ?? 0) / elapsed - 0.75);
  const sum = times.reduce((a, b) => a + b, 0);
  return [
    { name: 'S12 credit, weights changed to 3 to 1, from two accountings on', value: 100 * off, unit: '%', goal: '<= 2' },
    { name: 'S14 CPU time of all domains and the time that went by: difference', value: 100 * Math.abs(1 - sum / elapsed), unit: '%', goal: '<= 0.5' },
  ];
}

/** Properties of the schedulers with real workers. */
export const shares: HypervisorCase = {
  name: 'shares',
  run: async () => {
    const figures: Figure[] = [];
    for (const property of properties) figures.push(await check(property));
    return [...figures, ...(await changed())];
  },
};

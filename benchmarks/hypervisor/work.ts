import { createHypervisor, type Domain } from '#runtime';
import { pvhGuest } from '../../tests/support/pvh-guest.ts';
import { type HypervisorCase, quantile, sleep } from './figure.ts';

const COUNTER = 0x150000;
const le32 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
/** Counts to 20,000 again and again, and how often it did in memory. */
const counting = pvhGuest(
  [
    ...[0xb9, ...le32(20_000)], // mov ecx, 20000
    ...[0x49, 0x75, 0xfd], // dec ecx; jnz to itself
    ...[0xff, 0x05, ...le32(COUNTER)], // inc dword [COUNTER]
    ...[0xeb, 0xf0], // jmp to the start
  ],
  { address: COUNTER, bytes: [0, 0, 0, 0] },
);
const MEMORY_MIB = 4;
/** Until all is translated. */
const SETTLE_MS = 1500;
const MEASURE_MS = 800;
const ROUNDS = 7;

interface Work {
  readonly perSecond: number;
  /** For each second of CPU time that the process had, all threads. */
  readonly perCpuSecond: number;
}

function counted(domains: readonly Domain[]): number {
  return domains.reduce((sum, { life }) => {
    const bytes = life?.state.ram.bytes;
    return bytes === undefined ? sum : sum + new DataView(bytes.buffer, bytes.byteOffset).getUint32(COUNTER, true);
  }, 0);
}

/** What domains get done together. */
async function measure(domains: readonly Domain[]): Promise<Work> {
  await sleep(100);
  const [before, start, cpu] = [counted(domains), performance.now(), process.cpuUsage()];
  await sleep(MEASURE_MS);
  const work = counted(domains) - before;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (work * 1000) / (performance.now() - start), perCpuSecond: (work * 1e6) / (user + system) };
}

/** Work of all domains over that of the first few: medians of rounds that take turns, since hosts are busy now and then. */
async function compare(all: number, few: number, scheduler: SchedulerChoice): Promise<Work> {
  await using hypervisor = await createHypervisor({ pcpus: 2, scheduler });
  const create = (i: number): Promise<Domain> => hypervisor.createDomain({ name: `count-${i}`, kernel: counting, memory: MEMORY_MIB });
  const domains = await Promise.all(Array.from({ length: all }, (_, i) => create(i)));
  await sleep(SETTLE_MS);
  const rounds: Work[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const together = await measure(domains);
    await Promise.all(domains.slice(few).map((domain) => domain.pause()));
    const alone = await measure(domains);
    for (const domain of domains.slice(few)) domain.unpause();
    rounds.push({ perSecond: together.perSecond / alone.perSecond, perCpuSecond: together.perCpuSecond / alone.perCpuSecond });
  }
  const median = (of: keyof Work): number =>
    quantile(
      rounds.map((round) => round[of]),
      0.5,
    );
  return { perSecond: median('perSecond'), perCpuSecond: median('perCpuSecond') };
}

interface SchedulerChoice {
  readonly name: string;
  readonly options?: Record<string, number>;
}

/** Two domains on two pCPUs. */
export const parallel: HypervisorCase = {
  name: 'parallel',
  run: async () => {
    const { perSecond, perCpuSecond } = await compare(2, 1, { name: 'sedf' });
    return [
      { name: 'work of two domains on two pCPUs over that of one', value: perSecond, unit: '', goal: '>= 1.85' },
      { name: 'the same if the host had no other work', value: 2 * perCpuSecond, unit: '', goal: '>= 1.85' },
    ];
  },
};

/** More domains than pCPUs. */
export const overhead: HypervisorCase = {
  name: 'overhead',
  run: async () => {
    const { perCpuSecond } = await compare(8, 2, { name: 'credit', options: { sliceMs: 10 } });
    return [{ name: 'CPU time lost by 8 domains on 2 pCPUs, slices of 10 ms', value: 100 * (1 - perCpuSecond), unit: '%', goal: '<= 1.5' }];
  },
};

import { createHypervisor, type Domain, type Hypervisor } from '#runtime';
import { checkingGuest, LONGEST_GAP_AT } from '../../tests/support/checking-guest.ts';
import { type Figure, type HypervisorCase, quantile, sleep } from './figure.ts';

const VCPUS = 8;
const MEMORY_MIB = 4;
/** Until all is translated. */
const SETTLE_MS = 1500;
const ROUNDS = 8;
const BEFORE_MS = 100;
const AFTER_MS = 150;
const NAMES = ['sedf', 'bvt', 'credit'] as const;
type Name = (typeof NAMES)[number];
/** Credit's own slice of 30 ms has each of four vCPUs on a pCPU wait for 90; sEDF gives those with a weight their turn once in 100. */
const OPTIONS: Readonly<Record<Name, Readonly<Record<string, number>>>> = { sedf: {}, bvt: {}, credit: { sliceMs: 10 } };
const weights = (name: Name, i: number): Readonly<Record<string, number>> =>
  ({ sedf: { extraweight: 1 + i }, bvt: { mcuAdvance: 10 + i }, credit: { weight: 256 + i } })[name];

/** The longest that any of the vCPUs did not run for, as they have seen it themselves since the last look. */
function longestGapMs(domains: readonly Domain[]): number {
  const gaps = domains.map(({ life }) => {
    const view = life?.state.ram.view;
    const gap = view?.getUint32(LONGEST_GAP_AT, true) ?? 0;
    view?.setUint32(LONGEST_GAP_AT, 0, true);
    return gap / 1e6;
  });
  return Math.max(...gaps);
}

/** A change in the middle of a round, and new weights behind it; how long the change took and the longest gap. */
async function change(hypervisor: Hypervisor, domains: readonly Domain[], from: Name, to: Name): Promise<{ readonly tookMs: number; readonly gapMs: number }> {
  await hypervisor.setScheduler(from, OPTIONS[from]);
  await sleep(BEFORE_MS);
  longestGapMs(domains);
  await sleep(BEFORE_MS);
  const start = performance.now();
  await hypervisor.setScheduler(to, OPTIONS[to]);
  const tookMs = performance.now() - start;
  domains.forEach((domain, i) => void domain.setScheduling(weights(to, i % 3)));
  await sleep(AFTER_MS);
  return { tookMs, gapMs: longestGapMs(domains) };
}

/** Changes of the scheduler under load. */
export const swap: HypervisorCase = {
  name: 'swap',
  run: async () => {
    await using hypervisor = await createHypervisor({ pcpus: 2 });
    const kernel = checkingGuest();
    const domains = await Promise.all(Array.from({ length: VCPUS }, (_, i) => hypervisor.createDomain({ name: `busy-${i}`, kernel, memory: MEMORY_MIB })));
    // a plugin is read from the disk when its scheduler is asked for first
    for (const name of NAMES) await hypervisor.setScheduler(name);
    await sleep(SETTLE_MS);
    const figures: Figure[] = [];
    const took: number[] = [];
    for (const from of NAMES) {
      for (const to of NAMES) {
        const rounds: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          const { tookMs, gapMs } = await change(hypervisor, domains, from, to);
          took.push(tookMs);
          rounds.push(gapMs);
        }
        const name = from === to ? `longest wait of ${VCPUS} vCPUs on 2 pCPUs under ${to}, begun anew` : `the same from ${from} to ${to}`;
        figures.push({ name: `${name}, median of ${ROUNDS}`, value: quantile(rounds, 0.5), unit: 'ms', goal: '<= 50' });
      }
    }
    return [{ name: 'change of the scheduler under load, longest', value: Math.max(...took), unit: 'ms', goal: '<= 20' }, ...figures];
  },
};

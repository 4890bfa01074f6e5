import { describe, expect, it } from 'vitest';
import { affinityOf, type SchedulerHost, type SchedulerSubject, schedulerSuite } from '#sdk';
import { override, type Overrides } from './delegate.ts';
import { subjects } from './subjects.ts';

type Base = keyof typeof subjects;

interface Broken {
  /** What is wrong with it. */
  readonly fault: string;
  readonly base: Base;
  /** Cases that have to notice. */
  readonly fails: readonly string[];
  readonly overrides?: Overrides;
  readonly wrapHost?: (host: SchedulerHost) => SchedulerHost;
}

/** Changes to a domain's parameters that are lost on their way. */
const losing = (...names: string[]): Overrides => {
  return (real) => ({
    adjustDomain: (domid, changes, nowNs) =>
      real.adjustDomain(domid, Object.fromEntries(Object.entries(changes).filter(([name]) => !names.includes(name))), nowNs),
  });
};

/** Slices that are longer than they should be. */
const stretching = (factor: number): Overrides => {
  return (real) => ({
    doSchedule: (pcpu, nowNs) => {
      const decision = real.doSchedule(pcpu, nowNs);
      return { ...decision, sliceNs: decision.sliceNs * factor };
    },
  });
};

const everyTenth = (): (() => boolean) => {
  let count = 0;
  return () => ++count % 10 === 0;
};

const variants: readonly Broken[] = [
  {
    fault: 'runs a vCPU on two pCPUs',
    base: 'bvt',
    fails: ['random', 'S13', 'S14'],
    overrides: (real) => {
      const last: (ReturnType<typeof real.doSchedule> | undefined)[] = [];
      return {
        doSchedule: (pcpu, nowNs) => {
          const decision = real.doSchedule(pcpu, nowNs);
          last[pcpu] = decision;
          return pcpu === 1 && last[0] !== undefined && last[0].vcpu !== null ? { ...decision, vcpu: last[0].vcpu } : decision;
        },
      };
    },
  },
  {
    fault: 'forgets some wakes',
    base: 'credit',
    fails: ['random', 'S9', 'S13'],
    overrides: (real) => {
      const forgets = everyTenth();
      return { wake: (vcpu, nowNs) => (forgets() ? undefined : real.wake(vcpu, nowNs)) };
    },
  },
  {
    fault: 'idles now and then',
    base: 'bvt',
    fails: ['random', 'S14'],
    overrides: (real) => {
      const idles = everyTenth();
      return { doSchedule: (pcpu, nowNs) => ({ ...real.doSchedule(pcpu, nowNs), ...(idles() ? { vcpu: null } : {}) }) };
    },
  },
  { fault: 'runs those that sleep', base: 'credit', fails: ['random', 'S10', 'S14'], overrides: () => ({ sleep: () => {} }) },
  {
    fault: 'starves a domain',
    base: 'sedf',
    fails: ['share', 'S12', 'random'],
    overrides: (real) => ({ wake: (vcpu, nowNs) => (vcpu.domid === 2 ? undefined : real.wake(vcpu, nowNs)) }),
  },
  { fault: 'never ends a slice early', base: 'sedf', fails: ['S8'], wrapHost: (host) => impatient(host) },
  { fault: 'never ends a slice early', base: 'bvt', fails: ['S10', 'S3-latency'], wrapHost: (host) => impatient(host) },
  { fault: 'never ends a slice early', base: 'credit', fails: ['S10'], wrapHost: (host) => impatient(host) },
  { fault: 'knows no weights', base: 'sedf', fails: ['share', 'S12', 'S6', 'S7'], overrides: losing('weight') },
  { fault: 'knows no weights', base: 'bvt', fails: ['share', 'S12', 'S1'], overrides: losing('mcuAdvance') },
  { fault: 'knows no weights', base: 'credit', fails: ['share', 'S12', 'S11-weight'], overrides: losing('weight') },
  {
    fault: 'throws dice',
    base: 'bvt',
    fails: ['replay'],
    overrides: (real) => ({
      doSchedule: (pcpu, nowNs) => {
        const decision = real.doSchedule(pcpu, nowNs);
        return { ...decision, sliceNs: decision.sliceNs - Math.floor(Math.random() * 5000) };
      },
    }),
  },
  {
    fault: 'takes whatever it is given',
    base: 'credit',
    fails: ['S12-refusal'],
    overrides: (real) => ({
      adjustDomain: (domid, changes, nowNs) => {
        real.adjustDomain(domid, changes, nowNs);
        return undefined;
      },
    }),
  },
  {
    fault: 'refuses and changes something all the same',
    base: 'sedf',
    fails: ['S12-refusal'],
    overrides: (real) => ({
      adjustDomain: (domid, changes, nowNs) => {
        const refusal = real.adjustDomain(domid, changes, nowNs);
        if (refusal !== undefined) real.adjustDomain(domid, { latencyNs: 1 }, nowNs);
        return refusal;
      },
    }),
  },
  { fault: 'does not care for affinity', base: 'bvt', fails: ['S13', 'random'], overrides: () => ({ setAffinity: () => {} }) },
  { fault: 'goes on using a pCPU that went', base: 'bvt', fails: ['S13', 'random'], overrides: () => ({ setPcpuOnline: () => {} }) },
  { fault: 'gives slices of no length', base: 'bvt', fails: ['S14', 'random', 'share'], overrides: stretching(0) },
  { fault: 'gives slices of half nanoseconds', base: 'sedf', fails: ['S14', 'random', 'share'], overrides: stretching(1.0000001) },
  {
    fault: 'charges for what was not run',
    base: 'credit',
    fails: ['S14', 'random'],
    overrides: (real) => ({
      dump: () => {
        const dump = real.dump();
        return { ...dump, vcpus: dump.vcpus.map((vcpu) => ({ ...vcpu, ranNs: vcpu.ranNs + 1 })) };
      },
    }),
  },
  { fault: 'lets slices run over', base: 'sedf', fails: ['S4', 'random'], overrides: stretching(2) },
  {
    fault: 'gives extra time to those that must not have it',
    base: 'sedf',
    fails: ['S5', 'S4'],
    overrides: (real) => ({ adjustDomain: (domid, changes, nowNs) => real.adjustDomain(domid, { ...changes, extratime: true }, nowNs) }),
  },
  {
    fault: 'rounds slices of weights up',
    base: 'sedf',
    fails: ['S7'],
    overrides: (real) => ({
      domainParameters: (domid) => ({ ...real.domainParameters(domid), sliceNs: Number(real.domainParameters(domid)?.['sliceNs']) + 1 }),
    }),
  },
  {
    fault: 'starves domain 0 when too much is asked for',
    base: 'sedf',
    fails: ['S9-guarantees', 'S9'],
    overrides: (real) => ({ wake: (vcpu, nowNs) => (vcpu.domid === 0 ? undefined : real.wake(vcpu, nowNs)) }),
  },
  { fault: 'lets virtual times drift apart', base: 'bvt', fails: ['S2'], overrides: stretching(3) },
  { fault: 'does not warp', base: 'bvt', fails: ['S3-latency', 'S3-limit'], overrides: losing('warpBack') },
  {
    fault: 'warps without a limit',
    base: 'bvt',
    fails: ['S3-limit', 'S3-for-ever'],
    overrides: (real) => ({ adjustDomain: (domid, changes, nowNs) => real.adjustDomain(domid, { ...changes, warpLimitNs: 0 }, nowNs) }),
  },
  {
    fault: 'gives more to those that warp',
    base: 'bvt',
    fails: ['S3-share'],
    overrides: (real) => ({
      adjustDomain: (domid, changes, nowNs) => real.adjustDomain(domid, 'warpBack' in changes ? { ...changes, mcuAdvance: 5 } : changes, nowNs),
    }),
  },
  {
    fault: 'lets virtual time grow beyond 32 bits',
    base: 'bvt',
    fails: ['wrap'],
    overrides: (real) => ({
      dump: () => {
        const dump = real.dump();
        return { ...dump, vcpus: dump.vcpus.map((vcpu) => ({ ...vcpu, values: { ...vcpu.values, avt: Number(vcpu.values['avt']) + 2 ** 32 } })) };
      },
    }),
  },
  { fault: 'knows no caps', base: 'credit', fails: ['S11-cap'], overrides: losing('cap') },
  {
    fault: 'takes no work from other pCPUs',
    base: 'credit',
    fails: ['S11-steal', 'random'],
    overrides: (real) => ({ initVcpu: (vcpu, _affinity, nowNs) => real.initVcpu(vcpu, affinityOf(vcpu.domid % 2), nowNs) }),
  },
];

/** A host to which nobody listens until a slice is over, but for those that idle. */
function impatient(host: SchedulerHost): SchedulerHost {
  let started = false;
  return {
    pcpus: host.pcpus,
    raise: (pcpu) => {
      if (!started) host.raise(pcpu);
      started = true;
    },
    createTimer: (fire) => host.createTimer(fire),
  };
}

function failingCases(subject: SchedulerSubject, ids: readonly string[]): string[] {
  return schedulerSuite(subject)
    .filter(({ id }) => ids.includes(id))
    .flatMap(({ id, run }) => {
      try {
        run();
        return [];
      } catch {
        return [id];
      }
    });
}

describe('the suite finds a scheduler that', () => {
  it.each(variants.map((variant) => [variant.fault, variant.base, variant] as const))('%s (%s)', (_fault, base, { fails, overrides, wrapHost }) => {
    const subject = subjects[base];
    expect(failingCases({ ...subject, create: override(subject.create, overrides ?? (() => ({})), wrapHost) }, fails).sort()).toEqual([...fails].sort());
  });

  it.each(Object.entries(subjects))('is none of these, and nothing in %s that is only wrapped', (_name, subject) => {
    const ids = schedulerSuite(subject).map(({ id }) => id);
    expect(failingCases({ ...subject, create: override(subject.create, () => ({})) }, ids)).toEqual([]);
  });

  it('has every case tried by some fault', () => {
    const tried = new Set(variants.flatMap(({ fails }) => fails));
    const ids = new Set(Object.values(subjects).flatMap((subject) => schedulerSuite(subject).map(({ id }) => id)));
    expect([...ids].filter((id) => !tried.has(id)).sort()).toEqual([]);
  });
});

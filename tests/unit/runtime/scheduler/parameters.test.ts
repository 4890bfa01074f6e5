import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANY_PCPU,
  affinityOf,
  allowsPcpu,
  checkParameters,
  formatAffinity,
  formatSchedulerDump,
  isSchedulerPlugin,
  parseAffinity,
  type Plugin,
  SchedulerSimulator,
} from '#sdk';
import { schedBvt } from '../../../../plugins/sched-bvt/index.ts';
import { bvtDefaults } from '../../../../plugins/sched-bvt/options.ts';
import { schedCredit } from '../../../../plugins/sched-credit/index.ts';
import { creditDefaults } from '../../../../plugins/sched-credit/options.ts';
import { schedSedf } from '../../../../plugins/sched-sedf/index.ts';
import { bvtSubject, creditSubject, sedfSubject } from './subjects.ts';

const MS = 1_000_000;

describe('affinities', () => {
  it.each([
    ['all', ANY_PCPU],
    ['0', 1n],
    ['0-3', 0b1111n],
    ['0-3,5,^1', 0b101101n],
    [' 2 , 63 ', affinityOf(2, 63)],
  ])('%s is read', (text, mask) => expect(parseAffinity(text)).toBe(mask));

  it.each(['', 'none', '3-1', '64', '-1', '0,^0', '1,,2', '0x1'])('"%s" is refused', (text) => expect(parseAffinity(text)).toBeUndefined());

  it('are read as they are written', () => {
    fc.assert(fc.property(fc.bigInt({ min: 1n, max: ANY_PCPU }), (mask) => parseAffinity(formatAffinity(mask)) === mask));
  });

  it('have the pCPUs that were named', () => {
    expect([0, 1, 2, 63].filter((pcpu) => allowsPcpu(affinityOf(1, 63), pcpu))).toEqual([1, 63]);
  });
});

describe('a schema', () => {
  const schema = {
    weight: { kind: 'integer', summary: '', unit: 'parts', min: 1, max: 9, default: 1 },
    fast: { kind: 'boolean', summary: '', default: false },
    seen: { kind: 'integer', summary: '', min: 0, max: 1, default: 0, readOnly: true },
  } as const;

  it('takes what fits', () => expect(checkParameters(schema, { weight: 9, fast: true })).toBeUndefined());

  it.each([
    [{ weight: 10 }, 'a whole number from 1 to 9 parts', '10'],
    [{ weight: '3' }, 'a whole number from 1 to 9 parts', '3'],
    [{ fast: 1 }, 'true or false', '1'],
    [{ seen: 1 }, 'nothing: it is only reported', '1'],
    [{ toString: 1 }, 'one of weight, fast, seen', 'toString'],
  ])('says what was expected instead of %j', (changes, expected, seen) => {
    expect(checkParameters(schema, changes)).toEqual({ errno: -22, parameter: Object.keys(changes)[0], expected, seen });
  });
});

describe('scheduler plugins', () => {
  it.each([schedSedf, schedBvt, schedCredit])('$name is one', (plugin) => {
    expect(isSchedulerPlugin(plugin as Plugin)).toBe(true);
    expect(plugin.name).toBe(`sched-${plugin.scheduler}`);
  });

  it('are told from others', () => expect(isSchedulerPlugin({ name: 'dev-x', apiVersion: 1, options: {} })).toBe(false));

  it('hand their options on', () => {
    const host = { pcpus: 1, raise: () => {}, createTimer: () => ({ arm: () => {}, cancel: () => {} }) };
    expect(schedBvt.createScheduler(host, { ...bvtDefaults, contextAllowanceUs: 20 }).globalParameters()).toEqual({ contextAllowanceNs: 20_000 });
    expect(schedCredit.createScheduler(host, { ...creditDefaults, sliceMs: 5 }).globalParameters()).toEqual({ sliceNs: 5 * MS, ratelimitNs: MS });
  });
});

describe('the parameters of sedf', () => {
  const scheduler = () => {
    const simulator = new SchedulerSimulator(sedfSubject.create, 1);
    for (const domid of [0, 1]) simulator.addDomain(domid, ['hog']);
    return simulator.scheduler;
  };
  const bestEffort = { periodNs: 100 * MS, sliceNs: 0, latencyNs: 0, extratime: true, weight: 0, extraweight: 1 };

  it('begin as Xen has them', () => {
    const { domainParameters } = { domainParameters: (domid: number) => scheduler().domainParameters(domid) };
    expect(domainParameters(0)).toEqual({ periodNs: 20 * MS, sliceNs: 15 * MS, latencyNs: 0, extratime: true, weight: 0, extraweight: 0 });
    expect(domainParameters(1)).toEqual(bestEffort);
  });

  it.each([
    ['a guarantee', { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false }, { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false, extraweight: 0 }],
    ['a guarantee and more', { periodNs: 20 * MS, sliceNs: 5 * MS }, { periodNs: 20 * MS, sliceNs: 5 * MS, extraweight: 0 }],
    ['best effort as the HOWTO has it', { periodNs: 20 * MS, sliceNs: 0, latencyNs: 0, extratime: true, weight: 0 }, { periodNs: 20 * MS }],
    ['a share of left-over time', { periodNs: 0, sliceNs: 0, extratime: true, weight: 3 }, { extraweight: 3 }],
    ['a weight, which keeps the period and so is a guarantee', { weight: 3, extratime: true }, { weight: 3, sliceNs: 20 * MS, extraweight: 0 }],
    ['a latency, which changes nothing else', { latencyNs: 7 }, { latencyNs: 7 }],
  ])('take %s', (_what, changes, expected) => {
    const sedf = scheduler();
    expect(sedf.adjustDomain(1, changes, 0)).toBeUndefined();
    expect(sedf.domainParameters(1)).toEqual({ ...bestEffort, ...expected });
  });

  it('change from a weight to a guarantee and back', () => {
    const sedf = scheduler();
    sedf.adjustDomain(1, { weight: 2 }, 0);
    sedf.adjustDomain(1, { periodNs: 10 * MS, sliceNs: 3 * MS }, 0);
    expect(sedf.domainParameters(1)).toMatchObject({ weight: 0, periodNs: 10 * MS, sliceNs: 3 * MS });
    sedf.adjustDomain(1, { weight: 2 }, 0);
    expect(sedf.domainParameters(1)).toMatchObject({ weight: 2, periodNs: 100 * MS, sliceNs: 20 * MS });
  });

  it('share what a guarantee of 3 ms in 10 leaves by weights 2, 7 and 3, as in the HOWTO', () => {
    const simulator = new SchedulerSimulator(sedfSubject.create, 1);
    for (const domid of [1, 2, 3, 4]) simulator.addDomain(domid, ['hog']);
    const { scheduler: sedf } = simulator;
    sedf.adjustDomain(1, { periodNs: 10 * MS, sliceNs: 3 * MS, extratime: false }, 0);
    [2, 7, 3].forEach((weight, i) => sedf.adjustDomain(i + 2, { weight }, 0));
    expect([2, 3, 4].map((domid) => sedf.domainParameters(domid)?.['sliceNs'])).toEqual([10_833_333, 37_916_666, 16_250_000]);
  });
});

describe('parameters of schedulers as a whole', () => {
  it('of bvt are at least 10 us', () => {
    const { scheduler } = new SchedulerSimulator(bvtSubject.create, 1);
    expect(scheduler.globalParameters()).toEqual({ contextAllowanceNs: 5 * MS });
    expect(scheduler.adjustGlobal({ contextAllowanceNs: 1 }, 0)).toBeUndefined();
    expect(scheduler.globalParameters()).toEqual({ contextAllowanceNs: 10_000 });
    expect(scheduler.adjustGlobal({ contextAllowanceNs: -1 }, 0)?.errno).toBe(-22);
  });

  it('of credit fit together', () => {
    const { scheduler } = new SchedulerSimulator(creditSubject.create, 1);
    expect(scheduler.adjustGlobal({ sliceNs: MS, ratelimitNs: 2 * MS }, 0)).toMatchObject({ errno: -22, parameter: 'ratelimitNs' });
    expect(scheduler.globalParameters()).toEqual({ sliceNs: 30 * MS, ratelimitNs: MS });
    expect(scheduler.adjustGlobal({ sliceNs: 3 * MS }, 0)).toBeUndefined();
  });

  it('of sedf are none', () => {
    const { scheduler } = new SchedulerSimulator(sedfSubject.create, 1);
    expect(scheduler.globalParameters()).toEqual({});
    expect(scheduler.adjustGlobal({ x: 1 }, 0)?.errno).toBe(-22);
  });
});

describe('a dump', () => {
  it('is text with a line for each pCPU and vCPU', () => {
    const simulator = new SchedulerSimulator(bvtSubject.create, 2);
    simulator.addDomain(1, ['hog', 'hog', 'hog']);
    simulator.runUntil(7 * MS);
    expect(formatSchedulerDump(simulator.scheduler.dump()).split('\n')).toEqual([
      'Scheduler: bvt',
      'pCPU 0: 1.2 run=[1.2 1.0] svt=0',
      'pCPU 1: 1.1 run=[1.1] svt=0',
      '1.0: pcpu=0 awake ran=5000000 avt=500 evt=500 mcuAdvance=10 warping=false',
      '1.1: pcpu=1 awake ran=0 avt=0 evt=0 mcuAdvance=10 warping=false',
      '1.2: pcpu=0 awake ran=0 avt=0 evt=0 mcuAdvance=10 warping=false',
    ]);
  });
});

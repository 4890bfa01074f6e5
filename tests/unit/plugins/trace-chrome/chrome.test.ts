import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyToMain, observerSuite, randomRecords, type TraceRecord } from '#sdk';
import { traceChrome } from '../../../../plugins/trace-chrome/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'xylem-trace-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const options = (): { file: string } => ({ file: join(scratch, `${count++}.json`) });

interface Trace {
  readonly traceEvents: readonly { name: string; ph: string; pid: number; tid?: number; ts?: number; dur?: number; args?: Record<string, unknown> }[];
  readonly otherData: { readonly recordsLost: number };
}

async function traceOf(records: readonly TraceRecord[]): Promise<Trace> {
  const { file } = options();
  const hooks = applyToMain(traceChrome, { file });
  for (const record of records.slice(0, 3)) hooks.traced.call(record);
  await hooks.booted.promise();
  for (const record of records.slice(3)) hooks.traced.call(record);
  await hooks.shutdown.promise({ reason: 'stopped', exitCode: 0 });
  return JSON.parse(readFileSync(file, 'utf8'));
}

describe('trace-chrome', () => {
  it.each(observerSuite({ plugin: traceChrome, options }).map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, { run }) => {
    expect(await run()).not.toBe('');
  });

  it('shows orders, visits and what domains do on tracks with names', async () => {
    const { traceEvents } = await traceOf([
      { kind: 'domain', atNs: 1000, domid: 7, name: 'web', what: 'created' },
      { kind: 'run', atNs: 2000, pcpu: 1, domid: 7, vcpu: 0, untilNs: 12_000 },
      { kind: 'exit', atNs: 5000, pcpu: 1, domid: 7, vcpu: 0, fromNs: 2500, reason: 'halt' },
      { kind: 'blocked', atNs: 5100, domid: 7, vcpu: 0 },
      { kind: 'run', atNs: 6000, pcpu: 1, domid: -1, vcpu: 0, untilNs: 9e9 },
      { kind: 'event', atNs: 7000, domid: 7 },
    ]);
    expect(traceEvents).toEqual([
      { name: 'process_name', ph: 'M', pid: 1, args: { name: 'pCPUs: orders' } },
      { name: 'process_name', ph: 'M', pid: 2, args: { name: 'pCPUs: guest code' } },
      { name: 'process_name', ph: 'M', pid: 1007, args: { name: 'web (7)' } },
      { name: 'created', ph: 'i', s: 'p', pid: 1007, tid: 0, ts: 1 },
      { name: 'web / 0', ph: 'X', pid: 2, tid: 1, ts: 2.5, dur: 2.5, args: { exit: 'halt' } },
      { name: 'blocked', ph: 'i', s: 't', pid: 1007, tid: 0, ts: 5.1 },
      { name: 'web / 0', ph: 'X', pid: 1, tid: 1, ts: 2, dur: 4, args: { sliceUs: 10 } },
      { name: 'event', ph: 'i', s: 't', pid: 1007, tid: 0, ts: 7 },
    ]);
  });

  it('loses nothing of many records, whatever domains are called', async () => {
    const records = randomRecords(50_000);
    const { traceEvents, otherData } = await traceOf(records);
    expect(otherData.recordsLost).toBe(0);
    const exits = traceEvents.filter(({ ph, pid }) => ph === 'X' && pid === 2);
    expect(exits).toHaveLength(records.filter(({ kind }) => kind === 'exit').length);
    expect(traceEvents.every(({ dur = 0 }) => dur >= 0)).toBe(true);
  });

  it('says so when the file cannot be made', async () => {
    const hooks = applyToMain(traceChrome, { file: join(scratch, 'nowhere', 'x.json') });
    await expect(hooks.booted.promise()).rejects.toThrow(/nowhere\/x\.json cannot be written: ENOENT/);
    hooks.traced.call({ kind: 'event', atNs: 1, domid: 1 });
    await hooks.shutdown.promise({ reason: 'stopped', exitCode: 0 });
  });
});

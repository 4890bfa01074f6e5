import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from '../support/xm.ts';
import { moduleOf } from './recorded/builder.ts';
import { GUESTS } from './recorded/guests.ts';
import { describeLine, readRecord, runInXm } from './recorded/run-guest.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

/** Failures shown in full. */
const SHOWN = 5;

describe.each(GUESTS)('faults and system instructions as recorded, $name guest', ({ name, cases, template }) => {
  const all = cases();
  const record = readRecord(name);

  it('has the cases that were recorded', () => {
    expect(record.map(([title]) => title)).toEqual(all.map((one) => one.name));
  });

  it.each(['interpreter', 'translator'])('%s', async (engine) => {
    const lines = await runInXm(name, moduleOf(template(), all), engine, scratch);
    expect(lines.length).toBe(all.length);
    const wrong = record.flatMap(([title, line], i) =>
      line === lines[i] ? [] : [{ title, recorded: describeLine(line), ours: describeLine(lines[i] as string) }],
    );
    expect(wrong.length === 0, `${wrong.length} cases differ: ${JSON.stringify(wrong.slice(0, SHOWN), null, 1)}`).toBe(true);
  });
});

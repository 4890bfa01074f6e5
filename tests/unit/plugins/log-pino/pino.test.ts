import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyToMain, observerSuite } from '#sdk';
import { logPino } from '../../../../plugins/log-pino/index.ts';
import { pinoSchema } from '../../../../plugins/log-pino/options.ts';

const scratch = mkdtempSync(join(tmpdir(), 'xylem-log-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const file = join(scratch, 'log');

describe('log-pino', () => {
  const suite = observerSuite({ plugin: logPino, options: () => ({ file: join(scratch, 'suite'), level: 'debug' as const }) });

  it.each(suite.map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, { run }) => {
    expect(await run()).not.toBe('');
  });

  it('writes a line of JSON for each message of its level, also from before it begins', async () => {
    const hooks = applyToMain(logPino, { file, level: 'info' });
    hooks.logged.call({ level: 'info', message: 'early', fields: { domid: 1 } });
    await hooks.booted.promise();
    hooks.logged.call({ level: 'debug', message: 'left out', fields: {} });
    hooks.logged.call({ level: 'warn', message: 'a "quoted"\nline', fields: { code: 'HV_ERR_X', device: 'vbd-1' } });
    await hooks.shutdown.promise({ reason: 'stopped', exitCode: 0 });
    hooks.logged.call({ level: 'warn', message: 'late', fields: {} });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 30, name: 'xylem', msg: 'early', domid: 1 },
      { level: 40, name: 'xylem', msg: 'a "quoted"\nline', code: 'HV_ERR_X', device: 'vbd-1' },
    ]);
  });

  it('says so when the file cannot be written', async () => {
    const hooks = applyToMain(logPino, { file: join(scratch, 'nowhere', 'x'), level: 'info' });
    await expect(hooks.booted.promise()).rejects.toMatchObject({ code: 'HV_ERR_FILE_WRITE' });
    await hooks.shutdown.promise({ reason: 'stopped', exitCode: 0 });
  });

  it.each([
    ['warn', 'warn'],
    ['loud', undefined],
  ])('reads the level %s', (text, level) => expect(pinoSchema.level.parse(text)).toBe(level));
});

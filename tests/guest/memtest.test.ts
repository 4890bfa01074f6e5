import { describe, expect, it } from 'vitest';
import { memtestFile } from '../support/memtest-guest.ts';
import { runXm } from '../support/xm.ts';

describe('Memtest86+', async () => {
  const file = await memtestFile();

  it.skipIf('missing' in file)('runs its tests up to the last one, which only waits, and finds no error', async () => {
    if ('missing' in file) return;
    const { exitCode, stdout, stderr } = await runXm([
      ...['run', '--kernel', file.kernel, '--memory', '16', '--extra', 'console=ttyS0,115200 nosmp', '--timeout', '200'],
      // what the screen shows at the start of the test, and once more below it
      ...['--expect', '\\[Bit fade test, 2 patterns\\][^]*?Errors: \\d+ '],
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const errors = [...stdout.matchAll(/Errors: +(\d+)/g)].map(([, count]) => count);
    expect(errors.length).toBeGreaterThan(3);
    expect(new Set(errors)).toEqual(new Set(['0']));
    // the screen shows what runs a few times a second: a test may pass between two looks
    expect(stdout).toContain('Address test, walking ones');
  });
});

import { afterAll, describe, expect, it } from 'vitest';
import { print, spin, tinyGuest } from '../support/tiny-guest.ts';
import { collectXm, Scratch, startXm } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

/** A tenth of a second is the aim, and what it takes on a quiet machine; others may be at work on this one. */
const BOUND_MS = 2000;

describe('a run that is asked to stop', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('by %s ends at once, also when the guest spins', async (signal, exitCode) => {
    const child = startXm(['run', '--kernel', scratch.file('spin.elf', tinyGuest(print('up'), spin)), '--memory', '16', '--timeout', '60']);
    let asked = 0;
    child.stdout.once('data', () => {
      asked = performance.now();
      child.kill(signal);
    });
    const result = await collectXm(child);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toBe('');
    expect(performance.now() - asked).toBeLessThan(BOUND_MS);
  });
});

import { expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { runHostile } from './hostile-run.ts';

/** Seconds of hostile guests: XYLEM_HOSTILE_SECONDS, 60 when it is not set. */
const SECONDS = Number(process.env['XYLEM_HOSTILE_SECONDS'] ?? 60);
const SEED = 1_123;

it(
  `no guest ends, hangs or escapes the host in ${SECONDS} seconds of random code, tables and registers`,
  async () => {
    const { cases, failures } = await runHostile(await loadInterpreter(), SEED, SECONDS, 3);
    expect(failures.join('\n')).toBe('');
    expect(cases).toBeGreaterThan(0);
  },
  (SECONDS + 240) * 1000,
);

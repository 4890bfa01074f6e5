import { expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { fuzz } from './fuzzer.ts';

/** Seconds of random programs: XYLEM_FUZZ_SECONDS, 60 when it is not set. */
const SECONDS = Number(process.env['XYLEM_FUZZ_SECONDS'] ?? 60);
const SEED = 20_261_123;

it(
  `interpreter, translator and evaluator agree on random programs for ${SECONDS} seconds`,
  async () => {
    const { programs, evaluated, disagreements } = fuzz(await loadInterpreter(), SEED, SECONDS, 3);
    expect(disagreements.map(({ seed, report }) => `seed ${seed}: ${report}`).join('\n\n')).toBe('');
    expect(programs).toBeGreaterThan(0);
    if (SECONDS >= 20) expect(evaluated).toBeGreaterThan(0);
  },
  (SECONDS + 240) * 1000,
);

import { integerOption, type OptionSchema } from '#sdk';

/** Options of the credit scheduler. */
export interface CreditOptions {
  /** The longest slice, and the time between two accountings, in milliseconds. */
  readonly sliceMs: number;
  /** The time that a vCPU runs at least before another may take its place, in microseconds; 0 for none. */
  readonly ratelimitUs: number;
}

/** The options when nothing is said. */
export const creditDefaults: CreditOptions = Object.freeze({ sliceMs: 30, ratelimitUs: 1000 });

/** How the options are written. */
export const creditSchema: OptionSchema<CreditOptions> = {
  sliceMs: integerOption({ summary: 'milliseconds of the longest slice, and between accountings', default: creditDefaults.sliceMs, min: 1, max: 1000 }),
  ratelimitUs: integerOption({ summary: 'microseconds that a vCPU runs at least, 0 for none', default: creditDefaults.ratelimitUs, min: 0, max: 500_000 }),
};

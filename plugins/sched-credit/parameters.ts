import { checkParameters, type ParameterRefusal, type ParameterSchema, refuseParameter } from '#sdk';

const MS = 1_000_000;

/** Ticks in a slice. */
export const TICKS_PER_SLICE = 3;

/** Parameters of a domain under the credit scheduler. */
export type CreditParameters = {
  /** Its share in comparison with others. */
  readonly weight: number;
  /** The most that it gets, in percent of one pCPU; 0 for no limit. */
  readonly cap: number;
};

/** What may be set for a domain. */
export const creditDomainSchema: ParameterSchema<CreditParameters> = Object.freeze({
  weight: { kind: 'integer', summary: 'share in comparison with other domains', min: 1, max: 65_535, default: 256 },
  cap: { kind: 'integer', summary: 'the most that it gets, 100 for each pCPU, 0 for no limit', unit: 'percent', min: 0, max: 6400, default: 0 },
});

/** Parameters of the credit scheduler as a whole. */
export type CreditGlobals = {
  /** The longest slice, and the time between two accountings. */
  readonly sliceNs: number;
  /** The time that a vCPU runs at least before another may take its place; 0 for none. */
  readonly ratelimitNs: number;
};

/** What may be set for the credit scheduler as a whole. */
export const creditGlobalSchema: ParameterSchema<CreditGlobals> = Object.freeze({
  sliceNs: { kind: 'integer', summary: 'longest slice, and time between accountings', unit: 'ns', min: MS, max: 1000 * MS, default: 30 * MS },
  ratelimitNs: { kind: 'integer', summary: 'shortest run before another may take its place', unit: 'ns', min: 0, max: 500 * MS, default: MS },
});

/** Merges changes into the scheduler's parameters, or refuses. */
export function mergeGlobals(old: CreditGlobals, changes: Partial<CreditGlobals>): CreditGlobals | ParameterRefusal {
  const refusal = checkParameters(creditGlobalSchema, changes);
  if (refusal !== undefined) return refusal;
  const merged = { ...old, ...changes };
  if (merged.ratelimitNs > merged.sliceNs) return refuseParameter('ratelimitNs', `at most the slice of ${merged.sliceNs} ns`, merged.ratelimitNs);
  return merged;
}

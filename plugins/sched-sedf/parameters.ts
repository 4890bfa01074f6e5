import { checkParameters, type ParameterRefusal, type ParameterSchema, parameterDefaults, refuseParameter } from '#sdk';

const MS = 1_000_000;

/** The period in which weights share a pCPU. */
export const WEIGHT_PERIOD_NS = 100 * MS;
/** What weights leave free in each period. */
export const WEIGHT_SAFETY_NS = 5 * MS;
/** The shortest period. */
export const PERIOD_MIN_NS = 10_000;
/** The longest period. */
export const PERIOD_MAX_NS = 10_000 * MS;
/** The shortest slice of a domain that is guaranteed one. */
export const SLICE_MIN_NS = 5_000;

/** Parameters of a domain under sEDF. */
export type SedfParameters = {
  /** In each period the domain gets its slice. */
  readonly periodNs: number;
  /** CPU time that is guaranteed in each period. */
  readonly sliceNs: number;
  /** Kept and shown; nothing depends on it, as in Xen's build. */
  readonly latencyNs: number;
  /** The domain also takes part in what guarantees leave over. */
  readonly extratime: boolean;
  /** Share of the pCPU's weighted time, 0 when the domain has a slice of its own. */
  readonly weight: number;
  /** Share of the left-over time of a domain without a slice. */
  readonly extraweight: number;
};

/** What may be set for a domain. */
export const sedfDomainSchema: ParameterSchema<SedfParameters> = Object.freeze({
  periodNs: { kind: 'integer', summary: 'time in which the slice is guaranteed', unit: 'ns', min: 0, max: PERIOD_MAX_NS, default: WEIGHT_PERIOD_NS },
  sliceNs: { kind: 'integer', summary: 'CPU time in each period', unit: 'ns', min: 0, max: PERIOD_MAX_NS, default: 0 },
  latencyNs: { kind: 'integer', summary: 'kept and shown, without effect', unit: 'ns', min: 0, max: PERIOD_MAX_NS, default: 0 },
  extratime: { kind: 'boolean', summary: 'takes part in left-over time', default: true },
  weight: { kind: 'integer', summary: 'share of the weighted time', min: 0, max: 65_535, default: 0 },
  extraweight: { kind: 'integer', summary: 'share of left-over time', min: 0, max: 65_535, default: 1 },
});

/** What a domain begins with: best effort, and for domain 0 most of a pCPU. */
export function initialParameters(domid: number): SedfParameters {
  const defaults = parameterDefaults(sedfDomainSchema);
  return domid === 0 ? { ...defaults, periodNs: 20 * MS, sliceNs: 15 * MS, extraweight: 0 } : defaults;
}

/**
 * Merges changes into a domain's parameters, as Xen's tool and hypervisor do between them. A weight takes the place of
 * period and slice, and they that of a weight; a weight with extra time and period 0 means a share of the left-over
 * time only. What `domainParameters` reports may be given back as it is.
 */
export function mergeParameters(old: SedfParameters, changes: Partial<SedfParameters>): SedfParameters | ParameterRefusal {
  const refusal = checkParameters(sedfDomainSchema, changes);
  if (refusal !== undefined) return refusal;
  const timed = (changes.periodNs ?? 0) > 0 || (changes.sliceNs ?? 0) > 0;
  const merged = { ...old, ...changes, ...(timed && changes.weight === undefined ? { weight: 0 } : {}) };
  const hasOwnTime = merged.weight > 0 || merged.sliceNs > 0;
  if (hasOwnTime && (changes.extraweight ?? 0) > 0) return refuseParameter('extraweight', '0 for a domain with a slice or a weight', changes.extraweight);
  if (merged.weight > 0) return weighted(merged);
  return checkTimes(merged) ?? { ...merged, extraweight: hasOwnTime ? 0 : Math.max(merged.extraweight, 1) };
}

function weighted(merged: SedfParameters): SedfParameters {
  if (merged.extratime && merged.periodNs === 0) {
    return { ...merged, periodNs: WEIGHT_PERIOD_NS, sliceNs: 0, weight: 0, extraweight: merged.weight };
  }
  return { ...merged, periodNs: WEIGHT_PERIOD_NS, extraweight: 0 };
}

function checkTimes({ periodNs, sliceNs, extratime }: SedfParameters): ParameterRefusal | undefined {
  if (periodNs < PERIOD_MIN_NS) return refuseParameter('periodNs', `${PERIOD_MIN_NS} to ${PERIOD_MAX_NS} ns, or a weight`, periodNs);
  if (sliceNs > periodNs) return refuseParameter('sliceNs', `at most the period of ${periodNs} ns`, sliceNs);
  if (sliceNs < SLICE_MIN_NS && !(sliceNs === 0 && extratime)) {
    return refuseParameter('sliceNs', `at least ${SLICE_MIN_NS} ns, or 0 with extra time`, sliceNs);
  }
  return undefined;
}

/** What shares a pCPU: the parameters of one of its vCPUs. */
export interface SedfClaim {
  readonly periodNs: number;
  readonly sliceNs: number;
  readonly weight: number;
}

/**
 * The slice for one unit of weight on a pCPU, as a function of the weight: what the fixed slices and the safety margin
 * leave of the weight period. A weight whose part rounds to nothing gets the shortest slice.
 */
export function weightedSlice(claims: readonly SedfClaim[]): (weight: number) => number {
  let sum = 0;
  let fixedNs = 0;
  for (const { periodNs, sliceNs, weight } of claims) {
    if (weight > 0) sum += weight;
    else fixedNs += Math.floor((WEIGHT_PERIOD_NS * sliceNs) / periodNs);
  }
  const free = WEIGHT_PERIOD_NS - WEIGHT_SAFETY_NS - fixedNs;
  return (weight) => Math.max(SLICE_MIN_NS, Math.floor((weight * free) / sum));
}

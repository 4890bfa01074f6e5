import type { ParameterSchema } from '#sdk';

/** The minimum charging unit: what ran is charged in whole units. */
export const MCU_NS = 100_000;
/** The least context allowance; less is read as this. */
export const CONTEXT_ALLOWANCE_MIN_NS = 10_000;

const MS = 1_000_000;
const HOUR_NS = 3_600_000 * MS;

/** Parameters of a domain under BVT. */
export type BvtParameters = {
  /** Virtual time that passes for each unit of CPU time: the inverse of a weight. */
  readonly mcuAdvance: number;
  /** The domain may warp. */
  readonly warpBack: boolean;
  /** By how much virtual time a domain that warps is ahead. */
  readonly warpValue: number;
  /** For how long it may run warped without a break; 0 for no limit. */
  readonly warpLimitNs: number;
  /** For how long it may not warp after the limit; 0 for ever. */
  readonly unwarpNs: number;
};

/** What may be set for a domain. */
export const bvtDomainSchema: ParameterSchema<BvtParameters> = Object.freeze({
  mcuAdvance: { kind: 'integer', summary: 'virtual time for each unit of CPU time, the inverse of a weight', min: 1, max: 0xffff, default: 10 },
  warpBack: { kind: 'boolean', summary: 'may warp', default: false },
  warpValue: { kind: 'integer', summary: 'virtual time that warping is worth', min: 0, max: 0x0fff_ffff, default: 0 },
  warpLimitNs: { kind: 'integer', summary: 'limit of warping without a break, 0 for none', unit: 'ns', min: 0, max: HOUR_NS, default: 2000 * MS },
  unwarpNs: { kind: 'integer', summary: 'time without warp after the limit, 0 for ever', unit: 'ns', min: 0, max: HOUR_NS, default: 1000 * MS },
});

/** Parameters of BVT as a whole. */
export type BvtGlobals = {
  /** For how long a vCPU may run on when another has come to be first. */
  readonly contextAllowanceNs: number;
};

/** What may be set for BVT as a whole. */
export const bvtGlobalSchema: ParameterSchema<BvtGlobals> = Object.freeze({
  contextAllowanceNs: { kind: 'integer', summary: 'time that a vCPU may run on when another is first', unit: 'ns', min: 0, max: 1000 * MS, default: 5 * MS },
});

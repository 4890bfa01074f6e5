import { integerOption, type OptionSchema } from '#sdk';

/** Options of BVT. */
export interface BvtOptions {
  /** For how long a vCPU may run on when another has come to be first, in microseconds. */
  readonly contextAllowanceUs: number;
}

/** The options when nothing is said. */
export const bvtDefaults: BvtOptions = Object.freeze({ contextAllowanceUs: 5000 });

/** How the options are written. */
export const bvtSchema: OptionSchema<BvtOptions> = {
  contextAllowanceUs: integerOption({
    summary: 'microseconds that a vCPU may run on when another is first',
    default: bvtDefaults.contextAllowanceUs,
    min: 10,
    max: 1_000_000,
  }),
};

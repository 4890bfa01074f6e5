import type { OptionSchema } from '#sdk';

/** The scheduler has no options of its own: all is said for each domain. */
export type SedfOptions = Record<never, never>;

/** No options. */
export const sedfSchema: OptionSchema<SedfOptions> = {};

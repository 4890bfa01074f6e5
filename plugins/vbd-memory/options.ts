import { integerOption, type OptionSchema } from '#sdk';

/** Options of VBDs in memory. */
export interface MemoryOptions {
  /** The most that one VBD may hold, in MiB. */
  readonly limitMib: number;
}

/** The options when nothing is said. */
export const memoryDefaults: MemoryOptions = Object.freeze({ limitMib: 1024 });

/** How the options are written. */
export const memorySchema: OptionSchema<MemoryOptions> = {
  limitMib: integerOption({ summary: 'MiB that one VBD may hold at most', default: memoryDefaults.limitMib, min: 1, max: 1 << 20 }),
};

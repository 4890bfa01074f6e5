import { TABLE } from './table/index.ts';

/** CPUID features that have rows in the table. */
export const TABLE_FEATURES: ReadonlySet<string> = new Set(TABLE.map((row) => row.feature));

import type { SystemCase } from './builder.ts';
import { controlCases } from './long-control.ts';
import { faultCases } from './long-faults.ts';
import { returnCases } from './long-returns.ts';
import { segmentCases } from './long-segments.ts';
import { longTemplate } from './long-template.ts';

/** The arena before any case. */
export const template = longTemplate;

/** All cases of the long guest. */
export function cases(): SystemCase[] {
  return [...faultCases(), ...segmentCases(), ...returnCases(), ...controlCases()];
}

import type { SystemCase } from './builder.ts';
import { protectedTransferCases } from './protected-transfers.ts';
import { protectedSegmentCases } from './protected-segments.ts';
import { protectedTemplate } from './protected-template.ts';

/** The arena before any case. */
export const template = protectedTemplate;

/** All cases of the protected guest. */
export function cases(): SystemCase[] {
  return [...protectedSegmentCases(), ...protectedTransferCases()];
}

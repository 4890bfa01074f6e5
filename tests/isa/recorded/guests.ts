import type { SystemCase } from './builder.ts';
import * as long from './long-cases.ts';
import * as protectedMode from './protected-cases.ts';
import type { GuestName } from './run-guest.ts';

/** A guest with its cases. */
export interface Guest {
  readonly name: GuestName;
  readonly cases: () => SystemCase[];
  readonly template: () => Uint8Array;
}

/** All guests. */
export const GUESTS: readonly Guest[] = [
  { name: 'long', ...long },
  { name: 'protected', ...protectedMode },
];

import { XenStoreError } from './xenstore-error.ts';

/** What an entry grants: none, read, write, both. */
export type AccessLetter = 'n' | 'r' | 'w' | 'b';

/**
 * One entry of a node's permissions. The first names the owner and what all others may do;
 * every further one what one domain may do.
 */
export interface Permission {
  readonly domid: number;
  readonly access: AccessLetter;
  /** Set when the domain did not exist when the entry was written: a later one with its number gains nothing. */
  readonly ignored?: true;
}

/** Bits of what a domain may do with a node. */
export const Access = { READ: 1, WRITE: 2, OWNER: 4, ALL: 7 } as const;

const BITS: Readonly<Record<AccessLetter, number>> = { n: 0, r: Access.READ, w: Access.WRITE, b: Access.READ | Access.WRITE };
const ENTRY = /^([nrwb])(\d{1,5})$/;

/** The bits of an entry. */
export function accessBits(entry: Permission | undefined): number {
  return entry === undefined ? 0 : BITS[entry.access];
}

/** Reads an entry written as `r5`. */
export function parsePermission(text: string): Permission {
  const [, access, domid] = ENTRY.exec(text) ?? [];
  if (access === undefined || Number(domid) > 0xffff) throw new XenStoreError('EINVAL', 'not a permission');
  return { domid: Number(domid), access: access as AccessLetter };
}

/** Writes an entry as `r5`. */
export function formatPermission(entry: Permission): string {
  return `${entry.access}${entry.domid}`;
}

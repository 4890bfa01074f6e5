import { GrantMapFlags, GrantOpStatus } from '#sdk';
import type { GuestRam } from '../memory/guest-ram.ts';
import { PAGE } from '../memory/guest-ram.ts';
import type { Physmap } from '../memory/physmap.ts';
import type { GrantTable } from './grant-table.ts';

/** One end of a copy: a granted page of a domain, or a page of the caller's own. */
export interface CopyEnd {
  readonly domid: number;
  /** A grant reference or a gfn, as the flags say. */
  readonly page: number;
  readonly offset: number;
}

/** A copy that a guest asked for. */
export interface GrantCopy {
  readonly source: CopyEnd;
  readonly destination: CopyEnd;
  readonly length: number;
  readonly flags: number;
}

/** A domain as others copy from and to it. */
export interface CopyDomain {
  readonly domid: number;
  readonly ram: GuestRam;
  readonly physmap: Physmap;
  readonly grants: GrantTable;
}

interface OpenEnd {
  readonly ram: GuestRam;
  readonly address: number;
  release(): void;
}

/** Copies within a page between the caller and a domain; a {@link GrantOpStatus}. */
export function copyGranted(caller: CopyDomain, find: (domid: number) => CopyDomain | undefined, copy: GrantCopy): number {
  const { source, destination, length, flags } = copy;
  if (source.offset + length > PAGE || destination.offset + length > PAGE) return GrantOpStatus.GNTST_bad_copy_arg;
  const from = openEnd(caller, find, { end: source, byRef: (flags & GrantMapFlags.GNTCOPY_source_gref) !== 0, readonly: true });
  if (typeof from === 'number') return from;
  try {
    const to = openEnd(caller, find, { end: destination, byRef: (flags & GrantMapFlags.GNTCOPY_dest_gref) !== 0, readonly: false });
    if (typeof to === 'number') return to;
    try {
      const start = from.address + source.offset;
      to.ram.write(to.address + destination.offset, from.ram.bytes.slice(start, start + length));
      return GrantOpStatus.GNTST_okay;
    } finally {
      to.release();
    }
  } finally {
    from.release();
  }
}

function openEnd(
  caller: CopyDomain,
  find: (domid: number) => CopyDomain | undefined,
  { end, byRef, readonly }: { end: CopyEnd; byRef: boolean; readonly: boolean },
): OpenEnd | number {
  const domain = end.domid === caller.domid ? caller : find(end.domid);
  if (domain === undefined) return GrantOpStatus.GNTST_bad_domain;
  if (!byRef) {
    // Without a grant only the caller's own memory can be meant.
    if (domain !== caller) return GrantOpStatus.GNTST_permission_denied;
    const address = domain.physmap.isRam(end.page) ? domain.physmap.address(end.page) : -1;
    return address < 0 ? GrantOpStatus.GNTST_bad_page : { ram: domain.ram, address, release: () => undefined };
  }
  const mapping = domain.grants.map(end.page, { domid: caller.domid, readonly });
  return typeof mapping === 'number' ? mapping : { ram: domain.ram, address: mapping.address, release: () => mapping.release() };
}

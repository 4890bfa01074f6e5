/** Size of a guest page, and so of what one grant covers. */
export const PAGE_BYTES = 4096;

/** Why a grant is refused, in the words of `xen/include/public/grant_table.h`. All but `GNTST_okay` are negative. */
export const GrantStatus = {
  /** It is done. */
  GNTST_okay: 0,
  /** It failed for a reason that has no number. */
  GNTST_general_error: -1,
  /** There is no such domain, or the grant is not for the one that asks. */
  GNTST_bad_domain: -2,
  /** There is no such grant. */
  GNTST_bad_gntref: -3,
  /** The host has no room for another mapping. */
  GNTST_no_device_space: -7,
  /** The grant does not allow what was asked for. */
  GNTST_permission_denied: -8,
  /** The page that is granted cannot be used. */
  GNTST_bad_page: -9,
  /** A copy would leave its page. */
  GNTST_bad_copy_arg: -10,
  /** Not now: try again. */
  GNTST_eagain: -12,
} as const;

/** One of {@link GrantStatus}. */
export type GrantStatusValue = (typeof GrantStatus)[keyof typeof GrantStatus];

/**
 * A page of the guest that the backend may use until it unmaps it. The guest runs meanwhile and may change the page
 * at any moment: what decides anything is read once, into memory of the backend's own.
 */
export interface GuestPage {
  /** The 4096 bytes of the page, and nothing else. It may lie in shared memory; its offset there is a multiple of 4096. */
  readonly bytes: Uint8Array;
  /** Whether the guest allows reads only. Nothing may be written then, though nothing keeps from it. */
  readonly readOnly: boolean;
  /** Gives the page back. Must be called once for every page that was mapped; a second call does nothing. */
  unmap(): void;
}

/** How a page is to be used. */
export type GrantAccess = 'read' | 'write';

/**
 * The grants of the frontend's domain. Nothing here throws for what a guest may do: a reference that it made up, one
 * that it has withdrawn, one of a page that is no RAM.
 */
export interface GuestGrants {
  /**
   * Maps the page of a grant.
   *
   * @param ref - a grant reference as the guest wrote it: any 32-bit number
   * @param access - `read` is granted for read-only grants too, `write` is not
   * @returns the page, or why there is none
   */
  map(ref: number, access: GrantAccess): GuestPage | GrantStatusValue;
  /** Fills `target` with bytes of a granted page, from `offset` on. They are all from the page, or it fails. */
  copyFrom(ref: number, offset: number, target: Uint8Array): GrantStatusValue;
  /** Writes `source` to a granted page at `offset`. All of it fits there, or it fails. */
  copyTo(ref: number, offset: number, source: Uint8Array): GrantStatusValue;
}

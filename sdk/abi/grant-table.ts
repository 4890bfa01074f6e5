/** Sub-operations of `grant_table_op`. `xen/include/public/grant_table.h` */
export const GrantTableOp = {
  /** Maps a page that another domain granted. */
  GNTTABOP_map_grant_ref: 0,
  /** Undoes a mapping, by its handle. */
  GNTTABOP_unmap_grant_ref: 1,
  /** Sizes the grant table of a domain and returns its frames. */
  GNTTABOP_setup_table: 2,
  /** Prints the grant table of a domain to the console of Xen. */
  GNTTABOP_dump_table: 3,
  /** Gives a page away to a domain whose grant accepts a transfer. */
  GNTTABOP_transfer: 4,
  /** Copies bytes between pages, each named by frame or by grant. */
  GNTTABOP_copy: 5,
  /** Returns the present and the largest number of grant table frames. */
  GNTTABOP_query_size: 6,
  /** Undoes a mapping and moves the page mapped at a second address into its place. */
  GNTTABOP_unmap_and_replace: 7,
  /** Selects version 1 or 2 of the grant table layout. */
  GNTTABOP_set_version: 8,
  /** Returns the frames that hold the status words of a version 2 table. */
  GNTTABOP_get_status_frames: 9,
  /** Returns the layout version that a domain uses. */
  GNTTABOP_get_version: 10,
  /** Exchanges the contents of two grant entries. */
  GNTTABOP_swap_grant_ref: 11,
  /** Cleans or invalidates the data cache for a range of a granted page. */
  GNTTABOP_cache_flush: 12,
} as const;

/** Flags of a version 1 grant entry. */
export const GrantFlags = {
  /** Mask of the bits that hold the type of the entry. */
  GTF_type_mask: 3,
  /** Type: the entry grants nothing. */
  GTF_invalid: 0,
  /** Type: the named domain may map or copy the frame. */
  GTF_permit_access: 1,
  /** Type: the named domain may transfer a frame to the owner of the entry. */
  GTF_accept_transfer: 2,
  /** The grantee may only read the frame. */
  GTF_readonly: 4,
  /** Set by Xen while the grantee has the frame in use for reading. */
  GTF_reading: 8,
  /** Set by Xen while the grantee has the frame in use for writing. */
  GTF_writing: 16,
} as const;

/** Flags of `gnttab_map_grant_ref` and of `gnttab_copy`. */
export const GrantMapFlags = {
  /** Maps the page for access by devices. */
  GNTMAP_device_map: 1,
  /** Maps the page for access by the CPUs. */
  GNTMAP_host_map: 2,
  /** Makes the mapping read-only. */
  GNTMAP_readonly: 4,
  /** The source of the copy is a grant reference, not a frame number. */
  GNTCOPY_source_gref: 1,
  /** The destination of the copy is a grant reference, not a frame number. */
  GNTCOPY_dest_gref: 2,
} as const;

/** Status of an operation of `grant_table_op`; backends see fewer, see `GrantStatus`. */
export const GrantOpStatus = {
  /** The operation succeeded. */
  GNTST_okay: 0,
  /** Failed for a reason that no other status names. */
  GNTST_general_error: -1,
  /** The domain id is unknown or not usable here. */
  GNTST_bad_domain: -2,
  /** The grant reference is out of range or its entry does not fit the request. */
  GNTST_bad_gntref: -3,
  /** The handle names no mapping of the caller. */
  GNTST_bad_handle: -4,
  /** The host address cannot be mapped or unmapped. */
  GNTST_bad_virt_addr: -5,
  /** The device address does not match the mapping. */
  GNTST_bad_dev_addr: -6,
  /** No room is left in the I/O address space. */
  GNTST_no_device_space: -7,
  /** The grant or the privileges of the caller do not allow the access. */
  GNTST_permission_denied: -8,
  /** The frame is not valid for the operation. */
  GNTST_bad_page: -9,
  /** Offset and length of a copy reach beyond a page. */
  GNTST_bad_copy_arg: -10,
  /** The address of the page is too high for the domain that would receive it. */
  GNTST_address_too_big: -11,
  /** The page is not available at the moment, for example paged out; retry. */
  GNTST_eagain: -12,
  /** A table has no free entry left, for example for handles. */
  GNTST_no_space: -13,
} as const;

/** Grant references that the toolstack fills in. */
export const ReservedGrant = {
  /** Grants the console ring to the console backend. */
  GNTTAB_RESERVED_CONSOLE: 0,
  /** Grants the Xenstore ring to the Xenstore daemon. */
  GNTTAB_RESERVED_XENSTORE: 1,
  /** Number of references kept for the toolstack; guests allocate from here on. */
  GNTTAB_NR_RESERVED_ENTRIES: 8,
} as const;

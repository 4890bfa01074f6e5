/** Sub-operations of `memory_op`. `xen/include/public/memory.h` */
export const MemoryOp = {
  /** Adds pages to the reservation of a domain. */
  XENMEM_increase_reservation: 0,
  /** Gives pages of a domain back to the hypervisor, as a balloon driver does. */
  XENMEM_decrease_reservation: 1,
  /** Tells the highest machine frame number of the host. */
  XENMEM_maximum_ram_page: 2,
  /** Tells how many pages a domain has. */
  XENMEM_current_reservation: 3,
  /** Tells how many pages a domain may have. */
  XENMEM_maximum_reservation: 4,
  /** Allocates pages and puts them at the gfns given. */
  XENMEM_populate_physmap: 6,
  /** Puts a page of a map space at a gfn of the domain. */
  XENMEM_add_to_physmap: 7,
  /** Copies out the memory map (E820) of the calling domain. */
  XENMEM_memory_map: 9,
  /** Tells the highest gfn that a domain uses. */
  XENMEM_maximum_gpfn: 14,
  /** Takes the page at a gfn out of the physical map. */
  XENMEM_remove_from_physmap: 15,
  /** Puts several pages of a map space at gfns of the domain. */
  XENMEM_add_to_physmap_batch: 23,
} as const;

/** Where `XENMEM_add_to_physmap` takes a page from. */
export const MapSpace = {
  /** The shared info page of the domain. */
  XENMAPSPACE_shared_info: 0,
  /** A frame of the grant table of the domain. */
  XENMAPSPACE_grant_table: 1,
  /** A page that the domain already has at another gfn. */
  XENMAPSPACE_gmfn: 2,
} as const;

/** The sub-operation is in the low bits of the command; where a call goes on that was interrupted is above. */
export const MEMOP_EXTENT_SHIFT = 6;

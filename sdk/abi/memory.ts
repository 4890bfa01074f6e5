/** Sub-operations of `memory_op`. `xen/include/public/memory.h` */
export const MemoryOp = {
  XENMEM_increase_reservation: 0,
  XENMEM_decrease_reservation: 1,
  XENMEM_maximum_ram_page: 2,
  XENMEM_current_reservation: 3,
  XENMEM_maximum_reservation: 4,
  XENMEM_populate_physmap: 6,
  XENMEM_add_to_physmap: 7,
  XENMEM_memory_map: 9,
  XENMEM_maximum_gpfn: 14,
  XENMEM_remove_from_physmap: 15,
  XENMEM_add_to_physmap_batch: 23,
} as const;

/** Where `XENMEM_add_to_physmap` takes a page from. */
export const MapSpace = {
  XENMAPSPACE_shared_info: 0,
  XENMAPSPACE_grant_table: 1,
  XENMAPSPACE_gmfn: 2,
} as const;

/** The sub-operation is in the low bits of the command; where a call goes on that was interrupted is above. */
export const MEMOP_EXTENT_SHIFT = 6;

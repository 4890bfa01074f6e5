/** Domids with a special meaning. `xen/include/public/xen.h` */
export const Domid = {
  /** The first domid that is no domain's. */
  DOMID_FIRST_RESERVED: 0x7ff0,
  /** The calling domain. */
  DOMID_SELF: 0x7ff0,
} as const;

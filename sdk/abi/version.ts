/** Sub-operations of `xen_version`. `xen/include/public/version.h` */
export const XenVersion = {
  XENVER_version: 0,
  XENVER_extraversion: 1,
  XENVER_compile_info: 2,
  XENVER_capabilities: 3,
  XENVER_changeset: 4,
  XENVER_platform_parameters: 5,
  XENVER_get_features: 6,
  XENVER_pagesize: 7,
  XENVER_guest_handle: 8,
  XENVER_commandline: 9,
  XENVER_build_id: 10,
} as const;

/** Bits of `XENVER_get_features`. `xen/include/public/features.h` */
export const XenFeature = {
  XENFEAT_writable_page_tables: 0,
  XENFEAT_writable_descriptor_tables: 1,
  XENFEAT_auto_translated_physmap: 2,
  XENFEAT_supervisor_mode_kernel: 3,
  XENFEAT_pae_pgdir_above_4gb: 4,
  XENFEAT_mmu_pt_update_preserve_ad: 5,
  XENFEAT_gnttab_map_avail_bits: 7,
  XENFEAT_hvm_callback_vector: 8,
  XENFEAT_hvm_safe_pvclock: 9,
  XENFEAT_hvm_pirqs: 10,
  XENFEAT_memory_op_vnode_supported: 13,
  XENFEAT_linux_rsdp_unrestricted: 15,
} as const;

/** The version of the interface that domains are told: 4.17, as `major << 16 | minor`. */
export const XEN_VERSION = 0x0004_0011;

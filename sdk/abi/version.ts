/** Sub-operations of `xen_version`. `xen/include/public/version.h` */
export const XenVersion = {
  /** Returns the version number as `major << 16 | minor`. */
  XENVER_version: 0,
  /** Reads the text that follows `major.minor` in the version. */
  XENVER_extraversion: 1,
  /** Reads which compiler built Xen, by whom, on which host domain and when. */
  XENVER_compile_info: 2,
  /** Reads the names of the guest types that can run, separated by spaces. */
  XENVER_capabilities: 3,
  /** Reads the source revision from which Xen was built. */
  XENVER_changeset: 4,
  /** Reads the virtual address at which the range reserved for Xen begins. */
  XENVER_platform_parameters: 5,
  /** Reads one 32-bit word of `XenFeature` bits, chosen by index. */
  XENVER_get_features: 6,
  /** Returns the bytes of a page. */
  XENVER_pagesize: 7,
  /** Reads the UUID of the calling domain. */
  XENVER_guest_handle: 8,
  /** Reads the command line of Xen. */
  XENVER_commandline: 9,
  /** Reads the build id that the linker put into the Xen binary. */
  XENVER_build_id: 10,
} as const;

/** Bits of `XENVER_get_features`. `xen/include/public/features.h` */
export const XenFeature = {
  /** The guest may write its page tables directly and need not keep them read-only. */
  XENFEAT_writable_page_tables: 0,
  /** The guest need not keep its segment descriptor tables read-only. */
  XENFEAT_writable_descriptor_tables: 1,
  /** Xen translates guest frame numbers to machine frame numbers; the guest needs no table for it. */
  XENFEAT_auto_translated_physmap: 2,
  /** The guest kernel runs in ring 0. */
  XENFEAT_supervisor_mode_kernel: 3,
  /** PAE page directories may be above 4 GiB. */
  XENFEAT_pae_pgdir_above_4gb: 4,
  /** `mmu_update` can change a page table entry and keep its accessed and dirty bits. */
  XENFEAT_mmu_pt_update_preserve_ad: 5,
  /** A grant mapping can set the bits of a page table entry that are left to the guest kernel. */
  XENFEAT_gnttab_map_avail_bits: 7,
  /** An HVM guest can receive its event upcalls through an interrupt vector. */
  XENFEAT_hvm_callback_vector: 8,
  /** An HVM guest can rely on the time in `vcpu_time_info`. */
  XENFEAT_hvm_safe_pvclock: 9,
  /** An HVM guest can bind physical interrupts to event channels. */
  XENFEAT_hvm_pirqs: 10,
  /** A memory operation can name a virtual NUMA node. */
  XENFEAT_memory_op_vnode_supported: 13,
  /** For a Linux PVH guest, the ACPI RSDP may be at any address, not only in the first MiB. */
  XENFEAT_linux_rsdp_unrestricted: 15,
} as const;

/** The version of the interface that domains are told: 4.17, as `major << 16 | minor`. */
export const XEN_VERSION = 0x0004_0011;

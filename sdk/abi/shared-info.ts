/** Offsets in `vcpu_info`, which has 64 bytes in both layouts. `xen/include/public/xen.h` */
export const VcpuInfo = {
  /** Bytes of the structure. */
  SIZE: 64,
  /** Byte that Xen sets when an event waits for the vCPU; the guest clears it before it scans. */
  evtchn_upcall_pending: 0,
  /** Byte that the guest sets to hold back upcalls to this vCPU. */
  evtchn_upcall_mask: 1,
  /** Where the vCPU's `vcpu_time_info` begins. */
  time: 32,
  /** Only so many vCPUs have a place in the shared info page. */
  LEGACY_MAX_VCPUS: 32,
} as const;

/** Offsets in `vcpu_time_info`. */
export const VcpuTimeInfo = {
  /** Bytes of the structure. */
  SIZE: 32,
  /** Counter that is odd while the record is being written: a reader retries if it is odd or has changed. */
  version: 0,
  /** TSC value at which `system_time` was taken. */
  tsc_timestamp: 8,
  /** Nanoseconds since boot at `tsc_timestamp`. */
  system_time: 16,
  /** Nanoseconds per shifted TSC tick, as a 32-bit binary fraction. */
  tsc_to_system_mul: 24,
  /** Signed shift of the TSC difference before the multiplication: left if positive, right if negative. */
  tsc_shift: 28,
  /** Byte of flags, such as `XEN_PVCLOCK_TSC_STABLE_BIT`. */
  flags: 29,
  /** Flag: the TSC is the same on all vCPUs and never stops. */
  XEN_PVCLOCK_TSC_STABLE_BIT: 1,
} as const;

/** What differs between the layouts of 32-bit and 64-bit guests. */
export interface SharedInfoLayout {
  /** Bits of `unsigned long`. */
  readonly wordBits: 32 | 64;
  /** Offset of `evtchn_pending_sel` in `vcpu_info`. */
  readonly pendingSel: number;
  /** Offset of the bitmap of pending ports in the shared info page. */
  readonly evtchnPending: number;
  /** Offset of the bitmap of masked ports in the shared info page. */
  readonly evtchnMask: number;
  /** Offset of `wc_version`, with which the wall clock begins; it is odd during an update. */
  readonly wcVersion: number;
  /** Offset of the upper 32 bits of the wall clock seconds. */
  readonly wcSecHi: number;
  /** Event channels of the 2-level ABI. */
  readonly ports: number;
}

/** The layout of 32-bit guests. */
export const SHARED_INFO_32: SharedInfoLayout = {
  /** `unsigned long` has 32 bits. */
  wordBits: 32,
  /** The selector follows the two upcall bytes at the next 4-byte boundary. */
  pendingSel: 4,
  /** The pending bitmap follows 32 `vcpu_info` records. */
  evtchnPending: 0x800,
  /** The mask bitmap follows the 128 bytes of the pending bitmap. */
  evtchnMask: 0x880,
  /** The wall clock follows the mask bitmap. */
  wcVersion: 0x900,
  /** The upper seconds are at the end of the architecture part. */
  wcSecHi: 0x924,
  /** 32 words of 32 bits. */
  ports: 1024,
};

/** The layout of 64-bit guests. */
export const SHARED_INFO_64: SharedInfoLayout = {
  /** `unsigned long` has 64 bits. */
  wordBits: 64,
  /** The selector follows the two upcall bytes at the next 8-byte boundary. */
  pendingSel: 8,
  /** The pending bitmap follows 32 `vcpu_info` records. */
  evtchnPending: 0x800,
  /** The mask bitmap follows the 512 bytes of the pending bitmap. */
  evtchnMask: 0xa00,
  /** The wall clock follows the mask bitmap. */
  wcVersion: 0xc00,
  /** The upper seconds directly follow the nanoseconds of the wall clock. */
  wcSecHi: 0xc0c,
  /** 64 words of 64 bits. */
  ports: 4096,
};

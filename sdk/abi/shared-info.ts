/** Offsets in `vcpu_info`, which has 64 bytes in both layouts. `xen/include/public/xen.h` */
export const VcpuInfo = {
  SIZE: 64,
  evtchn_upcall_pending: 0,
  evtchn_upcall_mask: 1,
  time: 32,
  /** Only so many vCPUs have a place in the shared info page. */
  LEGACY_MAX_VCPUS: 32,
} as const;

/** Offsets in `vcpu_time_info`. */
export const VcpuTimeInfo = {
  SIZE: 32,
  version: 0,
  tsc_timestamp: 8,
  system_time: 16,
  tsc_to_system_mul: 24,
  tsc_shift: 28,
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
  readonly evtchnPending: number;
  readonly evtchnMask: number;
  readonly wcVersion: number;
  readonly wcSecHi: number;
  /** Event channels of the 2-level ABI. */
  readonly ports: number;
}

/** The layout of 32-bit guests. */
export const SHARED_INFO_32: SharedInfoLayout = {
  wordBits: 32,
  pendingSel: 4,
  evtchnPending: 0x800,
  evtchnMask: 0x880,
  wcVersion: 0x900,
  wcSecHi: 0x924,
  ports: 1024,
};

/** The layout of 64-bit guests. */
export const SHARED_INFO_64: SharedInfoLayout = {
  wordBits: 64,
  pendingSel: 8,
  evtchnPending: 0x800,
  evtchnMask: 0xa00,
  wcVersion: 0xc00,
  wcSecHi: 0xc0c,
  ports: 4096,
};

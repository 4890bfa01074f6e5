/** Sub-operations of `sched_op`. `xen/include/public/sched.h` */
export const SchedOp = {
  /** Lets other VCPUs run; the caller stays runnable. */
  SCHEDOP_yield: 0,
  /** Enables events and sleeps until one is pending for the VCPU. */
  SCHEDOP_block: 1,
  /** Shuts the calling domain down, for a reason. */
  SCHEDOP_shutdown: 2,
  /** Sleeps until one of the ports given is pending or a timeout is over. */
  SCHEDOP_poll: 3,
  /** Shuts another domain down, for a reason; needs the privilege to. */
  SCHEDOP_remote_shutdown: 4,
  /** Stores the reason that a later shutdown of the calling domain reports. */
  SCHEDOP_shutdown_code: 5,
  /** Starts, restarts or stops a watchdog timer of the domain. */
  SCHEDOP_watchdog: 6,
  /** Pins the calling VCPU to a physical CPU for a while, or ends that. */
  SCHEDOP_pin_override: 7,
} as const;

/** Why a domain shut down. */
export const ShutdownReason = {
  /** It finished in order; it is to be destroyed. */
  SHUTDOWN_poweroff: 0,
  /** It finished in order; it is to be started anew. */
  SHUTDOWN_reboot: 1,
  /** It is ready for its state to be saved, and may be resumed. */
  SHUTDOWN_suspend: 2,
  /** It failed. */
  SHUTDOWN_crash: 3,
  /** Its watchdog timer ran out. */
  SHUTDOWN_watchdog: 4,
  /** It is to be reset with its memory kept, as for a kexec. */
  SHUTDOWN_soft_reset: 5,
} as const;

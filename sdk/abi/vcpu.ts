/** Sub-operations of `vcpu_op`. `xen/include/public/vcpu.h` */
export const VcpuOp = {
  /** Gives a vCPU its first register state; it stays down until `VCPUOP_up`. */
  VCPUOP_initialise: 0,
  /** Makes an initialised vCPU runnable. */
  VCPUOP_up: 1,
  /** Takes a vCPU offline, so that it is no longer scheduled. */
  VCPUOP_down: 2,
  /** Answers 1 if the vCPU is up and 0 if it is down. */
  VCPUOP_is_up: 3,
  /** Reads the current runstate of a vCPU and the time it has spent in each. */
  VCPUOP_get_runstate_info: 4,
  /** Names guest memory in which Xen keeps the runstate record of a vCPU current. */
  VCPUOP_register_runstate_memory_area: 5,
  /** Starts the periodic timer of a vCPU with a period in nanoseconds. */
  VCPUOP_set_periodic_timer: 6,
  /** Stops the periodic timer of a vCPU. */
  VCPUOP_stop_periodic_timer: 7,
  /** Sets the one-shot timer of a vCPU to an absolute system time in nanoseconds. */
  VCPUOP_set_singleshot_timer: 8,
  /** Cancels the one-shot timer of a vCPU. */
  VCPUOP_stop_singleshot_timer: 9,
  /** Moves the `vcpu_info` of a vCPU from the shared info page to guest memory; possible once. */
  VCPUOP_register_vcpu_info: 10,
  /** Sends an NMI to a vCPU. */
  VCPUOP_send_nmi: 11,
  /** Reads the APIC id and ACPI id of the physical CPU to which a vCPU is pinned. */
  VCPUOP_get_physid: 12,
  /** Names guest memory in which Xen keeps a second `vcpu_time_info` of a vCPU current. */
  VCPUOP_register_vcpu_time_memory_area: 13,
} as const;

/** Flag of `VCPUOP_set_singleshot_timer`: refuse a time that has passed. */
export const VCPU_SSHOTTMR_future = 1;

/** What a vCPU does, as its runstate says. */
export const Runstate = {
  /** It executes on a physical CPU. */
  RUNSTATE_running: 0,
  /** It could execute and waits for a physical CPU. */
  RUNSTATE_runnable: 1,
  /** It is idle and waits for an event. */
  RUNSTATE_blocked: 2,
  /** It is down or paused: neither runnable nor waiting for an event. */
  RUNSTATE_offline: 3,
} as const;

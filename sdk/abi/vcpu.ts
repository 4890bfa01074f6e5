/** Sub-operations of `vcpu_op`. `xen/include/public/vcpu.h` */
export const VcpuOp = {
  VCPUOP_initialise: 0,
  VCPUOP_up: 1,
  VCPUOP_down: 2,
  VCPUOP_is_up: 3,
  VCPUOP_get_runstate_info: 4,
  VCPUOP_register_runstate_memory_area: 5,
  VCPUOP_set_periodic_timer: 6,
  VCPUOP_stop_periodic_timer: 7,
  VCPUOP_set_singleshot_timer: 8,
  VCPUOP_stop_singleshot_timer: 9,
  VCPUOP_register_vcpu_info: 10,
  VCPUOP_send_nmi: 11,
  VCPUOP_get_physid: 12,
  VCPUOP_register_vcpu_time_memory_area: 13,
} as const;

/** Flag of `VCPUOP_set_singleshot_timer`: refuse a time that has passed. */
export const VCPU_SSHOTTMR_future = 1;

/** What a vCPU does, as its runstate says. */
export const Runstate = { RUNSTATE_running: 0, RUNSTATE_runnable: 1, RUNSTATE_blocked: 2, RUNSTATE_offline: 3 } as const;

/** Numbers of the hypercalls. `xen/include/public/xen.h` */
export const Hypercall = {
  memory_op: 12,
  set_timer_op: 15,
  xen_version: 17,
  console_io: 18,
  grant_table_op: 20,
  vm_assist: 21,
  iret: 23,
  vcpu_op: 24,
  xsm_op: 27,
  sched_op: 29,
  event_channel_op: 32,
  physdev_op: 33,
  hvm_op: 34,
} as const;

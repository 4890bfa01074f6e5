/** Numbers of the hypercalls. `xen/include/public/xen.h` */
export const Hypercall = {
  /** Manages the memory of a domain: its size and its physical map. */
  memory_op: 12,
  /** Sets the one-shot timer of the calling VCPU. */
  set_timer_op: 15,
  /** Tells the version, the features and the build of the hypervisor. */
  xen_version: 17,
  /** Reads from and writes to the console of the hypervisor. */
  console_io: 18,
  /** Shares pages with other domains, and maps or copies those that they share. */
  grant_table_op: 20,
  /** Turns an optional assistance for the calling domain on or off. */
  vm_assist: 21,
  /** Returns from an event or exception handler of a PV guest. */
  iret: 23,
  /** Starts, stops and inspects VCPUs, and registers their areas and timers. */
  vcpu_op: 24,
  /** Manages the security policy (XSM). */
  xsm_op: 27,
  /** Yields, blocks and polls, and shuts the domain down. */
  sched_op: 29,
  /** Manages event channels and sends events. */
  event_channel_op: 32,
  /** Manages physical interrupts and devices. */
  physdev_op: 33,
  /** Sets and reads the parameters of HVM domains, and serves their other needs. */
  hvm_op: 34,
} as const;

/** Sub-operations of `hvm_op`. `xen/include/public/hvm/hvm_op.h` */
export const HvmOp = {
  /** Sets a parameter of a domain. */
  HVMOP_set_param: 0,
  /** Reads a parameter of a domain. */
  HVMOP_get_param: 1,
  /** Flushes the TLBs of every VCPU of the calling domain. */
  HVMOP_flush_tlbs: 5,
  /** Tells that a page table is about to be torn down. */
  HVMOP_pagetable_dying: 9,
  /** Reads Xen's system time, in nanoseconds since boot. */
  HVMOP_get_time: 10,
  /** Asks what the page of a gfn is. */
  HVMOP_get_mem_type: 15,
  /** Sets the vector by which one VCPU learns of events. */
  HVMOP_set_evtchn_upcall_vector: 23,
  /** Sends an event to the monitor of the domain, at the request of the guest. */
  HVMOP_guest_request_vm_event: 24,
} as const;

/** Parameters of a domain. `xen/include/public/hvm/params.h` */
export const HvmParam = {
  /** How the domain learns of events: the way in the top byte, what the way needs below. */
  HVM_PARAM_CALLBACK_IRQ: 0,
  /** The gfn of the ring page shared with XenStore. */
  HVM_PARAM_STORE_PFN: 1,
  /** The port by which the domain and XenStore notify each other. */
  HVM_PARAM_STORE_EVTCHN: 2,
  /** The gfn of the ring page of the console. */
  HVM_PARAM_CONSOLE_PFN: 17,
  /** The port by which the domain and its console notify each other. */
  HVM_PARAM_CONSOLE_EVTCHN: 18,
  /** How many parameters there are; indexes from here on are invalid. */
  HVM_NR_PARAMS: 39,
} as const;

/** How the guest learns of events, in bits 63 to 56 of `HVM_PARAM_CALLBACK_IRQ`. */
export const CallbackVia = {
  /** A global system interrupt, whose number is in the low bits. */
  GSI: 0,
  /** An INTx line of a PCI device, both named in the low bits. */
  PCI_INTX: 1,
  /** A vector that is delivered to the VCPU itself; it is in the low byte. */
  VECTOR: 2,
} as const;

/** What the page of a gfn is, as `HVMOP_get_mem_type` says. */
export const HvmMemType = {
  /** Normal RAM that the guest may read and write. */
  HVMMEM_ram_rw: 0,
  /** RAM that the guest may read; writes are discarded. */
  HVMMEM_ram_ro: 1,
  /** No RAM: reads and writes go to the device model. */
  HVMMEM_mmio_dm: 2,
} as const;

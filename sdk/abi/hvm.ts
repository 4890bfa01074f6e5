/** Sub-operations of `hvm_op`. `xen/include/public/hvm/hvm_op.h` */
export const HvmOp = {
  HVMOP_set_param: 0,
  HVMOP_get_param: 1,
  HVMOP_flush_tlbs: 5,
  HVMOP_pagetable_dying: 9,
  HVMOP_get_time: 10,
  HVMOP_get_mem_type: 15,
  HVMOP_set_evtchn_upcall_vector: 23,
  HVMOP_guest_request_vm_event: 24,
} as const;

/** Parameters of a domain. `xen/include/public/hvm/params.h` */
export const HvmParam = {
  HVM_PARAM_CALLBACK_IRQ: 0,
  HVM_PARAM_STORE_PFN: 1,
  HVM_PARAM_STORE_EVTCHN: 2,
  HVM_PARAM_CONSOLE_PFN: 17,
  HVM_PARAM_CONSOLE_EVTCHN: 18,
  HVM_NR_PARAMS: 39,
} as const;

/** How the guest learns of events, in bits 63 to 56 of `HVM_PARAM_CALLBACK_IRQ`. */
export const CallbackVia = { GSI: 0, PCI_INTX: 1, VECTOR: 2 } as const;

/** What the page of a gfn is, as `HVMOP_get_mem_type` says. */
export const HvmMemType = { HVMMEM_ram_rw: 0, HVMMEM_ram_ro: 1, HVMMEM_mmio_dm: 2 } as const;

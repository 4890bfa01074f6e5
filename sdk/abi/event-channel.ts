/** Sub-operations of `event_channel_op`. `xen/include/public/event_channel.h` */
export const EventChannelOp = {
  EVTCHNOP_bind_interdomain: 0,
  EVTCHNOP_bind_virq: 1,
  EVTCHNOP_bind_pirq: 2,
  EVTCHNOP_close: 3,
  EVTCHNOP_send: 4,
  EVTCHNOP_status: 5,
  EVTCHNOP_alloc_unbound: 6,
  EVTCHNOP_bind_ipi: 7,
  EVTCHNOP_bind_vcpu: 8,
  EVTCHNOP_unmask: 9,
  EVTCHNOP_reset: 10,
  EVTCHNOP_init_control: 11,
  EVTCHNOP_expand_array: 12,
  EVTCHNOP_set_priority: 13,
} as const;

/** What `EVTCHNOP_status` says of a port. */
export const EventChannelStatus = {
  EVTCHNSTAT_closed: 0,
  EVTCHNSTAT_unbound: 1,
  EVTCHNSTAT_interdomain: 2,
  EVTCHNSTAT_pirq: 3,
  EVTCHNSTAT_virq: 4,
  EVTCHNSTAT_ipi: 5,
} as const;

/** Virtual interrupts. `xen/include/public/xen.h` */
export const Virq = {
  VIRQ_TIMER: 0,
  VIRQ_DEBUG: 1,
  VIRQ_XENOPROF: 7,
  NR_VIRQS: 24,
} as const;

/** Bits and sizes of the FIFO ABI: an event word, and priorities. */
export const EventFifo = {
  EVTCHN_FIFO_PENDING: 31,
  EVTCHN_FIFO_MASKED: 30,
  EVTCHN_FIFO_LINKED: 29,
  EVTCHN_FIFO_BUSY: 28,
  EVTCHN_FIFO_LINK_BITS: 17,
  EVTCHN_FIFO_PRIORITY_MAX: 0,
  EVTCHN_FIFO_PRIORITY_DEFAULT: 7,
  EVTCHN_FIFO_PRIORITY_MIN: 15,
  EVTCHN_FIFO_MAX_QUEUES: 16,
} as const;

/** Sub-operations of `event_channel_op`. `xen/include/public/event_channel.h` */
export const EventChannelOp = {
  /** Binds a new local port to an unbound port that another domain offers. */
  EVTCHNOP_bind_interdomain: 0,
  /** Binds a new local port to a virtual interrupt of a vCPU. */
  EVTCHNOP_bind_virq: 1,
  /** Binds a new local port to a physical interrupt. */
  EVTCHNOP_bind_pirq: 2,
  /** Closes a local port; a connected peer becomes unbound. */
  EVTCHNOP_close: 3,
  /** Notifies the far end of a local port. */
  EVTCHNOP_send: 4,
  /** Tells what a port is bound to, see `EventChannelStatus`. */
  EVTCHNOP_status: 5,
  /** Allocates a port that another domain may bind. */
  EVTCHNOP_alloc_unbound: 6,
  /** Binds a new local port for interrupts from one vCPU of the domain to another. */
  EVTCHNOP_bind_ipi: 7,
  /** Chooses the vCPU that a port notifies. */
  EVTCHNOP_bind_vcpu: 8,
  /** Unmasks a port and delivers the event that is pending on it. */
  EVTCHNOP_unmask: 9,
  /** Closes all ports of a domain and returns it to the 2-level ABI. */
  EVTCHNOP_reset: 10,
  /** Registers the FIFO control block of a vCPU; the first call switches to the FIFO ABI. */
  EVTCHNOP_init_control: 11,
  /** Adds a page to the FIFO event array, for more ports. */
  EVTCHNOP_expand_array: 12,
  /** Sets the FIFO priority of a port. */
  EVTCHNOP_set_priority: 13,
} as const;

/** What `EVTCHNOP_status` says of a port. */
export const EventChannelStatus = {
  /** The port is not in use. */
  EVTCHNSTAT_closed: 0,
  /** The port waits for a remote domain to bind it. */
  EVTCHNSTAT_unbound: 1,
  /** The port is connected to a port of a remote domain. */
  EVTCHNSTAT_interdomain: 2,
  /** The port is bound to a physical interrupt. */
  EVTCHNSTAT_pirq: 3,
  /** The port is bound to a virtual interrupt. */
  EVTCHNSTAT_virq: 4,
  /** The port carries interrupts between vCPUs of the domain. */
  EVTCHNSTAT_ipi: 5,
} as const;

/** Virtual interrupts. `xen/include/public/xen.h` */
export const Virq = {
  /** Timer of a vCPU; each vCPU binds its own. */
  VIRQ_TIMER: 0,
  /** Asks the guest to dump its state for debugging; bound per vCPU. */
  VIRQ_DEBUG: 1,
  /** New profiling samples are ready; bound per vCPU. */
  VIRQ_XENOPROF: 7,
  /** Number of virtual interrupts; valid ones are below it. */
  NR_VIRQS: 24,
} as const;

/** Bits and sizes of the FIFO ABI: an event word, and priorities. */
export const EventFifo = {
  /** Bit of an event word: the event is raised and not yet handled. */
  EVTCHN_FIFO_PENDING: 31,
  /** Bit of an event word: the guest does not want to be notified. */
  EVTCHN_FIFO_MASKED: 30,
  /** Bit of an event word: the event is on a queue. */
  EVTCHN_FIFO_LINKED: 29,
  /** Bit of an event word: an unmask is in progress, so the guest must hold off. */
  EVTCHN_FIFO_BUSY: 28,
  /** Width in bits of the link field of an event word, the port that is next on the queue. */
  EVTCHN_FIFO_LINK_BITS: 17,
  /** Number of the most urgent priority. */
  EVTCHN_FIFO_PRIORITY_MAX: 0,
  /** Priority of a port until `EVTCHNOP_set_priority` changes it. */
  EVTCHN_FIFO_PRIORITY_DEFAULT: 7,
  /** Number of the least urgent priority. */
  EVTCHN_FIFO_PRIORITY_MIN: 15,
  /** Queues per vCPU, one for each priority. */
  EVTCHN_FIFO_MAX_QUEUES: 16,
} as const;

import type { RingLayout } from '../back-ring.ts';

/** The ring by which a guest sends, as in `xen/include/public/io/netif.h`. */
export const NETIF_TX_LAYOUT: RingLayout = { requestBytes: 12, responseBytes: 4 };
/** The ring by which a guest receives. */
export const NETIF_RX_LAYOUT: RingLayout = { requestBytes: 8, responseBytes: 8 };

/** Flags of a request to send: `NETTXF_*`. */
export const NetTxFlag = {
  /** The transport checksum holds the pseudo header only. */
  csum_blank: 1,
  /** The contents have been checked. */
  data_validated: 2,
  /** The frame goes on in the next request. */
  more_data: 4,
  /** The next slot tells more about the frame. */
  extra_info: 8,
} as const;
/** Flags of a response with what was received: `NETRXF_*`. */
export const NetRxFlag = {
  /** The contents have been checked. */
  data_validated: 1,
  /** The transport checksum holds the pseudo header only. */
  csum_blank: 2,
  /** The frame goes on in the next response. */
  more_data: 4,
  /** The next slot tells more about the frame. */
  extra_info: 8,
} as const;
/** Results of requests: `NETIF_RSP_*`. */
export const NetifStatus = {
  /** No result: the slot told more about a frame. */
  null: 1,
  /** Done. */
  okay: 0,
  /** Refused. */
  error: -1,
  /** Let go for want of room. */
  dropped: -2,
} as const;
/** Types of a slot that tells more about a frame: `XEN_NETIF_EXTRA_TYPE_*`. */
export const NetifExtra = {
  /** How to cut the frame into segments. */
  gso: 1,
  /** A multicast address that the guest wants. */
  mcast_add: 2,
  /** One that it wants no longer. */
  mcast_del: 3,
  /** The hash of the frame's flow. */
  hash: 4,
} as const;
/** Another such slot follows: `XEN_NETIF_EXTRA_FLAG_MORE`. */
export const NETIF_EXTRA_FLAG_MORE = 1;

/** Slots of data after which a guest is taken for broken; frontends send 18 at most. */
export const MOST_TX_SLOTS = 20;

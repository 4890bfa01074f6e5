/** Types of XenStore messages, spelled as in `xen/include/public/io/xs_wire.h`. */
export const XsMessage = {
  XS_CONTROL: 0,
  XS_DIRECTORY: 1,
  XS_READ: 2,
  XS_GET_PERMS: 3,
  XS_WATCH: 4,
  XS_UNWATCH: 5,
  XS_TRANSACTION_START: 6,
  XS_TRANSACTION_END: 7,
  XS_INTRODUCE: 8,
  XS_RELEASE: 9,
  XS_GET_DOMAIN_PATH: 10,
  XS_WRITE: 11,
  XS_MKDIR: 12,
  XS_RM: 13,
  XS_SET_PERMS: 14,
  XS_WATCH_EVENT: 15,
  XS_ERROR: 16,
  XS_IS_DOMAIN_INTRODUCED: 17,
  XS_RESUME: 18,
  XS_SET_TARGET: 19,
  // 20 was XS_RESTRICT, which Xen no longer has.
  XS_RESET_WATCHES: 21,
  XS_DIRECTORY_PART: 22,
  XS_GET_FEATURE: 23,
  XS_SET_FEATURE: 24,
  XS_GET_QUOTA: 25,
  XS_SET_QUOTA: 26,
} as const;

/** Fixed figures of the protocol and of the shared page. */
export const XsLimit = {
  /** Bytes of a message's header: type, req_id, tx_id, len. */
  headerSize: 16,
  /** `XENSTORE_PAYLOAD_MAX`: whoever sends more loses its connection. */
  payloadMax: 4096,
  /** `XENSTORE_ABS_PATH_MAX`. */
  absolutePathMax: 3072,
  /** `XENSTORE_RING_SIZE`: bytes of each of the two rings. */
  ringSize: 1024,
} as const;

/** Bits of the `server_features` word: what this store offers to every domain. */
export const XsFeature = { RECONNECTION: 1, ERROR: 2, WATCHDEPTH: 4 } as const;

/** All bits of {@link XsFeature}. */
export const XS_FEATURES: number = XsFeature.RECONNECTION | XsFeature.ERROR | XsFeature.WATCHDEPTH;

/** Why a connection was ended: the values of the `error` word of the shared page. */
export const XsConnectionError = { NONE: 0, COMM: 1, RINGIDX: 2, PROTO: 3 } as const;

/** What is left to do for a frame's transport checksum. */
export const ChecksumState = {
  /** It stands in the frame; whoever takes the frame checks it. */
  Complete: 0,
  /** The frame holds the sum of the pseudo header alone: the rest is added by whoever puts it on a wire. */
  Partial: 1,
  /** It stands in the frame and is known to be right. */
  Verified: 2,
} as const;

/** One of {@link ChecksumState}. */
export type ChecksumStateValue = (typeof ChecksumState)[keyof typeof ChecksumState];

/** How a frame that is longer than the MTU is to be cut into segments: `XEN_NETIF_GSO_TYPE_*`. */
export const GsoType = {
  /** It is not to be cut. */
  None: 0,
  /** TCP over IPv4. */
  TcpV4: 1,
  /** TCP over IPv6. */
  TcpV6: 2,
} as const;

/** One of {@link GsoType}. */
export type GsoTypeValue = (typeof GsoType)[keyof typeof GsoType];

/** The longest frame that a ring carries: `XEN_NETIF_MAX_TX_SIZE`. */
export const MAX_FRAME_BYTES = 0xffff;
/** The shortest frame that is looked at: an Ethernet header. */
export const ETHERNET_HEADER_BYTES = 14;

/**
 * An Ethernet frame without its check sequence, and what was left to others to do about it.
 * Whoever is given one may use it until the call returns, and copies what it keeps.
 */
export interface NetFrame {
  /** Holds the frame from its first byte on; may be longer. */
  readonly bytes: Uint8Array;
  /** Bytes of the frame. */
  readonly length: number;
  /** State of the TCP or UDP checksum. */
  readonly checksum: ChecksumStateValue;
  /** Whether the frame is several TCP segments in one. */
  readonly gsoType: GsoTypeValue;
  /** Bytes of TCP payload in each segment; 0 without `gsoType`. */
  readonly gsoSize: number;
}

/** A frame that is filled again and again. */
export interface MutableNetFrame extends NetFrame {
  bytes: Uint8Array;
  length: number;
  checksum: ChecksumStateValue;
  gsoType: GsoTypeValue;
  gsoSize: number;
}

/** A frame that needs nothing done. */
export function netFrame(bytes: Uint8Array, offload: Partial<Omit<NetFrame, 'bytes'>> = {}): MutableNetFrame {
  return { bytes, length: bytes.length, checksum: ChecksumState.Complete, gsoType: GsoType.None, gsoSize: 0, ...offload };
}

/** A copy of a frame that outlives the call. */
export function copyFrame(frame: NetFrame): MutableNetFrame {
  const { checksum, gsoType, gsoSize, length } = frame;
  return { bytes: frame.bytes.slice(0, length), length, checksum, gsoType, gsoSize };
}

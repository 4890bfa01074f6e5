import type { RingLayout } from '../back-ring.ts';

/** Unit of the sector numbers of the protocol, whatever the sectors of the VBD are. */
export const BLKIF_SECTOR_BYTES = 512;

/** Most segments of a request that is not indirect. */
export const BLKIF_MAX_SEGMENTS_PER_REQUEST = 11;

/** Most pages of segments that an indirect request can name. */
export const BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST = 8;

/** Bytes of a segment: reference, first sector, last sector, padding. */
export const BLKIF_SEGMENT_BYTES = 8;

/** What may be asked for, as in `xen/include/public/io/blkif.h`. */
export const BlkifOp = {
  /** Sectors of the VBD into pages of the guest. */
  BLKIF_OP_READ: 0,
  /** Pages of the guest into sectors of the VBD. */
  BLKIF_OP_WRITE: 1,
  /** A write that is done after all before it, and before all after it. */
  BLKIF_OP_WRITE_BARRIER: 2,
  /** What was written is to be safe. */
  BLKIF_OP_FLUSH_DISKCACHE: 3,
  /** Sectors that are not needed any more. */
  BLKIF_OP_DISCARD: 5,
  /** A read or write whose segments stand in pages of their own. */
  BLKIF_OP_INDIRECT: 6,
} as const;

/** What is answered. */
export const BlkifStatus = {
  /** It is done. */
  BLKIF_RSP_OKAY: 0,
  /** It could not be done, or was wrong. */
  BLKIF_RSP_ERROR: -1,
  /** There is no such operation here. */
  BLKIF_RSP_EOPNOTSUPP: -2,
} as const;

/** One of {@link BlkifStatus}. */
export type BlkifStatusValue = (typeof BlkifStatus)[keyof typeof BlkifStatus];

/** The bit of a discard that asks for the data to be gone for good. */
export const BLKIF_DISCARD_SECURE = 1;

/** Bit of `info` for a VBD that looks like a CD drive. */
export const VDISK_CDROM = 1;

/** Bit of `info` for a VBD that may not be written. */
export const VDISK_READONLY = 4;

/** Where the fields of requests are. What is the same in all layouts is not here: operation at 0, segments or flags at 1 or 2. */
export interface BlkifLayout extends RingLayout {
  /** The name in the frontend's node `protocol`. */
  readonly protocol: string;
  /** The request's number, 8 bytes that are given back. */
  readonly id: number;
  /** The first sector, 8 bytes. */
  readonly sector: number;
  /** The segments. */
  readonly segments: number;
  /** The references of the pages of segments, when it is indirect. */
  readonly indirectRefs: number;
  /** Number of sectors of a discard, 8 bytes. */
  readonly discardSectors: number;
}

/** A 32-bit guest aligns 8 bytes to 4. */
const X86_32: BlkifLayout = {
  protocol: 'x86_32-abi',
  requestBytes: 108,
  responseBytes: 12,
  id: 4,
  sector: 12,
  segments: 20,
  indirectRefs: 24,
  discardSectors: 20,
};

const X86_64: BlkifLayout = {
  protocol: 'x86_64-abi',
  requestBytes: 112,
  responseBytes: 16,
  id: 8,
  sector: 16,
  segments: 24,
  indirectRefs: 28,
  discardSectors: 24,
};

/** The layouts by the name of their protocol. */
export const BLKIF_LAYOUTS: readonly BlkifLayout[] = Object.freeze([X86_32, X86_64]);

/** The layout of a protocol; that of 64-bit guests when the frontend has not said; undefined when there is none. */
export function blkifLayout(protocol: string | undefined): BlkifLayout | undefined {
  return protocol === undefined ? X86_64 : BLKIF_LAYOUTS.find((layout) => layout.protocol === protocol);
}

import { putU16, putU32 } from '#sdk';
import type { SendQueue } from './send-queue.ts';
import { TCP_HEADER_BYTES, TcpFlag } from './tcp-segment.ts';

/** A segment that is to be sent; the same object again and again. */
export interface OutgoingSegment {
  sequence: number;
  acknowledgment: number;
  flags: number;
  /** As it stands in the header. */
  window: number;
  /** Of a SYN: the longest payload that we take. */
  mss: number;
  /** Of a SYN: by how much we scale windows; -1 when we do not. */
  windowScale: number;
  /** Where the payload is. */
  queue: SendQueue | undefined;
  /** Where in the queue it begins. */
  offset: number;
  /** Bytes of the payload. */
  length: number;
  /** What the guest takes in one segment: a longer payload is to be cut. */
  segmentBytes: number;
}

/** A segment to be filled. */
export function outgoingSegment(): OutgoingSegment {
  return { sequence: 0, acknowledgment: 0, flags: 0, window: 0, mss: 0, windowScale: -1, queue: undefined, offset: 0, length: 0, segmentBytes: 0 };
}

/** Takes segments; each is valid until the call returns. */
export type SegmentSender = (segment: OutgoingSegment) => void;

/** Writes a segment behind the ports, which stand at `at` already; its length. The checksum is left to others. */
export function writeSegment(segment: OutgoingSegment, bytes: Uint8Array, at: number): number {
  const { flags, queue, offset, length } = segment;
  putU32(bytes, at + 4, segment.sequence);
  putU32(bytes, at + 8, segment.acknowledgment);
  bytes[at + 13] = flags;
  putU16(bytes, at + 14, segment.window);
  putU32(bytes, at + 16, 0);
  let header = TCP_HEADER_BYTES;
  if ((flags & TcpFlag.SYN) !== 0) {
    putU32(bytes, at + header, 0x0204_0000 | segment.mss);
    header += 4;
    if (segment.windowScale >= 0) {
      putU32(bytes, at + header, 0x0103_0300 | segment.windowScale);
      header += 4;
    }
  }
  bytes[at + 12] = (header / 4) << 4;
  if (queue !== undefined && length > 0) queue.copyOut(offset, length, bytes, at + header);
  return header + length;
}

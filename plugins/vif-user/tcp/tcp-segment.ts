import { getU16, getU32 } from '#sdk';

/** Flags of a segment. */
export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** Bytes of a TCP header without options. */
export const TCP_HEADER_BYTES = 20;
/** The MSS of who does not name one (RFC 9293, 3.7.1). */
export const DEFAULT_MSS = 536;

const OPTION_END = 0;
const OPTION_NOTHING = 1;
const OPTION_MSS = 2;
const OPTION_SCALE = 3;
const MOST_SCALE = 14;
const LEAST_MSS = 64;

/** A segment that has come; the same object again and again. */
export interface TcpSegment {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  flags: number;
  /** As it stands in the header, not scaled. */
  window: number;
  /** Of a SYN: the longest payload that its sender takes. */
  mss: number;
  /** Of a SYN: by how much its sender scales windows; -1 when it does not. */
  windowScale: number;
  /** Holds the payload. */
  bytes: Uint8Array;
  /** Where the payload begins. */
  payload: number;
  /** Bytes of the payload. */
  length: number;
}

/** A segment to be filled by {@link readSegment}. */
export function emptySegment(): TcpSegment {
  return {
    sourcePort: 0,
    destinationPort: 0,
    sequence: 0,
    acknowledgment: 0,
    flags: 0,
    window: 0,
    mss: DEFAULT_MSS,
    windowScale: -1,
    bytes: new Uint8Array(0),
    payload: 0,
    length: 0,
  };
}

/** Reads a segment; false when it is cut off. */
export function readSegment(bytes: Uint8Array, start: number, end: number, segment: TcpSegment): boolean {
  if (start + TCP_HEADER_BYTES > end) return false;
  const payload = start + ((bytes[start + 12] ?? 0) >> 4) * 4;
  if (payload < start + TCP_HEADER_BYTES || payload > end) return false;
  segment.sourcePort = getU16(bytes, start);
  segment.destinationPort = getU16(bytes, start + 2);
  segment.sequence = getU32(bytes, start + 4);
  segment.acknowledgment = getU32(bytes, start + 8);
  segment.flags = bytes[start + 13] ?? 0;
  segment.window = getU16(bytes, start + 14);
  segment.bytes = bytes;
  segment.payload = payload;
  segment.length = end - payload;
  segment.mss = DEFAULT_MSS;
  segment.windowScale = -1;
  if ((segment.flags & TcpFlag.SYN) !== 0) readOptions(segment, start + TCP_HEADER_BYTES, payload);
  return true;
}

function readOptions(segment: TcpSegment, start: number, end: number): void {
  const { bytes } = segment;
  let at = start;
  while (at < end && bytes[at] !== OPTION_END) {
    const length = bytes[at] === OPTION_NOTHING ? 1 : at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
    if (bytes[at] !== OPTION_NOTHING) {
      if (length < 2 || at + length > end) return;
      readOption(segment, at, length);
    }
    at += length;
  }
}

function readOption(segment: TcpSegment, at: number, length: number): void {
  const { bytes } = segment;
  if (bytes[at] === OPTION_MSS && length === 4) segment.mss = Math.max(LEAST_MSS, getU16(bytes, at + 2));
  if (bytes[at] === OPTION_SCALE && length === 3) segment.windowScale = Math.min(MOST_SCALE, bytes[at + 2] ?? 0);
}

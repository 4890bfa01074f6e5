import { foldSum, getU16, getU32, internetChecksum, putU16, putU32 } from './internet-checksum.ts';
import { checksumOffset, locateTransport, PROTOCOL_TCP, PROTOCOL_UDP, pseudoHeaderSum, type TransportPlace, transportPlace } from './locate-transport.ts';
import { ChecksumState, GsoType, MAX_FRAME_BYTES, type NetFrame, netFrame } from './net-frame.ts';

/** What the taker of frames does itself. */
export interface OffloadAbility {
  /** Completes checksums of IPv4. */
  readonly checksumV4: boolean;
  /** Completes checksums of IPv6. */
  readonly checksumV6: boolean;
  /** Cuts TCP over IPv4. */
  readonly gsoV4: boolean;
  /** Cuts TCP over IPv6. */
  readonly gsoV6: boolean;
}

const FIN_PSH = 0x09;
const CWR = 0x80;
/** Smaller segments are refused: 65,535 frames of a byte each are an attack. */
const LEAST_SEGMENT_BYTES = 48;

/** Writes the transport checksum of a frame; false when the frame has none, or is too short for it. */
export function completeChecksum(bytes: Uint8Array, length: number, place: TransportPlace = transportPlace()): boolean {
  if (!locateTransport(bytes, length, place)) return false;
  const at = place.transport + checksumOffset(place.protocol);
  if (at < place.transport || at + 2 > place.end) return false;
  putU16(bytes, at, 0);
  const sum = internetChecksum(bytes, place.transport, place.end, pseudoHeaderSum(bytes, place));
  // A UDP checksum of 0 would mean that there is none.
  putU16(bytes, at, sum === 0 && place.protocol === PROTOCOL_UDP ? 0xffff : sum);
  return true;
}

/** Writes the sum of the pseudo header where the checksum goes, as a frame with `Partial` has it. */
export function preparePartialChecksum(bytes: Uint8Array, length: number, place: TransportPlace = transportPlace()): boolean {
  if (!locateTransport(bytes, length, place)) return false;
  const at = place.transport + checksumOffset(place.protocol);
  if (at < place.transport || at + 2 > place.end) return false;
  putU16(bytes, at, foldSum(pseudoHeaderSum(bytes, place)));
  return true;
}

/** Whether the transport checksum of a frame is right. A UDP frame over IPv4 without one is right as well. */
export function verifyChecksum(bytes: Uint8Array, length: number, place: TransportPlace = transportPlace()): boolean {
  if (!locateTransport(bytes, length, place)) return false;
  const at = place.transport + checksumOffset(place.protocol);
  if (at < place.transport || at + 2 > place.end) return false;
  if (place.protocol === PROTOCOL_UDP && place.version === 4 && getU16(bytes, at) === 0) return true;
  return internetChecksum(bytes, place.transport, place.end, pseudoHeaderSum(bytes, place)) === 0;
}

/** Turns frames into such as their taker can use: cuts what it can't cut, and completes checksums that it can't. */
export class Offloader {
  readonly #place = transportPlace();
  readonly #whole = netFrame(new Uint8Array(MAX_FRAME_BYTES));
  readonly #segment = netFrame(new Uint8Array(MAX_FRAME_BYTES));

  /** Calls `take` with what is to be sent in place of `frame`, in order. What can't be converted is left out. */
  convert(frame: NetFrame, ability: OffloadAbility, take: (frame: NetFrame) => void): void {
    if (frame.gsoType !== GsoType.None) {
      if (frame.gsoType === GsoType.TcpV4 ? ability.gsoV4 : ability.gsoV6) take(frame);
      else this.#cut(frame, take);
      return;
    }
    if (frame.checksum !== ChecksumState.Partial || this.#completes(frame, ability)) {
      take(frame);
      return;
    }
    const whole = this.#whole;
    whole.bytes.set(frame.bytes.subarray(0, frame.length));
    whole.length = frame.length;
    whole.checksum = completeChecksum(whole.bytes, whole.length, this.#place) ? ChecksumState.Verified : ChecksumState.Complete;
    take(whole);
  }

  #completes(frame: NetFrame, { checksumV4, checksumV6 }: OffloadAbility): boolean {
    if (checksumV4 && checksumV6) return true;
    if (!locateTransport(frame.bytes, frame.length, this.#place)) return false;
    return this.#place.version === 4 ? checksumV4 : checksumV6;
  }

  #cut(frame: NetFrame, take: (frame: NetFrame) => void): void {
    const place = this.#place;
    const { bytes } = frame;
    if (frame.gsoSize < LEAST_SEGMENT_BYTES || !locateTransport(bytes, frame.length, place) || place.protocol !== PROTOCOL_TCP) return;
    const { version, network, transport, end } = place;
    if (transport + 20 > end) return;
    const payload = transport + ((bytes[transport + 12] ?? 0) >> 4) * 4;
    if (payload < transport + 20 || payload > end) return;
    const segment = this.#segment;
    const out = segment.bytes;
    const sequence = getU32(bytes, transport + 4);
    const identification = getU16(bytes, network + 4);
    const flags = bytes[transport + 13] ?? 0;
    let count = 0;
    let at = payload;
    do {
      const next = Math.min(at + frame.gsoSize, end);
      out.set(bytes.subarray(0, payload));
      out.set(bytes.subarray(at, next), payload);
      segment.length = payload + next - at;
      if (version === 4) {
        putU16(out, network + 2, segment.length - network);
        putU16(out, network + 4, (identification + count) & 0xffff);
        putU16(out, network + 10, 0);
        putU16(out, network + 10, internetChecksum(out, network, transport));
      } else putU16(out, network + 4, segment.length - network - 40);
      putU32(out, transport + 4, (sequence + at - payload) >>> 0);
      out[transport + 13] = flags & ~(next < end ? FIN_PSH : 0) & ~(count > 0 ? CWR : 0);
      segment.checksum = completeChecksum(out, segment.length, place) ? ChecksumState.Verified : ChecksumState.Complete;
      take(segment);
      count += 1;
      at = next;
    } while (at < end);
  }
}

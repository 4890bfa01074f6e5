import { getU16, internetChecksum, putU16, type VirtualClock } from '#sdk';

const ETHERNET = 14;
const IP = 20;
const START = ETHERNET + IP;
const MORE_FRAGMENTS = 0x2000;
const LIFE_NS = 30_000_000_000;
/** Datagrams that are being put together at once. */
const MOST_DATAGRAMS = 8;
const MOST_FRAGMENTS = 64;

interface Datagram {
  readonly bytes: Uint8Array;
  readonly parts: { from: number; to: number }[];
  readonly untilNs: number;
  /** Bytes of the payload; -1 before the last fragment has come. */
  length: number;
}

/** Puts fragments of IP datagrams together (RFC 791). Fragments that overlap end the datagram: only attackers send them. */
export class Reassembler {
  readonly #clock: VirtualClock;
  readonly #datagrams = new Map<string, Datagram>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Takes a frame with a fragment; the whole datagram, as a frame, when this was the last that was missing. */
  add(frame: Uint8Array, length: number): Uint8Array | undefined {
    const header = ((frame[ETHERNET] ?? 0) & 0xf) * 4;
    const end = ETHERNET + getU16(frame, ETHERNET + 2);
    if (end > length || end <= ETHERNET + header) return undefined;
    const fragment = getU16(frame, ETHERNET + 6);
    const from = (fragment & 0x1fff) * 8;
    const to = from + end - ETHERNET - header;
    const key = frame.subarray(ETHERNET + 12, ETHERNET + 20).join() + getU16(frame, ETHERNET + 4) + frame[ETHERNET + 9];
    const datagram = this.#find(key, frame);
    const isLast = (fragment & MORE_FRAGMENTS) === 0;
    if (!this.#place(datagram, { from, to, isLast })) {
      this.#datagrams.delete(key);
      return undefined;
    }
    datagram.bytes.set(frame.subarray(ETHERNET + header, end), START + from);
    if (isLast) datagram.length = to;
    const held = datagram.parts.reduce((sum, part) => sum + part.to - part.from, 0);
    if (held !== datagram.length) return undefined;
    this.#datagrams.delete(key);
    return finish(datagram);
  }

  #find(key: string, frame: Uint8Array): Datagram {
    const nowNs = this.#clock.now();
    for (const [old, { untilNs }] of this.#datagrams) if (untilNs <= nowNs) this.#datagrams.delete(old);
    const known = this.#datagrams.get(key);
    if (known !== undefined) return known;
    if (this.#datagrams.size >= MOST_DATAGRAMS) this.#datagrams.delete(this.#datagrams.keys().next().value ?? '');
    const bytes = new Uint8Array(ETHERNET + 0xffff);
    bytes.set(frame.subarray(0, START));
    const made = { bytes, parts: [], untilNs: nowNs + LIFE_NS, length: -1 };
    this.#datagrams.set(key, made);
    return made;
  }

  #place({ parts, length, bytes }: Datagram, { from, to, isLast }: { from: number; to: number; isLast: boolean }): boolean {
    const overlaps = parts.some((part) => from < part.to && part.from < to);
    const isBeyond = START + to > bytes.length || (length >= 0 && (isLast || to > length)) || (isLast && parts.some((part) => part.to > to));
    const isOdd = !isLast && (to - from) % 8 !== 0;
    if (overlaps || isBeyond || isOdd || parts.length >= MOST_FRAGMENTS) return false;
    parts.push({ from, to });
    return true;
  }
}

/** Options are left out, so that the header is as long as any. */
function finish({ bytes, length }: Datagram): Uint8Array {
  bytes[ETHERNET] = 0x45;
  putU16(bytes, ETHERNET + 2, IP + length);
  putU16(bytes, ETHERNET + 6, 0);
  putU16(bytes, ETHERNET + 10, 0);
  putU16(bytes, ETHERNET + 10, internetChecksum(bytes, ETHERNET, START));
  return bytes.subarray(0, START + length);
}

// Hot path: every frame that a guest is given.
import type { BackRing } from '../back-ring.ts';
import { type GuestGrants, GrantStatus, PAGE_BYTES } from '../guest-grants.ts';
import { ChecksumState, copyFrame, GsoType, type NetFrame } from './net-frame.ts';
import { NetifExtra, NetifStatus, NetRxFlag } from './netif-layout.ts';
import { RingViolation } from './netif-tx.ts';
import type { VifCounters } from './vif-counters.ts';

/** Frames that wait for a guest without room. */
const MOST_WAITING_FRAMES = 512;
/** Bytes of such frames. */
const MOST_WAITING_BYTES = 1 << 20;

/** What the receiving half of a queue works with. */
export interface NetifRxParts {
  readonly ring: BackRing;
  readonly grants: GuestGrants;
  readonly counters: VifCounters;
  /** The frontend takes frames in several slots. */
  readonly severalSlots: boolean;
}

/** Gives a guest frames through one ring, and keeps a few when it provides no room. */
export class NetifRx {
  readonly #ring: BackRing;
  readonly #grants: GuestGrants;
  readonly #counters: VifCounters;
  readonly #severalSlots: boolean;
  /** Room that the guest has provided, oldest first; read as soon as it is there, so that a wait is for new room only. */
  readonly #refs: Uint32Array;
  readonly #ids: Uint16Array;
  #oldest = 0;
  #room = 0;
  #waiting: NetFrame[] = [];
  #waitingBytes = 0;

  constructor({ ring, grants, counters, severalSlots }: NetifRxParts) {
    this.#ring = ring;
    this.#grants = grants;
    this.#counters = counters;
    this.#severalSlots = severalSlots;
    this.#refs = new Uint32Array(ring.entries);
    this.#ids = new Uint16Array(ring.entries);
  }

  /** Whether frames wait for room. */
  get stalled(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Gives the guest a frame, or keeps it until there is room.
   *
   * @returns whether it was taken
   * @throws RingViolation when the device has to end
   */
  deliver(frame: NetFrame): boolean {
    const slots = slotsOf(frame);
    if (slots > this.#ring.entries || (!this.#severalSlots && slots > 1)) return this.#drop();
    if (!this.stalled && this.#hasRoom(slots)) {
      this.#write(frame);
      return true;
    }
    if (this.#waiting.length >= MOST_WAITING_FRAMES || this.#waitingBytes + frame.length > MOST_WAITING_BYTES) return this.#drop();
    this.#waiting.push(copyFrame(frame));
    this.#waitingBytes += frame.length;
    return true;
  }

  /** Gives the guest frames that have waited, as far as there is room; whether some still wait and no room has come. */
  drain(): boolean {
    let done = 0;
    for (const frame of this.#waiting) {
      if (!this.#hasRoom(slotsOf(frame))) break;
      this.#write(frame);
      this.#waitingBytes -= frame.length;
      done += 1;
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done);
    return this.stalled;
  }

  #drop(): boolean {
    this.#counters.receiveDropped += 1;
    return false;
  }

  #hasRoom(slots: number): boolean {
    if (this.#room >= slots) return true;
    const ring = this.#ring;
    const waiting = ring.available();
    if (waiting < 0) throw new RingViolation('the index of requests to receive is beyond the ring');
    for (let i = 0; i < waiting; i++) {
      ring.read();
      const at = (this.#oldest + this.#room) & (ring.entries - 1);
      this.#ids[at] = ring.request.getUint16(0, true);
      this.#refs[at] = ring.request.getUint32(4, true);
      this.#room += 1;
    }
    return this.#room >= slots;
  }

  #write(frame: NetFrame): void {
    const isGso = frame.gsoType !== GsoType.None;
    let flags = isGso ? NetRxFlag.extra_info : 0;
    if (frame.checksum === ChecksumState.Partial) flags |= NetRxFlag.csum_blank | NetRxFlag.data_validated;
    else if (frame.checksum === ChecksumState.Verified) flags |= NetRxFlag.data_validated;
    let good = true;
    let at = 0;
    do {
      const next = Math.min(at + PAGE_BYTES, frame.length);
      good = this.#writeSlot(frame.bytes.subarray(at, next), flags | (next < frame.length ? NetRxFlag.more_data : 0)) && good;
      if (at === 0 && isGso) this.#writeGso(frame);
      flags = 0;
      at = next;
    } while (at < frame.length);
    if (good) {
      this.#counters.receivedFrames += 1;
      this.#counters.receivedBytes += frame.length;
    } else this.#counters.receiveErrors += 1;
  }

  #writeSlot(part: Uint8Array, flags: number): boolean {
    const slot = this.#oldest;
    const isGood = this.#grants.copyTo(this.#refs[slot] as number, 0, part) === GrantStatus.GNTST_okay;
    const { response } = this.#ring;
    response.setUint16(0, this.#ids[slot] as number, true);
    response.setUint16(2, 0, true);
    response.setUint16(4, flags, true);
    response.setInt16(6, isGood ? part.length : NetifStatus.error, true);
    this.#respond();
    return isGood;
  }

  /** The slot after the first tells how to cut the frame; its page stays unused. */
  #writeGso({ gsoType, gsoSize }: NetFrame): void {
    const { response } = this.#ring;
    response.setUint8(0, NetifExtra.gso);
    response.setUint8(1, 0);
    response.setUint16(2, gsoSize, true);
    response.setUint8(4, gsoType);
    response.setUint8(5, 0);
    response.setUint16(6, 0, true);
    this.#respond();
  }

  #respond(): void {
    this.#ring.respond();
    this.#oldest = (this.#oldest + 1) & (this.#ring.entries - 1);
    this.#room -= 1;
  }
}

function slotsOf({ length, gsoType }: NetFrame): number {
  return Math.ceil(length / PAGE_BYTES) + (gsoType === GsoType.None ? 0 : 1);
}

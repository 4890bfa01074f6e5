// Hot path: every frame that a guest sends. Requests are read once, into memory of the backend's own.
import type { BackRing } from '../back-ring.ts';
import { type GuestGrants, GrantStatus, PAGE_BYTES } from '../guest-grants.ts';
import { ChecksumState, ETHERNET_HEADER_BYTES, GsoType, MAX_FRAME_BYTES, type NetFrame, netFrame } from './net-frame.ts';
import { MOST_TX_SLOTS, NETIF_EXTRA_FLAG_MORE, NetifExtra, NetifStatus, NetTxFlag } from './netif-layout.ts';
import type { TxCredit } from './tx-credit.ts';
import type { VifCounters } from './vif-counters.ts';

/** A guest broke the rules of the ring: the device ends. */
export class RingViolation extends Error {}

/** What the sending half of a queue works with. */
export interface NetifTxParts {
  readonly ring: BackRing;
  readonly grants: GuestGrants;
  readonly counters: VifCounters;
  /** Takes each frame, at once. */
  readonly take: (frame: NetFrame) => void;
  /** What the guest may still send; undefined without a limit. */
  readonly credit: TxCredit | undefined;
}

/** Where a turn of the sending half has stopped: nothing is left, there may be more, or the guest has used its rate. */
export type TxProgress = 'idle' | 'more' | 'throttled';

/** Takes what a guest sends from one ring. */
export class NetifTx {
  readonly #ring: BackRing;
  readonly #grants: GuestGrants;
  readonly #counters: VifCounters;
  readonly #take: (frame: NetFrame) => void;
  readonly #credit: TxCredit | undefined;
  readonly #frame = netFrame(new Uint8Array(MAX_FRAME_BYTES));
  readonly #refs = new Uint32Array(MOST_TX_SLOTS);
  readonly #offsets = new Uint16Array(MOST_TX_SLOTS);
  readonly #sizes = new Uint16Array(MOST_TX_SLOTS);
  readonly #ids = new Uint16Array(MOST_TX_SLOTS);
  #slots = 0;
  #extras = 0;
  #waiting = 0;
  #flags = 0;
  #stopped = false;

  constructor({ ring, grants, counters, take, credit }: NetifTxParts) {
    this.#ring = ring;
    this.#grants = grants;
    this.#counters = counters;
    this.#take = take;
    this.#credit = credit;
  }

  /**
   * Takes up to `budget` frames and answers them; the answers are not published yet.
   *
   * @throws RingViolation when the device has to end
   */
  process(budget: number): TxProgress {
    for (let count = 0; count < budget && !this.#stopped; count++) {
      this.#waiting = this.#ring.available();
      if (this.#waiting < 0) throw new RingViolation('the index of requests to send is beyond the ring');
      if (this.#waiting === 0) return 'idle';
      if (this.#credit !== undefined && !this.#credit.available) return 'throttled';
      this.#gather();
      const status = this.#copy();
      this.#answer(status);
      this.#credit?.spend(this.#frame.length);
      if (status === NetifStatus.okay) {
        this.#counters.transmittedFrames += 1;
        this.#counters.transmittedBytes += this.#frame.length;
        this.#take(this.#frame);
      } else this.#counters.transmitErrors += 1;
    }
    return this.#stopped ? 'idle' : 'more';
  }

  /** Takes nothing more: the ring is no longer there. */
  stop(): void {
    this.#stopped = true;
  }

  /** Reads the slots of one frame. */
  #gather(): void {
    this.#slots = 0;
    this.#extras = 0;
    this.#frame.gsoType = GsoType.None;
    this.#frame.gsoSize = 0;
    this.#flags = this.#readSlot();
    if ((this.#flags & NetTxFlag.extra_info) !== 0) this.#readExtras();
    const total = this.#sizes[0] as number;
    let first = total;
    let flags = this.#flags;
    while ((flags & NetTxFlag.more_data) !== 0) {
      if (this.#slots === MOST_TX_SLOTS) throw new RingViolation(`a frame has more than ${MOST_TX_SLOTS} slots`);
      flags = this.#readSlot();
      first -= this.#sizes[this.#slots - 1] as number;
      if (first < 0) throw new RingViolation(`the slots of a frame of ${total} bytes hold more than that`);
    }
    // The first slot says how long the whole frame is; what the others don't hold is its own part.
    this.#sizes[0] = first;
    for (let i = 0; i < this.#slots; i++) {
      const end = (this.#offsets[i] as number) + (this.#sizes[i] as number);
      if (end > PAGE_BYTES) throw new RingViolation(`a slot ends at byte ${end} of its page`);
    }
    this.#frame.length = total;
  }

  #readSlot(): number {
    this.#next();
    const { request } = this.#ring;
    const slot = this.#slots++;
    this.#refs[slot] = request.getUint32(0, true);
    this.#offsets[slot] = request.getUint16(4, true);
    this.#ids[slot] = request.getUint16(8, true);
    this.#sizes[slot] = request.getUint16(10, true);
    return request.getUint16(6, true);
  }

  #readExtras(): void {
    let more = true;
    while (more) {
      this.#next();
      this.#extras += 1;
      const { request } = this.#ring;
      const type = request.getUint8(0);
      if (type === NetifExtra.gso) this.#readGso(request);
      else if (type === 0 || type > NetifExtra.hash) throw new RingViolation(`there is no extra slot of type ${type}`);
      more = (request.getUint8(1) & NETIF_EXTRA_FLAG_MORE) !== 0;
    }
  }

  #readGso(request: DataView): void {
    const size = request.getUint16(2, true);
    const type = request.getUint8(4);
    if (size === 0) throw new RingViolation('segments of no bytes are asked for');
    if (type !== GsoType.TcpV4 && type !== GsoType.TcpV6) throw new RingViolation(`there are no segments of type ${type}`);
    this.#frame.gsoType = type;
    this.#frame.gsoSize = size;
  }

  #next(): void {
    if (this.#waiting === 0) throw new RingViolation('a frame lacks slots that it announced');
    this.#waiting -= 1;
    this.#ring.read();
  }

  /** Copies the frame out of the guest; the status for its slots. */
  #copy(): number {
    const frame = this.#frame;
    if (frame.length < ETHERNET_HEADER_BYTES) return NetifStatus.error;
    let at = 0;
    for (let i = 0; i < this.#slots; i++) {
      const size = this.#sizes[i] as number;
      if (size === 0) continue;
      const status = this.#grants.copyFrom(this.#refs[i] as number, this.#offsets[i] as number, frame.bytes.subarray(at, at + size));
      if (status !== GrantStatus.GNTST_okay) return NetifStatus.error;
      at += size;
    }
    frame.checksum = this.#checksumState();
    return NetifStatus.okay;
  }

  #checksumState(): NetFrame['checksum'] {
    if ((this.#flags & NetTxFlag.csum_blank) !== 0 || this.#frame.gsoType !== GsoType.None) return ChecksumState.Partial;
    return (this.#flags & NetTxFlag.data_validated) !== 0 ? ChecksumState.Verified : ChecksumState.Complete;
  }

  /** One response for each request, in their order: extra slots stand after the first. */
  #answer(status: number): void {
    this.#respond(this.#ids[0] as number, status);
    for (let i = 0; i < this.#extras; i++) this.#respond(0, NetifStatus.null);
    for (let i = 1; i < this.#slots; i++) this.#respond(this.#ids[i] as number, status);
  }

  #respond(id: number, status: number): void {
    this.#ring.response.setUint16(0, id, true);
    this.#ring.response.setInt16(2, status, true);
    this.#ring.respond();
  }
}

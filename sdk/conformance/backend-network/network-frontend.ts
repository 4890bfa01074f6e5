import { PAGE_BYTES } from '../../backend/guest-grants.ts';
import { GsoType, type GsoTypeValue } from '../../backend/netif/net-frame.ts';
import { NETIF_RX_LAYOUT, NETIF_TX_LAYOUT, NetifExtra, NetifStatus, NetRxFlag, NetTxFlag } from '../../backend/netif/netif-layout.ts';
import { FrontRing } from '../backend-block/front-ring.ts';
import type { FakeGuest } from '../backend-guest/fake-guest.ts';
import { must } from '../scheduler/measure.ts';

/** What a frontend is able to do, and how it connects. As Linux's when left out. */
export interface NetworkFrontendOptions {
  /** Takes frames in several slots. */
  readonly severalSlots?: boolean;
  /** Takes TCP segments that are left whole. */
  readonly gso?: boolean;
  /** Completes checksums itself. */
  readonly checksum?: boolean;
  /** One event channel for each direction. */
  readonly split?: boolean;
  /** Pairs of rings. */
  readonly queues?: number;
  /** Provides room for frames by itself. */
  readonly refill?: boolean;
  /** Nodes to be written instead of its own, or besides them. */
  readonly nodes?: Readonly<Record<string, string | number>>;
}

/** How a frame is sent. */
export interface SendOptions {
  /** The transport checksum holds the pseudo header only. */
  readonly blank?: boolean;
  /** The frame is several TCP segments in one. */
  readonly gsoType?: GsoTypeValue;
  /** Bytes of TCP payload in each. */
  readonly gsoSize?: number;
  /** Bytes of each slot. */
  readonly slotBytes?: number;
}

/** A frame that the frontend was given. */
export interface ReceivedFrame {
  /** The frame. */
  readonly bytes: Uint8Array;
  /** The transport checksum holds the pseudo header only. */
  readonly blank: boolean;
  /** The contents have been checked. */
  readonly validated: boolean;
  /** How it is to be cut; 0: not. */
  readonly gsoType: number;
  /** Bytes of TCP payload in each segment. */
  readonly gsoSize: number;
  /** Responses that it came in. */
  readonly slots: number;
  /** Number of the queue by which it came. */
  readonly queue: number;
}

/** A page that the guest has lent. */
export interface LentPage {
  /** Number of the page in the guest. */
  gfn: number;
  /** Grant by which it is lent. */
  ref: number;
}

/** Event channels of a queue. */
export interface QueuePorts {
  /** Of what the guest sends. */
  readonly tx: number;
  /** Of what it receives. */
  readonly rx: number;
}

/** The rings of one queue. */
export interface FrontendQueue {
  /** Frames that the guest sends. */
  readonly tx: FrontRing;
  /** Frames that it receives. */
  readonly rx: FrontRing;
  /** Its event channels, the same one twice where they are not split. */
  readonly ports: QueuePorts;
  /** Pages under way to the backend, by the ids of their requests. */
  readonly sent: Map<number, LentPage>;
  /** Pages that may be filled, in the order of their requests. */
  readonly room: LentPage[];
  /** Responses of a frame that is not whole yet. */
  readonly slots: DataView[];
}

/** The guest's driver of a vif, as far as Linux's xen-netfront shows itself to a backend. */
export class NetworkFrontend {
  /** Frames that came, in their order. */
  readonly received: ReceivedFrame[] = [];
  /** Results of the slots that were sent, without those of extra slots. */
  readonly statuses: number[] = [];
  /** Its rings. */
  readonly queues: readonly FrontendQueue[];
  readonly #guest: FakeGuest;
  readonly #refill: boolean;
  #nextId = 0;
  #isDeaf = false;

  /** Makes rings, provides room, and writes the nodes below `path`. */
  constructor(guest: FakeGuest, path: string, options: NetworkFrontendOptions = {}) {
    const { severalSlots = true, gso = true, checksum = true, split = true, queues = 1, refill = true, nodes = {} } = options;
    this.#guest = guest;
    this.#refill = refill;
    this.queues = Array.from({ length: queues }, () => this.#makeQueue(split));
    const flag = (on: boolean): number | undefined => (on ? 1 : undefined);
    guest.store.remove(path);
    guest.store.writeAll(path, {
      'request-rx-copy': 1,
      'feature-rx-notify': 1,
      'feature-sg': flag(severalSlots),
      'feature-gso-tcpv4': flag(gso),
      'feature-gso-tcpv6': flag(gso),
      'feature-ipv6-csum-offload': flag(checksum),
      'feature-no-csum-offload': flag(!checksum),
      'multi-queue-num-queues': queues > 1 ? queues : undefined,
    });
    this.queues.forEach((queue, i) => this.#publish(queue, queues > 1 ? `${path}/queue-${i}` : path, split));
    guest.store.writeAll(path, nodes);
  }

  /** Looks at no answers from now on, as a guest may that has written nonsense. */
  deafen(): void {
    this.#isDeaf = true;
  }

  /** Bytes of a page that a request names, for tests that change them. */
  page(gfn: number): Uint8Array {
    return this.#guest.grants.page(gfn);
  }

  /** Sends a frame in as many slots as it needs. */
  send(frame: Uint8Array, { blank = false, gsoType = GsoType.None, gsoSize = 0, slotBytes = PAGE_BYTES }: SendOptions = {}, queue = 0): void {
    const parts = Math.max(1, Math.ceil(frame.length / slotBytes));
    const isGso = gsoType !== GsoType.None;
    for (let i = 0; i < parts; i++) {
      const part = frame.subarray(i * slotBytes, (i + 1) * slotBytes);
      const first = (blank ? NetTxFlag.csum_blank | NetTxFlag.data_validated : 0) | (isGso ? NetTxFlag.extra_info : 0);
      this.putData(part, { size: i === 0 ? frame.length : part.length, flags: (i === 0 ? first : 0) | (i < parts - 1 ? NetTxFlag.more_data : 0) }, queue);
      if (i === 0 && isGso) this.putSlot([NetifExtra.gso, 0, gsoSize & 0xff, gsoSize >> 8, gsoType, 0, 0, 0, 0, 0, 0, 0], queue);
    }
    this.kick(queue);
  }

  /** Puts a request for data in a page of its own. */
  putData(part: Uint8Array, { size = part.length, flags = 0, offset = 0 }: { size?: number; flags?: number; offset?: number } = {}, queue = 0): void {
    const own = this.#queue(queue);
    const { grants } = this.#guest;
    const gfn = grants.allocatePage();
    grants.page(gfn).set(part, Math.min(offset, PAGE_BYTES - part.length));
    const ref = grants.grant(gfn, 'read');
    const id = this.#nextId++ & 0xffff;
    own.sent.set(id, { gfn, ref });
    this.putRequest({ ref, offset, flags, id, size }, queue);
  }

  /** Puts a request of any content. */
  putRequest({ ref, offset, flags, id, size }: { ref: number; offset: number; flags: number; id: number; size: number }, queue = 0): void {
    const request = new DataView(new ArrayBuffer(12));
    request.setUint32(0, ref, true);
    request.setUint16(4, offset, true);
    request.setUint16(6, flags, true);
    request.setUint16(8, id, true);
    request.setUint16(10, size, true);
    this.#queue(queue).tx.put(new Uint8Array(request.buffer));
  }

  /** Puts a slot of any bytes. */
  putSlot(bytes: readonly number[], queue = 0): void {
    this.#queue(queue).tx.put(Uint8Array.from(bytes));
  }

  /** Shows the backend what was put. */
  kick(queue = 0): void {
    const { tx, ports } = this.#queue(queue);
    if (tx.push()) this.#guest.events.send(ports.tx);
  }

  /** Raises the event without a reason. */
  ring(queue = 0): void {
    this.#guest.events.send(this.#queue(queue).ports.tx);
    this.#guest.events.send(this.#queue(queue).ports.rx);
  }

  /** Provides room for so many slots of frames, or as many as the ring has. */
  provide(slots = Number.POSITIVE_INFINITY, queue = 0): void {
    this.#provide(this.#queue(queue), slots);
  }

  /** Takes everything back; false when the backend still uses something. */
  release(): boolean {
    const { grants, events } = this.#guest;
    return this.queues.every(({ tx, rx, ports, sent, room }) => {
      events.free(ports.tx);
      events.free(ports.rx);
      const refs = [...tx.refs, ...rx.refs, ...[...sent.values(), ...room].map(({ ref }) => ref)];
      for (const gfn of [...tx.gfns, ...rx.gfns, ...[...sent.values(), ...room].map((page) => page.gfn)]) grants.freePage(gfn);
      return refs.map((ref) => grants.endAccess(ref)).every((ended) => ended);
    });
  }

  #queue(index: number): FrontendQueue {
    const queue = this.queues[index];
    must(queue !== undefined, `there is no queue ${index}`);
    return queue as FrontendQueue;
  }

  #makeQueue(split: boolean): FrontendQueue {
    const { grants, events } = this.#guest;
    const tx = new FrontRing(grants, NETIF_TX_LAYOUT, 1);
    const rx = new FrontRing(grants, NETIF_RX_LAYOUT, 1);
    const takeSent = (): void => this.#takeSent(queue);
    const takeReceived = (): void => this.#takeReceived(queue);
    const txPort = events.allocate(
      split
        ? takeSent
        : () => {
            takeSent();
            takeReceived();
          },
    );
    const queue: FrontendQueue = { tx, rx, ports: { tx: txPort, rx: split ? events.allocate(takeReceived) : txPort }, sent: new Map(), room: [], slots: [] };
    if (this.#refill) this.#provide(queue, Number.POSITIVE_INFINITY);
    return queue;
  }

  #publish({ tx, rx, ports }: FrontendQueue, path: string, split: boolean): void {
    this.#guest.store.writeAll(path, {
      'tx-ring-ref': tx.refs[0],
      'rx-ring-ref': rx.refs[0],
      ...(split ? { 'event-channel-tx': ports.tx, 'event-channel-rx': ports.rx } : { 'event-channel': ports.tx }),
    });
  }

  #provide(queue: FrontendQueue, slots: number): void {
    const { grants, events } = this.#guest;
    for (let count = 0; count < slots && queue.rx.free > 0; count++) {
      const gfn = grants.allocatePage();
      const ref = grants.grant(gfn);
      queue.room.push({ gfn, ref });
      const request = new DataView(new ArrayBuffer(8));
      request.setUint16(0, this.#nextId++ & 0xffff, true);
      request.setUint32(4, ref, true);
      queue.rx.put(new Uint8Array(request.buffer));
    }
    if (queue.rx.push()) events.send(queue.ports.rx);
  }

  #takeSent({ tx, sent }: FrontendQueue): void {
    if (this.#isDeaf) return;
    const { grants } = this.#guest;
    tx.consume((response) => {
      const status = response.getInt16(2, true);
      if (status === NetifStatus.null) return;
      this.statuses.push(status);
      const id = response.getUint16(0, true);
      const page = sent.get(id);
      if (page === undefined) return;
      sent.delete(id);
      must(grants.endAccess(page.ref), 'a frame is answered while its page is in use');
      grants.freePage(page.gfn);
    });
  }

  #takeReceived(queue: FrontendQueue): void {
    if (this.#isDeaf) return;
    queue.rx.consume((response) => {
      queue.slots.push(response);
      if (isWhole(queue.slots)) this.received.push(this.#assemble(queue, queue.slots.splice(0)));
    });
    if (this.#refill) this.#provide(queue, Number.POSITIVE_INFINITY);
  }

  #assemble(queue: FrontendQueue, slots: readonly DataView[]): ReceivedFrame {
    const { grants } = this.#guest;
    const { room } = queue;
    const parts: Uint8Array[] = [];
    const first = slots[0]?.getUint16(4, true) ?? 0;
    const hasExtra = (first & NetRxFlag.extra_info) !== 0;
    slots.forEach((slot, i) => {
      const page = room.shift();
      must(page !== undefined, 'more was received than there was room for');
      const { gfn, ref } = page as { gfn: number; ref: number };
      if (!(hasExtra && i === 1)) {
        const status = slot.getInt16(6, true);
        must(status > 0, `a frame was received with status ${status}`);
        parts.push(grants.page(gfn).slice(slot.getUint16(2, true), slot.getUint16(2, true) + status));
      }
      must(grants.endAccess(ref), 'a frame is received while its page is in use');
      grants.freePage(gfn);
    });
    const extra = hasExtra ? slots[1] : undefined;
    return {
      bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
      blank: (first & NetRxFlag.csum_blank) !== 0,
      validated: (first & NetRxFlag.data_validated) !== 0,
      gsoType: extra?.getUint8(4) ?? 0,
      gsoSize: extra?.getUint16(2, true) ?? 0,
      slots: slots.length,
      queue: this.queues.indexOf(queue),
    };
  }
}

/** Whether the last slot of a frame has come. */
function isWhole(slots: readonly DataView[]): boolean {
  const flags = (slot: DataView | undefined): number => slot?.getUint16(4, true) ?? 0;
  const hasExtra = (flags(slots[0]) & NetRxFlag.extra_info) !== 0;
  if (hasExtra && slots.length < 2) return false;
  const last = hasExtra && slots.length === 2 ? slots[0] : slots.at(-1);
  return (flags(last) & NetRxFlag.more_data) === 0;
}

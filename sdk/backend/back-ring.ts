// Hot path: every request of a block or network device goes through here. No allocation, no exceptions.
import type { GuestPage } from './guest-grants.ts';

/** What a ring's entries are. */
export interface RingLayout {
  /** Bytes of a request, a multiple of 4. */
  readonly requestBytes: number;
  /** Bytes of a response, a multiple of 4. */
  readonly responseBytes: number;
}

const HEADER_BYTES = 64;
const PAGE_SHIFT = 12;
const OFFSET_MASK = 0xfff;

/** Words of the header. */
const REQ_PROD = 0;
const REQ_EVENT = 1;
const RSP_PROD = 2;
const RSP_EVENT = 3;

/** Number of entries that a ring in so many pages has: as many as fit, rounded down to a power of two. */
export function ringEntries(pages: number, { requestBytes, responseBytes }: RingLayout): number {
  const fit = Math.floor((pages * 4096 - HEADER_BYTES) / Math.max(requestBytes, responseBytes));
  return 2 ** Math.floor(Math.log2(fit));
}

/**
 * The backend's half of a shared ring, as `xen/include/public/io/ring.h` lays it out. The pages are the guest's, and it
 * may write anything there at any time: indices of the backend's own are kept here, and each request is copied once.
 */
export class BackRing {
  /** Number of entries, a power of two. */
  readonly entries: number;
  /** The request that `read` has copied. The same object each time. */
  readonly request: DataView;
  /** The response that `respond` will copy. The same object each time; all its bytes get to the guest. */
  readonly response: DataView;
  readonly #pages: readonly Int32Array[];
  readonly #header: Int32Array;
  readonly #slotBytes: number;
  readonly #request: Int32Array;
  readonly #response: Int32Array;
  #requestsRead: number;
  #responsesWritten: number;
  #responsesPublished: number;

  /** Attaches to a ring, from where the indices of the responses say that it stands: at zero when it is new. */
  constructor(pages: readonly GuestPage[], layout: RingLayout) {
    this.#pages = pages.map(({ bytes }) => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2));
    const [first] = this.#pages;
    if (first === undefined) throw new RangeError('a ring has at least one page');
    this.#header = first;
    this.entries = ringEntries(pages.length, layout);
    this.#slotBytes = Math.max(layout.requestBytes, layout.responseBytes);
    this.#request = new Int32Array(layout.requestBytes >>> 2);
    this.#response = new Int32Array(layout.responseBytes >>> 2);
    this.request = new DataView(this.#request.buffer);
    this.response = new DataView(this.#response.buffer);
    const start = Atomics.load(first, RSP_PROD) >>> 0;
    this.#requestsRead = start;
    this.#responsesWritten = start;
    this.#responsesPublished = start;
  }

  /** Number of requests that were read and have no response yet. */
  get pending(): number {
    return (this.#requestsRead - this.#responsesWritten) >>> 0;
  }

  /** Number of requests that wait; negative when the guest's index is one that no ring can have. */
  available(): number {
    const produced = Atomics.load(this.#header, REQ_PROD) >>> 0;
    const waiting = (produced - this.#requestsRead) >>> 0;
    // More than the ring holds, counted from the oldest without a response: it would overwrite what is not answered.
    return waiting + this.pending > this.entries ? -1 : waiting;
  }

  /** Copies the next request into `request`. Only after `available` has told of one. */
  read(): void {
    this.#copyOut(this.#requestsRead, this.#request);
    this.#requestsRead = (this.#requestsRead + 1) >>> 0;
  }

  /** Copies `response` into the ring; the guest does not see it before `publish`. Only for a request that is pending. */
  respond(): void {
    if (this.pending === 0) throw new RangeError('a response without a request');
    const slot = HEADER_BYTES + (this.#responsesWritten & (this.entries - 1)) * this.#slotBytes;
    for (let word = 0; word < this.#response.length; word++) {
      const at = slot + word * 4;
      const page = this.#pages[at >>> PAGE_SHIFT] as Int32Array;
      page[(at & OFFSET_MASK) >>> 2] = this.#response[word] as number;
    }
    this.#responsesWritten = (this.#responsesWritten + 1) >>> 0;
  }

  /** Shows the guest the responses; tells whether it asked for an event when there are some. */
  publish(): boolean {
    const before = this.#responsesPublished;
    const now = this.#responsesWritten;
    if (now === before) return false;
    this.#responsesPublished = now;
    Atomics.store(this.#header, RSP_PROD, now | 0);
    const wanted = Atomics.load(this.#header, RSP_EVENT) >>> 0;
    return (now - wanted) >>> 0 < (now - before) >>> 0;
  }

  /** Asks for an event with the next request; tells whether one has come meanwhile, which gives none. */
  rearm(): boolean {
    Atomics.store(this.#header, REQ_EVENT, (this.#requestsRead + 1) | 0);
    return this.available() !== 0;
  }

  #copyOut(index: number, target: Int32Array): void {
    const slot = HEADER_BYTES + (index & (this.entries - 1)) * this.#slotBytes;
    for (let word = 0; word < target.length; word++) {
      const at = slot + word * 4;
      const page = this.#pages[at >>> PAGE_SHIFT] as Int32Array;
      target[word] = page[(at & OFFSET_MASK) >>> 2] as number;
    }
  }
}

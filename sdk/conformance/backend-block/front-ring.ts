import { type RingLayout, ringEntries } from '../../backend/back-ring.ts';

import type { FakeGrants } from '../backend-guest/fake-grants.ts';
import { must } from '../scheduler/measure.ts';

const HEADER_BYTES = 64;

/** The guest's half of a ring. */
export class FrontRing {
  /** Number of entries. */
  readonly entries: number;
  /** Its pages, by their frames. */
  readonly gfns: readonly number[];
  /** What the guest has granted of it. */
  readonly refs: readonly number[];
  readonly #layout: RingLayout;
  readonly #pages: readonly DataView[];
  readonly #header: Int32Array;
  #produced = 0;
  #pushed = 0;
  #consumed = 0;

  constructor(grants: FakeGrants, layout: RingLayout, pages: number) {
    this.#layout = layout;
    this.gfns = Array.from({ length: pages }, () => grants.allocatePage());
    for (const gfn of this.gfns) grants.page(gfn).fill(0);
    this.refs = this.gfns.map((gfn) => grants.grant(gfn));
    const bytes = this.gfns.map((gfn) => grants.page(gfn));
    this.#pages = bytes.map((page) => new DataView(page.buffer, page.byteOffset, page.byteLength));
    this.#header = new Int32Array(grants.memory.buffer, bytes[0]?.byteOffset, 4);
    this.#header[1] = 1;
    this.#header[3] = 1;
    this.entries = ringEntries(pages, layout);
  }

  /** Entries that are free. */
  get free(): number {
    return this.entries - ((this.#produced - this.#consumed) >>> 0);
  }

  /** Puts a request into the next entry. */
  put(request: Uint8Array): void {
    this.overwrite(this.#produced, request);
    this.#produced = (this.#produced + 1) >>> 0;
  }

  /** Writes a request into an entry, whoever owns it at the moment. */
  overwrite(index: number, request: Uint8Array): void {
    const slot = HEADER_BYTES + (index & (this.entries - 1)) * this.#layout.requestBytes;
    for (let i = 0; i < request.length; i++) this.#pages[(slot + i) >>> 12]?.setUint8((slot + i) & 0xfff, request[i] as number);
  }

  /** Shows the backend what was put; tells whether it wants an event. */
  push(): boolean {
    const before = this.#pushed;
    this.#pushed = this.#produced;
    Atomics.store(this.#header, 0, this.#produced | 0);
    const wanted = Atomics.load(this.#header, 1) >>> 0;
    return (this.#produced - wanted) >>> 0 < (this.#produced - before) >>> 0;
  }

  /** Calls back with each response; then asks for an event with the next. */
  consume(take: (response: DataView) => void): void {
    do {
      const end = Atomics.load(this.#header, 2) >>> 0;
      must((end - this.#consumed) >>> 0 <= (this.#produced - this.#consumed) >>> 0, 'the backend has answered more than was asked');
      while (this.#consumed !== end) {
        take(this.#copyResponse());
        this.#consumed = (this.#consumed + 1) >>> 0;
      }
      Atomics.store(this.#header, 3, (this.#consumed + 1) | 0);
    } while (Atomics.load(this.#header, 2) >>> 0 !== this.#consumed);
  }

  /** Where the backend's responses end. */
  get answered(): number {
    return Atomics.load(this.#header, 2) >>> 0;
  }

  /** Writes an index of the header, as only a hostile guest does. */
  forge(word: 0 | 1 | 2 | 3, value: number): void {
    Atomics.store(this.#header, word, value | 0);
  }

  #copyResponse(): DataView {
    const slot = HEADER_BYTES + (this.#consumed & (this.entries - 1)) * this.#layout.requestBytes;
    const copy = new DataView(new ArrayBuffer(this.#layout.responseBytes));
    for (let i = 0; i < copy.byteLength; i++) copy.setUint8(i, this.#pages[(slot + i) >>> 12]?.getUint8((slot + i) & 0xfff) ?? 0);
    return copy;
  }
}

// Hot path: one object per request that is under way, used again for the next.
import type { GuestGrants, GuestPage } from '../guest-grants.ts';
import { PAGE_BYTES } from '../guest-grants.ts';
import {
  BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST,
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_SECTOR_BYTES,
  BLKIF_SEGMENT_BYTES,
  type BlkifLayout,
  BlkifOp,
} from './blkif.ts';
import type { GrantedPages } from './granted-pages.ts';

/** Most segments that a backend takes in an indirect request. */
export const MAX_INDIRECT_SEGMENTS = 256;

const SECTORS_PER_PAGE = PAGE_BYTES / BLKIF_SECTOR_BYTES;
const SEGMENTS_PER_PAGE = PAGE_BYTES / BLKIF_SEGMENT_BYTES;

/** A request, copied from the ring, and the pages that it uses. */
export class BlockTransfer {
  /** What is asked for; that of an indirect request is what it wraps, which its response has to name too. */
  operation = 0;
  /** Halves of the number that is given back. */
  idLow = 0;
  idHigh = 0;
  /** The first sector; too large to be exact when it is beyond any VBD. */
  sector = 0;
  /** Number of sectors. */
  sectors = 0;
  /** Number of segments. */
  segments = 0;
  /** The parts of the mapped pages, in their order. */
  readonly parts: Uint8Array[] = [];
  readonly #pages: GuestPage[] = [];
  readonly #refs = new Uint32Array(MAX_INDIRECT_SEGMENTS);
  readonly #first = new Uint8Array(MAX_INDIRECT_SEGMENTS);
  readonly #last = new Uint8Array(MAX_INDIRECT_SEGMENTS);

  /** Whether it moves data from the guest to the store. */
  get isWrite(): boolean {
    return this.operation !== BlkifOp.BLKIF_OP_READ;
  }

  /** Takes over what all requests have. */
  begin(request: DataView, layout: BlkifLayout): void {
    this.operation = request.getUint8(0);
    this.idLow = request.getUint32(layout.id, true);
    this.idHigh = request.getUint32(layout.id + 4, true);
    this.sector = request.getUint32(layout.sector, true) + request.getUint32(layout.sector + 4, true) * 2 ** 32;
    this.sectors = 0;
    this.segments = 0;
  }

  /** Takes over the segments of a request that is not indirect; false when they are no segments. */
  readSegments(request: DataView, layout: BlkifLayout): boolean {
    const count = request.getUint8(1);
    if (count > BLKIF_MAX_SEGMENTS_PER_REQUEST) return false;
    for (let i = 0; i < count; i++) if (!this.#addSegment(request, layout.segments + i * BLKIF_SEGMENT_BYTES)) return false;
    return true;
  }

  /** Takes over what an indirect request wraps; false when that can't be had or makes no sense. */
  readIndirect(request: DataView, layout: BlkifLayout, grants: GuestGrants, scratch: DataView<ArrayBuffer>): boolean {
    this.operation = request.getUint8(1);
    const count = request.getUint16(2, true);
    if (this.operation !== BlkifOp.BLKIF_OP_READ && this.operation !== BlkifOp.BLKIF_OP_WRITE) return false;
    if (count > MAX_INDIRECT_SEGMENTS) return false;
    for (let page = 0; page < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST && this.segments < count; page++) {
      const here = Math.min(count - this.segments, SEGMENTS_PER_PAGE);
      const bytes = new Uint8Array(scratch.buffer, 0, here * BLKIF_SEGMENT_BYTES);
      if (grants.copyFrom(request.getUint32(layout.indirectRefs + page * 4, true), 0, bytes) !== 0) return false;
      for (let i = 0; i < here; i++) if (!this.#addSegment(scratch, i * BLKIF_SEGMENT_BYTES)) return false;
    }
    return true;
  }

  /** Takes over the extent of a discard; gives its flags. */
  readDiscard(request: DataView, layout: BlkifLayout): number {
    this.sectors = request.getUint32(layout.discardSectors, true) + request.getUint32(layout.discardSectors + 4, true) * 2 ** 32;
    return request.getUint8(1);
  }

  /** Maps the pages; false when one can't be, and then none is. */
  map(pages: GrantedPages): boolean {
    const access = this.isWrite ? 'read' : 'write';
    for (let i = 0; i < this.segments; i++) {
      const page = pages.acquire(this.#refs[i] as number, access);
      if (typeof page === 'number') {
        this.unmap(pages);
        return false;
      }
      this.#pages.push(page);
      const first = (this.#first[i] as number) * BLKIF_SECTOR_BYTES;
      const end = ((this.#last[i] as number) + 1) * BLKIF_SECTOR_BYTES;
      this.parts.push(end - first === PAGE_BYTES ? page.bytes : page.bytes.subarray(first, end));
    }
    return true;
  }

  /** Gives the pages back. */
  unmap(pages: GrantedPages): void {
    for (let i = 0; i < this.#pages.length; i++) pages.release(this.#refs[i] as number, this.#pages[i] as GuestPage);
    this.#pages.length = 0;
    this.parts.length = 0;
  }

  #addSegment(from: DataView, at: number): boolean {
    const first = from.getUint8(at + 4);
    const last = from.getUint8(at + 5);
    if (first > last || last >= SECTORS_PER_PAGE) return false;
    this.#refs[this.segments] = from.getUint32(at, true);
    this.#first[this.segments] = first;
    this.#last[this.segments] = last;
    this.segments++;
    this.sectors += last - first + 1;
    return true;
  }
}

import { BLKIF_LAYOUTS, BLKIF_SECTOR_BYTES, type BlkifLayout, BlkifOp } from '../../backend/block/blkif.ts';
import type { FakeGuest } from '../backend-guest/fake-guest.ts';
import { must } from '../scheduler/measure.ts';
import { FrontRing } from './front-ring.ts';

/** How a frontend speaks. */
export interface BlockFrontendOptions {
  /** `x86_64-abi` when left out. */
  readonly protocol?: string;
  /** The ring has 2 to the power of this pages; when left out one, and the node is left out too. */
  readonly ringPageOrder?: number;
  /** Grants are used again and again. */
  readonly persistent?: boolean;
}

/** A part of a page that takes part in a request. */
export interface FrontendSegment {
  /** Reference of the grant. */
  readonly ref: number;
  /** First sector within the page. */
  readonly first: number;
  /** Last sector within the page. */
  readonly last: number;
}

/** A request that is built by hand. */
export interface RawRequest {
  /** What is asked for. */
  readonly operation: number;
  /** The first sector. */
  readonly sector: number | bigint;
  /** Parts of pages for the data. */
  readonly segments?: readonly FrontendSegment[];
  /** What it claims as number of segments, when that is not the truth. */
  readonly claimed?: number;
  /** Operation within an indirect request. */
  readonly indirectOperation?: number;
  /** Pages with segments, when not those that would be right. */
  readonly indirectRefs?: readonly number[];
  /** Number of sectors of a discard. */
  readonly count?: number | bigint;
  /** Flags of a discard. */
  readonly flags?: number;
}

interface DataPage {
  readonly gfn: number;
  readonly ref: number;
}

/** Which part of a page a segment takes. */
export interface SegmentExtent {
  /** Sectors that are left out at the begin of the page. */
  readonly first: number;
  /** Sectors that are taken. */
  readonly sectors: number;
}

/** How data is cut into segments. */
export type SegmentShape = (segment: number) => SegmentExtent;

const WHOLE_PAGES: SegmentShape = () => ({ first: 0, sectors: 8 });
const SECTORS_PER_PAGE = 8;
const MAX_DIRECT_SEGMENTS = 11;

/** A frontend that does with the ring what Linux's xen-blkfront does, and on request what no driver should. */
export class BlockFrontend {
  /** The guest whose driver it is. */
  readonly guest: FakeGuest;
  /** How its requests look. */
  readonly layout: BlkifLayout;
  /** Its ring. */
  readonly ring: FrontRing;
  /** Where its nodes are. */
  readonly path: string;
  readonly #options: BlockFrontendOptions;
  readonly #waiting = new Map<bigint, { operation: number; resolve: (status: number) => void; reject: (error: unknown) => void }>();
  readonly #queued: (() => void)[] = [];
  /** Pages of indirect segments. */
  readonly #spare: DataPage[] = [];
  /** Pages that the backend keeps mapped, for the next request. */
  readonly #kept: DataPage[] = [];
  readonly #port: number;
  #nextId = 0x8000_0001_ffff_fff0n;
  /** Events from the backend. */
  events = 0;

  /** Makes the ring and writes the nodes, of the device at `path`. */
  constructor(guest: FakeGuest, path: string, options: BlockFrontendOptions = {}) {
    this.guest = guest;
    this.path = path;
    this.#options = options;
    const layout = BLKIF_LAYOUTS.find(({ protocol }) => protocol === (options.protocol ?? 'x86_64-abi'));
    if (layout === undefined) throw new RangeError(`no protocol ${options.protocol}`);
    this.layout = layout;
    this.ring = new FrontRing(guest.grants, layout, 2 ** (options.ringPageOrder ?? 0));
    this.#port = guest.events.allocate(() => this.#interrupt());
    const { refs } = this.ring;
    guest.store.remove(path);
    guest.store.writeAll(path, {
      ...(options.ringPageOrder === undefined
        ? { 'ring-ref': refs[0] }
        : { 'ring-page-order': options.ringPageOrder, ...Object.fromEntries(refs.map((ref, i) => [`ring-ref${i}`, ref])) }),
      'event-channel': this.#port,
      protocol: layout.protocol,
      'feature-persistent': options.persistent === true ? 1 : 0,
    });
  }

  /** Reads sectors; the status is the answer when it is not 0. */
  async read(sector: number, count: number, shape: SegmentShape = WHOLE_PAGES): Promise<Uint8Array | number> {
    const { pages, segments } = this.#take(count, shape);
    for (const { gfn } of pages) this.guest.grants.page(gfn).fill(0xa5);
    const status = await this.submit({ operation: BlkifOp.BLKIF_OP_READ, sector, segments });
    const data = new Uint8Array(count * BLKIF_SECTOR_BYTES);
    this.#walk(pages, segments, (part, at) => data.set(part, at));
    this.#give(pages);
    return status === 0 ? data : status;
  }

  /** Writes sectors. */
  async write(sector: number, data: Uint8Array, shape: SegmentShape = WHOLE_PAGES, operation: number = BlkifOp.BLKIF_OP_WRITE): Promise<number> {
    const { pages, segments } = this.#take(data.length / BLKIF_SECTOR_BYTES, shape);
    this.#walk(pages, segments, (part, at) => part.set(data.subarray(at, at + part.length)));
    const status = await this.submit({ operation, sector, segments });
    this.#give(pages);
    return status;
  }

  /** Asks for everything to be safe. */
  flush(): Promise<number> {
    return this.submit({ operation: BlkifOp.BLKIF_OP_FLUSH_DISKCACHE, sector: 0 });
  }

  /** Gives sectors up. */
  discard(sector: number, count: number): Promise<number> {
    return this.submit({ operation: BlkifOp.BLKIF_OP_DISCARD, sector, count });
  }

  /** Sends any request; more segments than fit make an indirect one. The status comes with the response. */
  submit(request: RawRequest): Promise<number> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const send = (): void => {
        this.#waiting.set(id, { operation: this.#put(request, id), resolve, reject });
        if (this.ring.push()) this.guest.events.send(this.#port);
      };
      if (this.ring.free > 0) send();
      else this.#queued.push(send);
    });
  }

  /** Raises the event, also when the backend has not asked for it. */
  kick(): void {
    this.guest.events.send(this.#port);
  }

  /** Withdraws everything. False when the backend still uses something. */
  release(): boolean {
    const { grants, events } = this.guest;
    events.free(this.#port);
    const pages = [...this.#spare.splice(0), ...this.#kept.splice(0), ...this.ring.gfns.map((gfn, i) => ({ gfn, ref: this.ring.refs[i] ?? 0 }))];
    const free = pages.filter(({ ref }) => grants.endAccess(ref));
    for (const { gfn } of free) grants.freePage(gfn);
    return free.length === pages.length;
  }

  #interrupt(): void {
    this.events++;
    try {
      this.ring.consume((response) => this.#answered(response));
    } catch (error) {
      for (const { reject } of this.#waiting.values()) reject(error);
    }
    while (this.ring.free > 0 && this.#queued.length > 0) this.#queued.shift()?.();
  }

  #answered(response: DataView): void {
    const id = response.getBigUint64(0, true);
    const waiting = this.#waiting.get(id);
    must(waiting !== undefined, () => `the backend has answered 0x${id.toString(16)}, which was not asked`);
    must(response.getUint8(8) === waiting.operation, 'the operation of the response is not that of the request');
    this.#waiting.delete(id);
    waiting.resolve(response.getInt16(10, true));
  }

  /** Writes a request into the ring; gives the operation that its response has to name: as Linux holds it, the one that is wrapped. */
  #put(request: RawRequest, id: bigint): number {
    const { layout } = this;
    const bytes = new Uint8Array(layout.requestBytes);
    const view = new DataView(bytes.buffer);
    const { segments = [], claimed = segments.length } = request;
    const isIndirect = request.operation === BlkifOp.BLKIF_OP_INDIRECT || segments.length > MAX_DIRECT_SEGMENTS;
    const operation = isIndirect ? BlkifOp.BLKIF_OP_INDIRECT : request.operation;
    view.setUint8(0, operation);
    view.setBigUint64(layout.id, id, true);
    view.setBigUint64(layout.sector, BigInt(request.sector), true);
    if (isIndirect) {
      view.setUint8(1, request.indirectOperation ?? request.operation);
      view.setUint16(2, claimed, true);
      const refs = request.indirectRefs ?? this.#indirectPages(segments);
      refs.forEach((ref, i) => view.setUint32(layout.indirectRefs + i * 4, ref, true));
    } else if (operation === BlkifOp.BLKIF_OP_DISCARD) {
      view.setUint8(1, request.flags ?? 0);
      view.setBigUint64(layout.discardSectors, BigInt(request.count ?? 0), true);
    } else {
      view.setUint8(1, claimed);
      segments.forEach((segment, i) => putSegment(view, layout.segments + i * 8, segment));
    }
    this.ring.put(bytes);
    return isIndirect ? (request.indirectOperation ?? request.operation) : operation;
  }

  /** Pages with segments; they are kept for good, as xen-blkfront keeps them for a slot of the ring. */
  #indirectPages(segments: readonly FrontendSegment[]): number[] {
    const { grants } = this.guest;
    const refs: number[] = [];
    for (let at = 0; at < segments.length; at += 512) {
      const gfn = grants.allocatePage();
      const page = grants.page(gfn);
      const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
      segments.slice(at, at + 512).forEach((segment, i) => putSegment(view, i * 8, segment));
      const ref = grants.grant(gfn, 'read');
      this.#spare.push({ gfn, ref });
      refs.push(ref);
    }
    return refs;
  }

  #take(count: number, shape: SegmentShape): { pages: DataPage[]; segments: FrontendSegment[] } {
    const pages: DataPage[] = [];
    const segments: FrontendSegment[] = [];
    for (let left = count; left > 0; ) {
      const { first, sectors } = shape(segments.length);
      const here = Math.min(left, sectors, SECTORS_PER_PAGE - first);
      const page = this.#kept.pop() ?? this.#newPage();
      pages.push(page);
      segments.push({ ref: page.ref, first, last: first + here - 1 });
      left -= here;
    }
    return { pages, segments };
  }

  #newPage(): DataPage {
    const gfn = this.guest.grants.allocatePage();
    return { gfn, ref: this.guest.grants.grant(gfn) };
  }

  #give(pages: readonly DataPage[]): void {
    const { grants } = this.guest;
    for (const page of pages) {
      const isKept = grants.isInUse(page.ref);
      must(!isKept || this.#options.persistent === true, 'the backend keeps a page mapped though grants are not persistent');
      if (isKept) this.#kept.push(page);
      else if (grants.endAccess(page.ref)) grants.freePage(page.gfn);
    }
  }

  #walk(pages: readonly DataPage[], segments: readonly FrontendSegment[], visit: (part: Uint8Array, at: number) => void): void {
    let at = 0;
    pages.forEach(({ gfn }, i) => {
      const { first = 0, last = 0 } = segments[i] ?? {};
      const part = this.guest.grants.page(gfn).subarray(first * BLKIF_SECTOR_BYTES, (last + 1) * BLKIF_SECTOR_BYTES);
      visit(part, at);
      at += part.length;
    });
  }
}

function putSegment(view: DataView, at: number, { ref, first, last }: FrontendSegment): void {
  view.setUint32(at, ref, true);
  view.setUint8(at + 4, first);
  view.setUint8(at + 5, last);
}

import { BackRing } from '../back-ring.ts';
import type { Backend, BackendEnvironment, BackendStats } from '../backend.ts';
import type { GuestPage } from '../guest-grants.ts';
import { quoteGuestText } from '../quote-guest-text.ts';
import type { FrontendNodes, NodeValues } from '../store-access.ts';
import { BLKIF_SECTOR_BYTES, blkifLayout, VDISK_CDROM, VDISK_READONLY } from './blkif.ts';
import { BlockCounters } from './block-counters.ts';
import { BlockQueue } from './block-queue.ts';
import { type BlockStore, canDiscard } from './block-store.ts';
import { MAX_INDIRECT_SEGMENTS } from './block-transfer.ts';
import { GrantedPages } from './granted-pages.ts';

/** Rings have up to 2 to the power of this pages. */
const MAX_RING_PAGE_ORDER = 4;

/** Pages that stay mapped for a frontend with persistent grants: a ring full of requests of one page of segments each. */
const PERSISTENT_LIMIT = 1056;

/** The backend of a VBD: speaks the blkif protocol, and keeps the data in a store. */
export class BlockBackend implements Backend {
  readonly #environment: BackendEnvironment;
  readonly #store: BlockStore;
  readonly #counters = new BlockCounters();
  readonly #ringPages: GuestPage[] = [];
  #pages: GrantedPages | undefined;
  #queue: BlockQueue | undefined;

  constructor(environment: BackendEnvironment, store: BlockStore) {
    this.#environment = environment;
    this.#store = store;
  }

  features(): NodeValues {
    const { flush, discardLimits } = this.#store;
    return {
      'max-ring-page-order': MAX_RING_PAGE_ORDER,
      'feature-max-indirect-segments': MAX_INDIRECT_SEGMENTS,
      'feature-persistent': 1,
      'feature-flush-cache': flush === undefined ? 0 : 1,
      'feature-barrier': flush === undefined ? 0 : 1,
      ...(canDiscard(this.#store)
        ? { 'feature-discard': 1, 'discard-granularity': discardLimits?.granularityBytes, 'discard-alignment': 0, 'discard-secure': 0 }
        : {}),
    };
  }

  connect(frontend: FrontendNodes): NodeValues {
    const layout = blkifLayout(frontend.read('protocol'));
    if (layout === undefined) throw new Error(`the protocol ${quoteGuestText(frontend.read('protocol'))} is not one of x86_32-abi, x86_64-abi`);
    this.#mapRing(frontend);
    const isPersistent = frontend.readNumber('feature-persistent') === 1;
    const pages = new GrantedPages(this.#environment.grants, isPersistent ? PERSISTENT_LIMIT : 0);
    const queue = new BlockQueue({
      environment: this.#environment,
      store: this.#store,
      ring: new BackRing(this.#ringPages, layout),
      layout,
      pages,
      counters: this.#counters,
    });
    this.#pages = pages;
    this.#queue = queue;
    const port = frontend.readNumber('event-channel');
    if (port === undefined || !queue.bind(port)) throw new Error(`the event channel ${quoteGuestText(frontend.read('event-channel'))} cannot be bound`);
    const { sizeBytes, sectorBytes, physicalSectorBytes = sectorBytes, readOnly } = this.#store;
    return {
      // In units of 512 bytes whatever the sector is, as backends and frontends have it that exist.
      sectors: sizeBytes / BLKIF_SECTOR_BYTES,
      info: (readOnly ? VDISK_READONLY : 0) | (this.#environment.settings['device-type'] === 'cdrom' ? VDISK_CDROM : 0),
      'sector-size': sectorBytes,
      // The size must be a multiple of it.
      'physical-sector-size': sizeBytes % physicalSectorBytes === 0 ? physicalSectorBytes : sectorBytes,
    };
  }

  async disconnect(): Promise<void> {
    await this.#queue?.stop();
    this.#pages?.close();
    for (const page of this.#ringPages) page.unmap();
    this.#ringPages.length = 0;
    this.#queue = undefined;
    this.#pages = undefined;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  stats(): BackendStats {
    return { ...this.#counters.stats(), persistentGrants: this.#pages?.kept ?? 0 };
  }

  #mapRing(frontend: FrontendNodes): void {
    const written = frontend.read('ring-page-order');
    const order = frontend.readNumber('ring-page-order') ?? -1;
    if (written !== undefined && (order < 0 || order > MAX_RING_PAGE_ORDER)) {
      throw new Error(`ring-page-order ${quoteGuestText(written)} is not a number from 0 to ${MAX_RING_PAGE_ORDER}`);
    }
    const names = written === undefined ? ['ring-ref'] : Array.from({ length: 2 ** order }, (_, i) => `ring-ref${i}`);
    for (const name of names) {
      const ref = frontend.readNumber(name);
      const page = ref === undefined || ref > 0xffff_ffff ? undefined : this.#environment.grants.map(ref, 'write');
      if (page === undefined) throw new Error(`${name} ${quoteGuestText(frontend.read(name))} is not a grant reference`);
      if (typeof page === 'number') throw new Error(`${name} ${ref} cannot be mapped: grant status ${page}`);
      this.#ringPages.push(page);
    }
  }
}

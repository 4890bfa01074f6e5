import { GrantFlags, GrantOpStatus } from '#sdk';
import { type DomainTables, GRANTS_PER_FRAME, MAX_GRANT_FRAMES } from '../memory/domain-tables.ts';
import { type GuestRam, PAGE } from '../memory/guest-ram.ts';
import type { Physmap } from '../memory/physmap.ts';

const ENTRY = 8;
/** How often an entry is tried while the guest changes it. */
const ATTEMPTS = 8;
const READER = 1;
const WRITER = 0x10000;
const COUNT = 0xffff;
const { GTF_type_mask, GTF_permit_access, GTF_readonly, GTF_reading, GTF_writing } = GrantFlags;

/** Who wants to use a granted page, and how. */
export interface GrantWish {
  /** The domain that the page must be granted to. */
  readonly domid: number;
  readonly readonly: boolean;
}

/** A granted page in use. While it is, the guest sees that it is and cannot end the grant. */
export interface GrantMapping extends Disposable {
  /** The page. The guest may change it at any time: copy what has to stay as it was checked. */
  readonly bytes: Uint8Array;
  /** Where it is in the domain's memory. */
  readonly address: number;
  readonly readonly: boolean;
  /** Ends the use; once. */
  release(): void;
}

/**
 * The grant table of a domain, version 1. The entries are in guest memory, where the guest changes them at any time: an
 * entry is taken in one atomic step together with what it said, and the frame is read only after that.
 */
export class GrantTable {
  readonly #tables: DomainTables;
  readonly #ram: GuestRam;
  readonly #physmap: Physmap;

  constructor(tables: DomainTables, ram: GuestRam, physmap: Physmap) {
    this.#tables = tables;
    this.#ram = ram;
    this.#physmap = physmap;
  }

  /** Pages of entries that there are. */
  get frames(): number {
    return this.#tables.grantFrames;
  }

  /** Makes the table larger; whether it has `count` pages now. */
  grow(count: number): boolean {
    if (count < 0 || count > MAX_GRANT_FRAMES) return false;
    if (count > this.#tables.grantFrames) this.#tables.grantFrames = count;
    return true;
  }

  /** For the builder: grants a page of the domain. */
  grant(ref: number, domid: number, gfn: number): void {
    const entry = this.#entryOf(ref);
    if (entry < 0) return;
    Atomics.store(this.#ram.words, (entry >> 2) + 1, gfn | 0);
    Atomics.store(this.#ram.words, entry >> 2, GTF_permit_access | (domid << 16));
  }

  /** Begins to use a granted page; a {@link GrantOpStatus} below 0 when it must not be. */
  map(ref: number, wish: GrantWish): GrantMapping | number {
    return this.#tables.lock.with(() => {
      const entry = this.#entryOf(ref);
      if (entry < 0) return GrantOpStatus.GNTST_bad_gntref;
      const status = this.#pin(entry, ref, wish);
      if (status !== GrantOpStatus.GNTST_okay) return status;
      const gfn = this.#ram.load(entry + 4) >>> 0;
      const address = this.#physmap.isRam(gfn) ? this.#physmap.address(gfn) : -1;
      if (address < 0) {
        this.#unpin(entry, ref, wish.readonly);
        return GrantOpStatus.GNTST_bad_page;
      }
      return this.#mappingOf(ref, address, wish.readonly);
    });
  }

  /** Whether anybody uses a granted page. */
  isInUse(ref: number): boolean {
    return (this.#tables.grantUse[ref] ?? 0) !== 0;
  }

  #mappingOf(ref: number, address: number, readonly: boolean): GrantMapping {
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      this.#tables.lock.with(() => {
        const entry = this.#entryOf(ref);
        if (entry >= 0) this.#unpin(entry, ref, readonly);
      });
    };
    return { bytes: this.#ram.bytes.subarray(address, address + PAGE), address, readonly, release, [Symbol.dispose]: release };
  }

  #pin(entry: number, ref: number, wish: GrantWish): number {
    const use = this.#tables.grantUse[ref] ?? 0;
    if ((use & COUNT) === COUNT || use >>> 16 === COUNT >> 1) return GrantOpStatus.GNTST_no_space;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const word = this.#ram.load(entry);
      const status = judge(word, wish);
      if (status !== GrantOpStatus.GNTST_okay) return status;
      if (!this.#ram.replace(entry, word, word | GTF_reading | (wish.readonly ? 0 : GTF_writing))) continue;
      this.#tables.grantUse[ref] = use + (wish.readonly ? READER : WRITER);
      return GrantOpStatus.GNTST_okay;
    }
    return GrantOpStatus.GNTST_general_error;
  }

  #unpin(entry: number, ref: number, readonly: boolean): void {
    const use = (this.#tables.grantUse[ref] ?? 0) - (readonly ? READER : WRITER);
    this.#tables.grantUse[ref] = use;
    const done = (use === 0 ? GTF_reading : 0) | (use >>> 16 === 0 ? GTF_writing : 0);
    if (done !== 0) this.#ram.clearBits(entry, done);
  }

  #entryOf(ref: number): number {
    if (!Number.isInteger(ref) || ref < 0 || ref >= this.#tables.grantFrames * GRANTS_PER_FRAME) return -1;
    return this.#physmap.grantFrame(Math.floor(ref / GRANTS_PER_FRAME)) + (ref % GRANTS_PER_FRAME) * ENTRY;
  }
}

/** Whether the first word of an entry grants what is wished: a {@link GrantOpStatus}. */
function judge(word: number, wish: GrantWish): number {
  if ((word & GTF_type_mask) !== GTF_permit_access) return GrantOpStatus.GNTST_bad_gntref;
  if (word >>> 16 !== wish.domid) return GrantOpStatus.GNTST_permission_denied;
  return !wish.readonly && (word & GTF_readonly) !== 0 ? GrantOpStatus.GNTST_permission_denied : GrantOpStatus.GNTST_okay;
}

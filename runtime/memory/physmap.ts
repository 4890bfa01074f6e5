import { Errno } from '#sdk';
import { LENT_PAGES, MAX_GRANT_FRAMES, type DomainTables } from './domain-tables.ts';
import { type GuestRam, PAGE } from './guest-ram.ts';

const SHARED_INFO = 0;
const FIRST_GRANT = 1;
const FIRST_FIXED = FIRST_GRANT + MAX_GRANT_FRAMES;
const NONE = -1;
/** Frames below 4 GiB: no more can be mapped. */
const FRAMES = 1 << 20;
const VGA_FIRST = 0xa0;
const VGA_END = 0xc0;

/**
 * Which page of the domain's memory is at which guest frame. RAM is at its own frames, but for those the guest gave back.
 * Pages that the hypervisor lends the domain (shared info, grant frames, rings, tables) lie behind the RAM. At a frame
 * outside RAM such a page is mapped; at a frame of RAM, where the vCPUs' address translation knows no exceptions, the
 * page's content moves to the frame for as long as it is mapped there, and the RAM's content is lost, as under Xen.
 * Callers hold the domain's lock.
 */
export class Physmap {
  readonly #tables: DomainTables;
  readonly #ram: GuestRam;
  readonly ramFrames: number;
  #nextFixed = FIRST_FIXED;

  constructor(tables: DomainTables, ram: GuestRam) {
    this.#tables = tables;
    this.#ram = ram;
    this.ramFrames = ram.ramBytes / PAGE;
  }

  /** Where the shared info page is now. */
  get sharedInfo(): number {
    return this.#addressOf(SHARED_INFO);
  }

  /** Where a page of grant entries is now. */
  grantFrame(index: number): number {
    return this.#addressOf(FIRST_GRANT + index);
  }

  /** The guest frame of a page of grant entries, or -1. */
  grantGfn(index: number): number {
    return this.#gfnOf(FIRST_GRANT + index);
  }

  /** Address of the page at a guest frame, or -1 when there is none. */
  address(gfn: number): number {
    if (this.isRam(gfn)) return this.#isReleased(gfn) && this.#lentAt(gfn) === NONE ? NONE : gfn * PAGE;
    const page = gfn < 0 ? NONE : this.#lentAt(gfn);
    return page === NONE ? NONE : this.#addressOf(page);
  }

  /** Whether a guest frame is one of RAM, given back or not. */
  isRam(gfn: number): boolean {
    return gfn >= 0 && gfn < this.ramFrames && (gfn < VGA_FIRST || gfn >= VGA_END);
  }

  /** Frames of RAM that the guest has not given back. */
  get populated(): number {
    let released = 0;
    for (const word of this.#tables.released) released += bitCount(word);
    return this.ramFrames - released;
  }

  /** Maps the shared info page; 0 or a negative errno. */
  mapSharedInfo(gfn: number): number {
    return this.#map(SHARED_INFO, gfn);
  }

  /** Maps a page of grant entries; 0 or a negative errno. */
  mapGrantFrame(index: number, gfn: number): number {
    return this.#map(FIRST_GRANT + index, gfn);
  }

  /** Lends the domain one more page, at a frame outside RAM; returns its address. For the builder. */
  lend(gfn: number): number {
    const page = this.#nextFixed++;
    this.#map(page, gfn);
    return this.#addressOf(page);
  }

  /** Takes the page at a frame away; 0 or a negative errno. */
  remove(gfn: number): number {
    const page = gfn < 0 ? NONE : this.#lentAt(gfn);
    if (page === NONE) return this.isRam(gfn) ? this.release(gfn) : -Errno.EINVAL;
    this.#evict(page);
    if (this.isRam(gfn)) this.#setReleased(gfn, true);
    this.#tables.advanceMap();
    return 0;
  }

  /** The guest gives a frame of RAM back; 0 or a negative errno. */
  release(gfn: number): number {
    if (!this.isRam(gfn) || this.#isReleased(gfn)) return -Errno.EINVAL;
    this.#setReleased(gfn, true);
    this.#ram.clearPage(gfn * PAGE);
    return 0;
  }

  /** The guest wants a frame that it gave back; false when it cannot have it. */
  populate(gfn: number): boolean {
    if (!this.isRam(gfn)) return false;
    this.#setReleased(gfn, false);
    return true;
  }

  /** Calls back for each page that is mapped outside RAM, with guest frame and frame in memory. */
  forEachOutsideRam(found: (gfn: number, frame: number) => void): void {
    for (let page = 0; page < LENT_PAGES; page++) {
      const gfn = this.#gfnOf(page);
      if (gfn !== NONE && !this.isRam(gfn)) found(gfn, this.ramFrames + page);
    }
  }

  #map(page: number, gfn: number): number {
    const isHole = gfn >= VGA_FIRST && gfn < VGA_END;
    if (!Number.isInteger(gfn) || gfn < 0 || gfn >= FRAMES || isHole) return -Errno.EINVAL;
    this.#evict(page);
    const there = this.#lentAt(gfn);
    if (there !== NONE) this.#evict(there);
    if (this.isRam(gfn)) this.#ram.copyPage(gfn * PAGE, this.#homeOf(page));
    this.#tables.lentGfns[page] = gfn;
    this.#tables.advanceMap();
    return 0;
  }

  /** Unmaps a lent page; its content goes home. */
  #evict(page: number): void {
    const gfn = this.#gfnOf(page);
    if (gfn === NONE) return;
    if (this.isRam(gfn)) {
      this.#ram.copyPage(this.#homeOf(page), gfn * PAGE);
      this.#ram.clearPage(gfn * PAGE);
    }
    this.#tables.lentGfns[page] = NONE;
  }

  #gfnOf(page: number): number {
    return this.#tables.lentGfns[page] ?? NONE;
  }

  #lentAt(gfn: number): number {
    return this.#tables.lentGfns.indexOf(gfn);
  }

  #homeOf(page: number): number {
    return this.#ram.ramBytes + page * PAGE;
  }

  #addressOf(page: number): number {
    const gfn = this.#gfnOf(page);
    return gfn !== NONE && this.isRam(gfn) ? gfn * PAGE : this.#homeOf(page);
  }

  #isReleased(gfn: number): boolean {
    return ((this.#tables.released[gfn >> 5] ?? 0) & (1 << (gfn & 31))) !== 0;
  }

  #setReleased(gfn: number, released: boolean): void {
    const word = this.#tables.released[gfn >> 5] ?? 0;
    this.#tables.released[gfn >> 5] = released ? word | (1 << (gfn & 31)) : word & ~(1 << (gfn & 31));
  }
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}

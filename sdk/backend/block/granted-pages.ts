// Hot path: one lookup per segment of each block request.
import type { GrantAccess, GrantStatusValue, GuestGrants, GuestPage } from '../guest-grants.ts';

interface KeptPage {
  readonly page: GuestPage;
  users: number;
}

/** How many pages are looked at to find one that is not in use. */
const SEARCH = 16;

/** The pages that requests have mapped; those of persistent grants stay mapped for the next request. */
export class GrantedPages {
  readonly #grants: GuestGrants;
  readonly #limit: number;
  /** In order of their last use. */
  readonly #kept = new Map<number, KeptPage>();

  /** @param limit - how many pages stay mapped: 0 when the frontend's grants are not persistent */
  constructor(grants: GuestGrants, limit: number) {
    this.#grants = grants;
    this.#limit = limit;
  }

  /** Number of pages that stay mapped. */
  get kept(): number {
    return this.#kept.size;
  }

  /** Maps a page, or finds it mapped. Each that was acquired is released once, with the same reference. */
  acquire(ref: number, access: GrantAccess): GuestPage | GrantStatusValue {
    if (this.#limit === 0) return this.#grants.map(ref, access);
    const kept = this.#kept.get(ref);
    if (kept !== undefined) {
      this.#kept.delete(ref);
      this.#kept.set(ref, kept);
      kept.users++;
      return kept.page;
    }
    if (this.#kept.size >= this.#limit && !this.#evict()) return this.#grants.map(ref, access);
    // The next request may go the other way, so that only a page that can be written is worth keeping.
    const page = this.#grants.map(ref, 'write');
    if (typeof page === 'number') return access === 'read' ? this.#grants.map(ref, access) : page;
    this.#kept.set(ref, { page, users: 1 });
    return page;
  }

  /** A request does not use a page any more. */
  release(ref: number, page: GuestPage): void {
    const kept = this.#kept.get(ref);
    if (kept?.page === page) kept.users--;
    else page.unmap();
  }

  /** Unmaps what stayed mapped. No request is under way. */
  close(): void {
    for (const { page } of this.#kept.values()) page.unmap();
    this.#kept.clear();
  }

  #evict(): boolean {
    let seen = 0;
    for (const [ref, { page, users }] of this.#kept) {
      if (users === 0) {
        this.#kept.delete(ref);
        page.unmap();
        return true;
      }
      if (++seen === SEARCH) break;
    }
    return false;
  }
}

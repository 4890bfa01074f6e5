import { type GrantAccess, GrantStatus, type GrantStatusValue, type GuestGrants, type GuestPage, PAGE_BYTES } from '../../backend/guest-grants.ts';

interface Grant {
  readonly gfn: number;
  readonly readOnly: boolean;
  users: number;
}

/** The first references are reserved, as in a real grant table. */
const FIRST_REF = 8;

/** The memory of a guest that is none, and what it grants of it. */
export class FakeGrants implements GuestGrants {
  /** All the memory. */
  readonly memory: Uint8Array;
  readonly #grants = new Map<number, Grant>();
  readonly #freeRefs: number[] = [];
  readonly #freePages: number[] = [];
  #nextRef = FIRST_REF;
  #nextPage = 0;
  #mappings = 0;
  #maps = 0;

  constructor(pages: number) {
    this.memory = new Uint8Array(new SharedArrayBuffer(pages * PAGE_BYTES));
  }

  /** Number of pages that the backend has mapped at this moment. */
  get mappings(): number {
    return this.#mappings;
  }

  /** Number of times that a page was mapped. */
  get maps(): number {
    return this.#maps;
  }

  /** Takes a free page; it is not cleared. */
  allocatePage(): number {
    const gfn = this.#freePages.pop() ?? this.#nextPage++;
    if ((gfn + 1) * PAGE_BYTES > this.memory.length) throw new RangeError('the guest has no more pages');
    return gfn;
  }

  /** Gives a page back. */
  freePage(gfn: number): void {
    this.#freePages.push(gfn);
  }

  /** The bytes of a page. */
  page(gfn: number): Uint8Array {
    return this.memory.subarray(gfn * PAGE_BYTES, (gfn + 1) * PAGE_BYTES);
  }

  /** Grants a page to the backend. */
  grant(gfn: number, access: GrantAccess = 'write'): number {
    const ref = this.#freeRefs.pop() ?? this.#nextRef++;
    this.#grants.set(ref, { gfn, readOnly: access === 'read', users: 0 });
    return ref;
  }

  /** Whether the backend has mapped the page of a grant. */
  isInUse(ref: number): boolean {
    return (this.#grants.get(ref)?.users ?? 0) > 0;
  }

  /** Withdraws a grant; false while the backend uses it, as the guest's gnttab_end_foreign_access_ref tells. */
  endAccess(ref: number): boolean {
    const grant = this.#grants.get(ref);
    if (grant === undefined || grant.users > 0) return false;
    this.#grants.delete(ref);
    this.#freeRefs.push(ref);
    return true;
  }

  map(ref: number, access: GrantAccess): GuestPage | GrantStatusValue {
    const grant = this.#find(ref, access);
    if (typeof grant === 'number') return grant;
    grant.users++;
    this.#mappings++;
    this.#maps++;
    let mapped = true;
    return {
      bytes: this.page(grant.gfn),
      readOnly: grant.readOnly,
      unmap: () => {
        if (!mapped) return;
        mapped = false;
        grant.users--;
        this.#mappings--;
      },
    };
  }

  copyFrom(ref: number, offset: number, target: Uint8Array): GrantStatusValue {
    const grant = this.#find(ref, 'read', offset, target.length);
    if (typeof grant === 'number') return grant;
    target.set(this.page(grant.gfn).subarray(offset, offset + target.length));
    return GrantStatus.GNTST_okay;
  }

  copyTo(ref: number, offset: number, source: Uint8Array): GrantStatusValue {
    const grant = this.#find(ref, 'write', offset, source.length);
    if (typeof grant === 'number') return grant;
    this.page(grant.gfn).set(source, offset);
    return GrantStatus.GNTST_okay;
  }

  #find(ref: number, access: GrantAccess, offset = 0, length = 0): Grant | GrantStatusValue {
    if (offset < 0 || offset + length > PAGE_BYTES) return GrantStatus.GNTST_bad_copy_arg;
    const grant = this.#grants.get(ref);
    if (grant === undefined) return GrantStatus.GNTST_bad_gntref;
    return access === 'write' && grant.readOnly ? GrantStatus.GNTST_permission_denied : grant;
  }
}

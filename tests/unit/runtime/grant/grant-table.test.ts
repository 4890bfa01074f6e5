import { describe, expect, it } from 'vitest';
import { GrantFlags, GrantMapFlags, GrantOpStatus } from '#sdk';
import type { DomainState } from '../../../../runtime/domain/domain-state.ts';
import { copyGranted } from '../../../../runtime/grant/grant-copy.ts';
import type { GrantMapping } from '../../../../runtime/grant/grant-table.ts';
import { PAGE } from '../../../../runtime/memory/guest-ram.ts';
import { testDomain } from '../domain/domain-fixture.ts';

const BACKEND = 0;
const GFN = 0x40;
const { GTF_permit_access, GTF_readonly, GTF_reading, GTF_writing } = GrantFlags;

/** Writes an entry as a guest does. */
function grant(state: DomainState, ref: number, entry: { flags?: number; domid?: number; gfn?: number }): number {
  const at = state.physmap.grantFrame(0) + 8 * ref;
  state.ram.view.setUint32(at + 4, entry.gfn ?? GFN, true);
  state.ram.view.setUint16(at + 2, entry.domid ?? BACKEND, true);
  state.ram.view.setUint16(at, entry.flags ?? GTF_permit_access, true);
  return at;
}

const flagsAt = (state: DomainState, at: number): number => state.ram.view.getUint16(at, true);

function mapped(result: GrantMapping | number): GrantMapping {
  if (typeof result === 'number') throw new Error(`refused: ${result}`);
  return result;
}

describe('grant tables', () => {
  it('give a backend a view of the page, and show the guest that it is in use', () => {
    const { state } = testDomain();
    const at = grant(state, 9, {});
    const mapping = mapped(state.grants.map(9, { domid: BACKEND, readonly: false }));
    mapping.bytes[3] = 42;
    expect(state.ram.bytes[GFN * PAGE + 3]).toBe(42);
    expect(flagsAt(state, at)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
    mapping.release();
    mapping.release();
    expect(flagsAt(state, at)).toBe(GTF_permit_access);
    expect(state.grants.isInUse(9)).toBe(false);
  });

  it('count readers and writers on their own', () => {
    const { state } = testDomain();
    const at = grant(state, 9, {});
    const map = (readonly: boolean): GrantMapping => mapped(state.grants.map(9, { domid: BACKEND, readonly }));
    const [reader, first, second] = [map(true), map(false), map(false)];
    first.release();
    expect(flagsAt(state, at)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
    second.release();
    expect(flagsAt(state, at)).toBe(GTF_permit_access | GTF_reading);
    reader.release();
    expect(flagsAt(state, at)).toBe(GTF_permit_access);
  });

  it.each([
    ['an entry that is not filled in', { flags: 0 }, GrantOpStatus.GNTST_bad_gntref],
    ['an entry that accepts a transfer', { flags: GrantFlags.GTF_accept_transfer }, GrantOpStatus.GNTST_bad_gntref],
    ['a grant to another domain', { domid: 5 }, GrantOpStatus.GNTST_permission_denied],
    ['a write to what is granted to be read', { flags: GTF_permit_access | GTF_readonly }, GrantOpStatus.GNTST_permission_denied],
    ['a frame that does not exist', { gfn: 0xfffffff }, GrantOpStatus.GNTST_bad_page],
    ['a frame beyond the RAM', { gfn: 0x200 }, GrantOpStatus.GNTST_bad_page],
  ] as const)('refuse %s and leave no trace', (_what, entry, status) => {
    const { state } = testDomain();
    const at = grant(state, 9, entry);
    const before = flagsAt(state, at);
    expect(state.grants.map(9, { domid: BACKEND, readonly: false })).toBe(status);
    expect(flagsAt(state, at)).toBe(before);
  });

  it.each([-1, 512, 1.5, Number.NaN, 2 ** 32])('have no reference %s', (ref) => {
    expect(testDomain().state.grants.map(ref, { domid: BACKEND, readonly: true })).toBe(GrantOpStatus.GNTST_bad_gntref);
  });

  it('grow up to 64 frames and never shrink', () => {
    const { grants } = testDomain().state;
    expect([grants.grow(3), grants.frames, grants.grow(2), grants.frames]).toEqual([true, 3, true, 3]);
    expect([grants.grow(64), grants.grow(65), grants.frames]).toEqual([true, false, 64]);
  });

  it('stay where they are when the guest maps them at frames of its own, in RAM or not', () => {
    const { state } = testDomain();
    grant(state, 9, {});
    expect(state.physmap.mapGrantFrame(0, 0x50)).toBe(0);
    expect(state.ram.view.getUint32(0x50 * PAGE + 8 * 9 + 4, true)).toBe(GFN);
    const mapping = mapped(state.grants.map(9, { domid: BACKEND, readonly: true }));
    expect(state.physmap.mapGrantFrame(0, 0x17fff)).toBe(0);
    mapping.release();
    expect(flagsAt(state, state.physmap.grantFrame(0) + 8 * 9)).toBe(GTF_permit_access);
    expect(state.ram.view.getUint32(0x50 * PAGE + 8 * 9 + 4, true)).toBe(0);
  });
});

describe('copies between granted pages', () => {
  it('go from a page of the caller to one that another domain has granted', () => {
    const others = new Map<number, DomainState>();
    const one = testDomain({ domid: 1, others }).state;
    const two = testDomain({ domid: 2, others }).state;
    one.ram.bytes.set([1, 2, 3, 4], 0x30 * PAGE + 100);
    const at = grant(two, 12, { domid: 1 });
    const copy = (length: number, offset = 8) =>
      copyGranted(one, (domid) => others.get(domid), {
        source: { domid: 1, page: 0x30, offset: 100 },
        destination: { domid: 2, page: 12, offset },
        length,
        flags: GrantMapFlags.GNTCOPY_dest_gref,
      });
    expect(copy(4)).toBe(GrantOpStatus.GNTST_okay);
    expect([...two.ram.bytes.subarray(GFN * PAGE + 8, GFN * PAGE + 12)]).toEqual([1, 2, 3, 4]);
    expect(flagsAt(two, at)).toBe(GTF_permit_access);
    expect(copy(4, 4093)).toBe(GrantOpStatus.GNTST_bad_copy_arg);
    grant(two, 12, { domid: 7 });
    expect(copy(4)).toBe(GrantOpStatus.GNTST_permission_denied);
  });

  it('never touch another domain without a grant, nor one that does not exist', () => {
    const others = new Map<number, DomainState>();
    const one = testDomain({ domid: 1, others }).state;
    testDomain({ domid: 2, others });
    const from = (domid: number, flags = 0) =>
      copyGranted(one, (id) => others.get(id), { source: { domid, page: 1, offset: 0 }, destination: { domid: 1, page: 1, offset: 0 }, length: 1, flags });
    expect(from(2)).toBe(GrantOpStatus.GNTST_permission_denied);
    expect(from(3, GrantMapFlags.GNTCOPY_source_gref)).toBe(GrantOpStatus.GNTST_bad_domain);
    expect(from(1)).toBe(GrantOpStatus.GNTST_okay);
  });
});

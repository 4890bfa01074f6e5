import { describe, expect, it } from 'vitest';
import { GrantStatus, type GuestPage } from '#sdk';
import { BackendChannels, guestGrants } from '../../../../runtime/domain/backend-access.ts';
import { PAGE } from '../../../../runtime/memory/guest-ram.ts';
import { testDomain } from './domain-fixture.ts';

const GFN = 0x44;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what backends have of a domain', () => {
  it('maps pages and copies from and to them', () => {
    const { state } = testDomain();
    state.grants.grant(20, 0, GFN);
    const grants = guestGrants(state);
    expect(grants.copyTo(20, 4090, Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(GrantStatus.GNTST_okay);
    const target = new Uint8Array(2);
    expect([grants.copyFrom(20, 4094, target), ...target]).toEqual([0, 5, 6]);
    const page = grants.map(20, 'write') as GuestPage;
    expect([page.bytes.byteOffset, page.bytes.length, page.readOnly, state.grants.isInUse(20)]).toEqual([GFN * PAGE, PAGE, false, true]);
    page.unmap();
    page.unmap();
    expect(state.grants.isInUse(20)).toBe(false);
  });

  it.each([
    [21, 0, GrantStatus.GNTST_bad_gntref],
    [-1, 0, GrantStatus.GNTST_bad_gntref],
    [20, 4093, GrantStatus.GNTST_bad_copy_arg],
    [20, -1, GrantStatus.GNTST_bad_copy_arg],
    [20, 0.5, GrantStatus.GNTST_bad_copy_arg],
    [22, 0, GrantStatus.GNTST_permission_denied],
  ])('refuses reference %i at %d', (ref, offset, status) => {
    const { state } = testDomain();
    state.grants.grant(20, 0, GFN);
    state.grants.grant(22, 9, GFN);
    expect(guestGrants(state).copyFrom(ref, offset, new Uint8Array(4))).toBe(status);
  });

  it('binds ports that were allocated for it, and is called later and once', async () => {
    const { state, kicked } = testDomain();
    const channels = new BackendChannels(state);
    let calls = 0;
    const port = state.events.allocUnbound(0);
    expect(channels.bind(port + 1, () => undefined)).toBeUndefined();
    const channel = channels.bind(port, () => void calls++);
    expect(channels.bind(port, () => undefined)).toBeUndefined();
    channels.signalled(port);
    expect(calls).toBe(0);
    await tick();
    expect(calls).toBe(1);
    channel?.notify();
    expect(kicked).toEqual([0]);
    channels.signalled(port);
    channel?.close();
    channel?.close();
    await tick();
    expect(calls).toBe(1);
    expect(channels.bind(port, () => undefined)).toBeDefined();
  });
});

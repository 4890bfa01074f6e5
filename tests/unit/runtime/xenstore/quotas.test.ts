import { describe, expect, it } from 'vitest';
import { XsMessage } from '../../../../runtime/xenstore/index.ts';
import { encodeMessage } from '../../../../runtime/xenstore/wire/xs-bytes.ts';
import { OK, setUp } from './store-fixture.ts';

/** How many times `act` was done before it was refused, and how. */
function until(act: (i: number) => string, most = 5000): [done: number, reply: string] {
  for (let i = 0; i < most; i++) {
    const reply = act(i);
    if (reply !== OK && !/^\d+\0$/.test(reply)) return [i, reply];
  }
  return [most, 'never'];
}

describe('quotas', () => {
  it('1000 nodes that the domain owns', () => {
    const { one, two, dom0 } = setUp();
    // Its data directory is one of them.
    expect(until((i) => one.write(`data/${i % 10}/${i}`, ''))).toEqual([989, 'ENOSPC\0']);
    expect(one.connection.domain.nodes).toBe(1000);
    expect(one.write('data/1/1', 'still')).toBe(OK);
    expect(two.write('data/x', '')).toBe(OK);
    dom0.write('/local/domain/1/data/by-domain-0', '');
    expect(one.text('XS_RM', 'data/1\0')).toBe(OK);
    expect(one.write('data/new', '')).toBe(OK);
  });

  it('leaves nothing of a path that does not fit', () => {
    const { one, store } = setUp();
    until((i) => one.write(`data/${i % 10}/${i}`, ''));
    one.text('XS_RM', 'data/0/0\0');
    const { size } = store.core.table;
    expect(one.write('data/a/b/c', '')).toBe('ENOSPC\0');
    expect(store.core.table.size).toBe(size);
    expect(one.read('data/a')).toBe('ENOENT\0');
  });

  it('2048 bytes for a node with its permissions and the names of its children', () => {
    const { one } = setUp();
    expect(one.write('data/x', 'v'.repeat(2024))).toBe(OK);
    expect(one.write('data/x', 'v'.repeat(2025))).toBe('ENOSPC\0');
    expect(one.read('data/x')).toHaveLength(2024);
    // 16 bytes of header, 8 of permissions, and 2 for x: 202 names of 10 with their NUL.
    expect(until((i) => one.write(`data/child-${String(i).padStart(3, '0')}`, ''))).toEqual([202, 'ENOSPC\0']);
  });

  it('129 watches, for the check comes before the count', () => {
    const { one, two } = setUp();
    expect(until((i) => one.watch('data', `${i}`))).toEqual([129, 'E2BIG\0']);
    expect(two.watch('data', '1')).toBe(OK);
    one.text('XS_UNWATCH', 'data\x003\0');
    expect(one.watch('data', 'new')).toBe(OK);
  });

  it('11 transactions', () => {
    const { one } = setUp();
    expect(until(() => one.text('XS_TRANSACTION_START', '\0'))).toEqual([11, 'ENOSPC\0']);
    expect(one.end(5, 'F')).toBe(OK);
    expect(one.begin()).toBeGreaterThan(11);
  });

  it('1024 nodes that one transaction touches; after that it cannot be committed', () => {
    const { one } = setUp();
    const id = one.begin();
    expect(until((i) => (one.read(`data/none-${i}`, id) === 'ENOENT\0' ? OK : 'ENOSPC\0'))).toEqual([1023, 'ENOSPC\0']);
    expect(one.end(id)).toBe('ENOMEM\0');
  });

  it('5 permissions', () => {
    const { one } = setUp();
    expect(one.text('XS_SET_PERMS', 'data\0n1\0r0\0r2\0r0\0r2\0')).toBe(OK);
    expect(one.text('XS_SET_PERMS', 'data\0n1\0r0\0r2\0r0\0r2\0r0\0')).toBe('ENOSPC\0');
  });

  it('holds nodes in a transaction too, and then the transaction fails', () => {
    const { one } = setUp({ quotas: { nodes: 5 } });
    const id = one.begin();
    expect(until((i) => one.write(`data/${i}`, '', id))).toEqual([4, 'ENOSPC\0']);
    expect(one.end(id)).toBe('ENOMEM\0');
    const [a, b] = [one.begin(), one.begin()];
    expect(until((i) => one.write(`data/a${i}`, '', a), 3)[1]).toBe('never');
    one.end(a);
    expect(one.write('data/b', '', b)).toBe(OK);
    expect(one.end(b)).toBe('EAGAIN\0');
  });

  it('memory, for nodes, watches and what a transaction holds', () => {
    const { one } = setUp({ quotas: { memory: 20_000 } });
    const value = 'v'.repeat(1900);
    const [done, reply] = until((i) => one.write(`data/${i}`, value));
    expect(reply).toBe('ENOMEM\0');
    expect(done).toBe(10);
    expect(one.read('data/0')).toBe(value);
    const id = one.begin();
    expect(one.write('data/0', value, id)).toBe('ENOMEM\0');
    expect(one.end(id)).toBe('ENOMEM\0');
    expect(one.text('XS_RM', 'data/1\0')).toBe(OK);
    expect(one.write('data/1', value)).toBe(OK);
  });

  it('4 MiB of what all transactions together must remember; then the oldest is lost', () => {
    const { one, two, dom0, store } = setUp();
    const value = 'v'.repeat(1900);
    dom0.write('/far', value);
    one.write('data/x', '1');
    const old = one.begin();
    const reads = one.read('data/x', old);
    for (let i = 0; i < 1500; i++) dom0.write('/far', value);
    const young = two.begin();
    for (let i = 0; i < 1000; i++) dom0.write('/far', value);
    expect(reads).toBe('1');
    expect(store.core.table.history.size).toBe(1);
    expect(one.end(old)).toBe('EAGAIN\0');
    expect(two.end(young)).toBe(OK);
    expect(store.core.table.history.size).toBe(0);
  });

  it('20 requests that nobody took the replies of', () => {
    const { one } = setUp();
    const request = encodeMessage(XsMessage.XS_READ, 1, 0, 'name\0');
    let taken = 0;
    for (let i = 0; i < 100; i++) taken += one.connection.receive(request);
    expect(taken).toBe(20 * request.length);
    expect(one.connection.wanted).toBe(0);
    let calls = 0;
    one.connection.onReady = () => calls++;
    expect(one.poll()).toHaveLength(20);
    expect(calls).toBeGreaterThan(0);
    expect(one.connection.wanted).toBe(16);
  });

  it('20 requests whose events another has not taken', () => {
    const { one, two, dom0, store } = setUp();
    dom0.setPermissions('/local/domain/1/data', 'n1', 'r2');
    two.watch('/local/domain/1/data', 't');
    two.takeEvents();
    for (let i = 0; i < 20; i++) expect(one.write(`data/${i}`, '')).toBe(OK);
    expect(one.connection.wanted).toBe(0);
    expect(two.takeEvents()).toHaveLength(20);
    expect(one.connection.wanted).toBe(16);
    store.dropOldEvents();
  });

  it('does not let a slow reader of events grow, nor hold others up for ever', () => {
    let now = 0;
    const { one, two, dom0, store } = setUp({ now: () => now, quotas: { memory: 100_000 } });
    dom0.setPermissions('/local/domain/1/data', 'n1', 'r2');
    two.watch('/local/domain/1/data', 't');
    two.takeEvents();
    for (let i = 0; i < 20; i++) one.write(`data/${i}`, '');
    dom0.write('/far', '');
    dom0.setPermissions('/far', 'n0', 'r2');
    two.connection.client.greet(two.connection.client.watch('/far', 't'));
    for (let i = 0; i < 3000; i++) dom0.write(`/far/${i}`, '');
    expect(two.connection.pendingMessages).toBeLessThan(1000);
    expect(two.connection.domain.memory).toBeLessThanOrEqual(100_000);
    expect(one.connection.wanted).toBe(0);
    now = 20_001;
    store.dropOldEvents();
    expect(two.connection.pendingMessages).toBe(0);
    expect(one.connection.wanted).toBe(16);
    expect(two.read('name')).toBe('guest2');
  });
});

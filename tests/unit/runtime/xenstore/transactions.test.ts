import { describe, expect, it } from 'vitest';
import { OK, setUp } from './store-fixture.ts';

describe('transactions', () => {
  it('show their own changes to themselves, and to all others at the end', () => {
    const { one } = setUp();
    const id = one.begin();
    expect(one.write('data/a/b', '1', id)).toBe(OK);
    expect(one.read('data/a/b', id)).toBe('1');
    expect(one.text('XS_DIRECTORY', 'data\0', id)).toBe('a\0');
    expect(one.read('data/a/b')).toBe('ENOENT\0');
    expect(one.end(id)).toBe(OK);
    expect(one.read('data/a/b')).toBe('1');
    expect(one.read('data/a/b', id)).toBe('ENOENT\0');
  });

  it('leave nothing when they are dropped', () => {
    const { one } = setUp();
    const before = { ...one.connection.domain };
    const id = one.begin();
    one.write('data/a', '1', id);
    expect(one.end(id, 'F')).toBe(OK);
    expect(one.read('data/a')).toBe('ENOENT\0');
    expect({ ...one.connection.domain }).toEqual(before);
  });

  it('see the tree as it was when they began, also what is read late', () => {
    const { one, dom0 } = setUp();
    dom0.write('/local/domain/1/data/x', 'old');
    const id = one.begin();
    dom0.write('/local/domain/1/data/x', 'new');
    dom0.write('/local/domain/1/data/y', 'new');
    expect(one.read('data/x', id)).toBe('old');
    expect(one.read('data/y', id)).toBe('ENOENT\0');
    expect(one.text('XS_DIRECTORY', 'data\0', id)).toBe('x\0');
    expect(one.end(id)).toBe('EAGAIN\0');
    expect(one.read('data/x')).toBe('new');
  });

  it.each([
    ['a node that was read', 'write', (c: ReturnType<typeof setUp>) => c.dom0.write('/local/domain/1/data/x', '2')],
    ['the permissions of a node that was read', 'perms', (c: ReturnType<typeof setUp>) => c.dom0.setPermissions('/local/domain/1/data/x', 'n1', 'r2')],
    ['a node that was read and is removed', 'rm', (c: ReturnType<typeof setUp>) => c.dom0.remove('/local/domain/1/data/x')],
    ['the children of a node that was read', 'child', (c: ReturnType<typeof setUp>) => c.dom0.write('/local/domain/1/data/x/y', '2')],
  ])('fail when others change %s', (_what, _how, change) => {
    const all = setUp();
    const { one, dom0 } = all;
    dom0.write('/local/domain/1/data/x', '1');
    const id = one.begin();
    one.read('data/x', id);
    one.write('data/z', 'z', id);
    change(all);
    expect(one.end(id)).toBe('EAGAIN\0');
    expect(one.read('data/z')).toBe('ENOENT\0');
    expect(one.end(id)).toBe('ENOENT\0');
  });

  it('do not mind changes of what they never looked at', () => {
    const { one, dom0 } = setUp();
    dom0.write('/local/domain/1/data/x', '1');
    dom0.write('/local/domain/1/data/y', '1');
    const id = one.begin();
    one.read('data/x', id);
    dom0.write('/local/domain/1/data/y', '2');
    dom0.write('/local/domain/2/data/y', '2');
    expect(one.end(id)).toBe(OK);
  });

  it('let the first of two that collide win', () => {
    const { one, two, dom0 } = setUp();
    dom0.write('/shared', '');
    dom0.setPermissions('/shared', 'b0');
    const [a, b] = [one.begin(), two.begin()];
    one.write('/shared/x', '1', a);
    two.write('/shared/y', '2', b);
    expect(two.end(b)).toBe(OK);
    expect(one.end(a)).toBe('EAGAIN\0');
    const again = one.begin();
    one.write('/shared/x', '1', again);
    expect(one.end(again)).toBe(OK);
    expect(dom0.list('/shared')).toEqual(['y', 'x']);
  });

  it('announce their changes at the end only, in the order in which the nodes were touched', () => {
    const { one, two } = setUp();
    one.write('data/old/deep', '');
    one.write('data/both', '');
    one.watch('data', 't');
    one.watch('data/old/deep', 'deep');
    one.takeEvents();
    const id = one.begin();
    one.read('data/both', id);
    one.write('data/new', '', id);
    one.text('XS_RM', 'data/old\0', id);
    one.write('data/both', '1', id);
    one.write('data/transient', '', id);
    one.text('XS_RM', 'data/transient\0', id);
    expect(one.takeEvents()).toEqual([]);
    expect(one.end(id)).toBe(OK);
    expect(one.takeEvents()).toEqual(['data/both t', 'data/new t', 'data/old t', 'data/old/deep deep']);
    expect(two.takeEvents()).toEqual([]);
  });

  it('tell watchers above of a node that was changed and then removed with what is above it', () => {
    const { one } = setUp();
    one.write('data/a/b', '');
    one.watch('data', 't');
    one.takeEvents();
    const id = one.begin();
    one.write('data/a/b', '1', id);
    one.text('XS_RM', 'data/a\0', id);
    one.end(id);
    expect(one.takeEvents()).toEqual(['data/a/b t', 'data/a t']);
  });

  it('do not nest, and end by T or F only', () => {
    const { one } = setUp();
    const id = one.begin();
    expect(one.text('XS_TRANSACTION_START', '\0', id)).toBe('EBUSY\0');
    expect(one.text('XS_TRANSACTION_START', '\0', id + 1)).toBe('ENOENT\0');
    expect(one.end(id, 'maybe')).toBe('EINVAL\0');
    expect(one.text('XS_WATCH', 'data\0t\0', 4711)).toBe(OK);
    expect(one.end(id)).toBe(OK);
  });

  it("are one domain's own", () => {
    const { one, two } = setUp();
    const id = one.begin();
    expect(two.read('name', id)).toBe('ENOENT\0');
    expect(two.end(id)).toBe('ENOENT\0');
    expect(one.end(id)).toBe(OK);
  });

  it('of a tool do not give nodes to a domain that is gone, or to the next of its number', () => {
    const { tool, store, dom0 } = setUp();
    for (const returns of [false, true]) {
      const id = tool.begin();
      tool.write('/x', '', id);
      tool.text('XS_SET_PERMS', '/x\0n0\0r2\0', id);
      store.releaseDomain(2);
      if (returns) store.addDomain(2);
      expect(tool.end(id)).toBe('EAGAIN\0');
      expect(dom0.exists('/x')).toBe(false);
      store.addDomain(2);
    }
  });

  it('end with their domain', () => {
    const { one, store } = setUp();
    one.begin();
    store.releaseDomain(1);
    expect(store.core.table.history.size).toBe(0);
  });
});

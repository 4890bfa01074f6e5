import { describe, expect, it } from 'vitest';
import { OK, setUp } from './store-fixture.ts';

describe('watches', () => {
  it('fire once when they are set, after the reply', () => {
    const { one } = setUp();
    expect(one.watch('data/none', 'tok')).toBe(OK);
    one.poll();
    expect(one.log).toEqual([OK, '! data/none tok']);
    expect(one.watch('data/none', 'tok')).toBe('EEXIST\0');
    expect(one.watch('/local/domain/1/data/none', 'tok')).toBe('EEXIST\0');
    expect(one.watch('data/none', 'other')).toBe(OK);
  });

  it('fire for the node and all below it, before the reply, in the form that was asked for', () => {
    const { one } = setUp();
    one.watch('data', 'relative');
    one.watch('/local/domain/1/data/a', 'absolute');
    one.watch('data/ab', 'neighbour');
    one.takeEvents();
    one.log.length = 0;
    one.write('data/a/b', '1');
    expect(one.log).toEqual(['! data/a/b relative', '! /local/domain/1/data/a/b absolute', OK]);
    one.takeEvents();
    one.text('XS_MKDIR', 'data/a/b\0');
    one.read('data/a/b');
    expect(one.takeEvents()).toEqual([]);
    one.text('XS_SET_PERMS', 'data/a/b\0n1\0r2\0');
    expect(one.takeEvents()).toEqual(['data/a/b relative', '/local/domain/1/data/a/b absolute']);
  });

  it('tell watchers below a removed node of their own node, children first, and all others of the removed one', () => {
    const { one } = setUp();
    for (const path of ['data/a/b/c', 'data/a/d']) one.write(path, '');
    for (const path of ['data', 'data/a', 'data/a/b', 'data/a/b/c', 'data/a/d', 'data/a/none']) one.watch(path, 't');
    one.takeEvents();
    one.text('XS_RM', 'data/a\0');
    // Those on `data` and on `data/a` are told the same, and it waits once.
    expect(one.takeEvents()).toEqual(['data/a/b/c t', 'data/a/b t', 'data/a/d t', 'data/a t']);
  });

  it('tell each watch of a client that fits, in the order of registration, clients in the order they came', () => {
    const { one, two, dom0 } = setUp();
    dom0.setPermissions('/local/domain/1/data', 'n1', 'r2');
    two.watch('/local/domain/1/data', 'z');
    two.watch('/local/domain/1', 'a');
    one.watch('data', 'y');
    for (const client of [one, two]) client.takeEvents();
    const order: string[] = [];
    one.connection.onReady = () => order.push('one');
    two.connection.onReady = () => order.push('two');
    dom0.write('/local/domain/1/data/x', '');
    expect(order).toEqual(['one', 'two']);
    expect(two.takeEvents()).toEqual(['/local/domain/1/data/x z', '/local/domain/1/data/x a']);
  });

  it('do not wait twice for the same event', () => {
    const { one, dom0 } = setUp();
    one.watch('data', 't');
    one.takeEvents();
    for (let i = 0; i < 10; i++) dom0.write('/local/domain/1/data/x', `${i}`);
    expect(one.takeEvents()).toEqual(['data/x t']);
    dom0.write('/local/domain/1/data/x', 'more');
    expect(one.takeEvents()).toEqual(['data/x t']);
  });

  it('tell nobody of what it may not read, but of a node it could read until now', () => {
    const { one, two } = setUp();
    expect(two.watch('/local/domain/1/data', 't')).toBe(OK);
    expect(two.takeEvents()).toEqual(['/local/domain/1/data t']);
    one.write('data/secret', '');
    expect(two.takeEvents()).toEqual([]);
    one.text('XS_SET_PERMS', 'data/secret\0n1\0r2\0');
    expect(two.takeEvents()).toEqual(['/local/domain/1/data/secret t']);
    one.text('XS_SET_PERMS', 'data/secret\0n1\0');
    expect(two.takeEvents()).toEqual(['/local/domain/1/data/secret t']);
    one.write('data/secret', 'x');
    expect(two.takeEvents()).toEqual([]);
  });

  it('go as deep as they were asked to', () => {
    const { one } = setUp();
    one.text('XS_WATCH', 'data\0zero\x000\0');
    one.text('XS_WATCH', 'data\0one\x001\0');
    one.watch('data', 'all');
    one.takeEvents();
    one.write('data/a', '');
    expect(one.takeEvents()).toEqual(['data/a one', 'data/a all']);
    one.write('data/a/b', '');
    expect(one.takeEvents()).toEqual(['data/a/b all']);
    one.write('data', '');
    expect(one.takeEvents()).toEqual(['data zero', 'data one', 'data all']);
  });

  it('end by unwatch and by reset', () => {
    const { one } = setUp();
    one.watch('data', 'a');
    one.watch('data', 'b');
    const id = one.begin();
    expect(one.text('XS_UNWATCH', 'data\0a\0')).toBe(OK);
    one.takeEvents();
    one.write('data/x', '');
    expect(one.takeEvents()).toEqual(['data/x b']);
    expect(one.text('XS_RESET_WATCHES', '')).toBe(OK);
    one.write('data/x', '');
    expect(one.takeEvents()).toEqual([]);
    expect(one.end(id)).toBe('ENOENT\0');
  });

  it('tell domain 0 and those it allows of domains that come and go', () => {
    const { store, tool, one, dom0 } = setUp();
    for (const client of [tool, one]) {
      client.watch('@introduceDomain', 'in');
      client.watch('@releaseDomain', 'out');
    }
    expect(tool.takeEvents()).toEqual(['@introduceDomain in', '@releaseDomain out']);
    one.takeEvents();
    tool.text('XS_WATCH', '@releaseDomain/7\0seven\0');
    tool.text('XS_WATCH', '@releaseDomain\0which\x001\0');
    tool.takeEvents();
    store.introduceDomain(7);
    store.introduceDomain(7);
    expect(tool.takeEvents()).toEqual(['@introduceDomain in']);
    store.shutDownDomain(7);
    store.shutDownDomain(7);
    expect(tool.takeEvents()).toEqual(['@releaseDomain out', '@releaseDomain/7 seven', '@releaseDomain/7 which']);
    store.releaseDomain(7);
    expect(tool.takeEvents()).toHaveLength(3);
    expect(one.takeEvents()).toEqual([]);
    expect(dom0.permissions('@releaseDomain')).toEqual(['n0']);
    dom0.setPermissions('@releaseDomain', 'n0', 'r1');
    // A change of permissions is one like any other.
    expect(one.takeEvents()).toEqual(['@releaseDomain out']);
    store.introduceDomain(8);
    store.releaseDomain(8);
    expect(one.takeEvents()).toEqual(['@releaseDomain out']);
  });

  it('of a recorded toolstack see what it saw', () => {
    // From the recording: libxl watches a backend's state. It hears of it at once, of each change once, and of
    // the change that came before it let go.
    const { tool, dom0 } = setUp();
    const path = '/local/domain/0/backend/vif/1/0/state';
    dom0.write(path, 1);
    tool.watch(path, '3/1');
    expect(tool.takeEvents()).toEqual([`${path} 3/1`]);
    expect(tool.read(path)).toBe('1');
    dom0.write(path, 2);
    expect(tool.takeEvents()).toEqual([`${path} 3/1`]);
    expect(tool.read(path)).toBe('2');
    dom0.write(path, 4);
    expect(tool.text('XS_UNWATCH', `${path}\x003/1\0`)).toBe(OK);
    expect(tool.takeEvents()).toEqual([`${path} 3/1`]);
    dom0.write(path, 5);
    expect(tool.takeEvents()).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { OK, setUp } from './store-fixture.ts';

describe('permissions', () => {
  it('are inherited, and what a domain makes is its own', () => {
    const { one, dom0, tool } = setUp();
    dom0.setPermissions('/local/domain/1/data', 'r0', 'b1', 'w2');
    one.write('data/mine/below', '');
    expect(one.text('XS_GET_PERMS', 'data/mine\0')).toBe('r1\0b1\0w2\0');
    expect(one.text('XS_GET_PERMS', 'data/mine/below\0')).toBe('r1\0b1\0w2\0');
    dom0.write('/local/domain/1/data/mine/tools', '');
    expect(tool.text('XS_GET_PERMS', '/local/domain/1/data/mine/tools\0')).toBe('r1\0b1\0w2\0');
  });

  it.each([
    ['n', 'EACCES\0', 'EACCES\0'],
    ['r', 'value', 'EACCES\0'],
    ['w', 'EACCES\0', OK],
    ['b', 'value', OK],
  ])('%s for one domain: read %j, write %j', (letter, read, write) => {
    const { two, dom0 } = setUp();
    dom0.write('/node', 'value');
    dom0.setPermissions('/node', 'n0', `${letter}2`);
    expect(two.read('/node')).toBe(read);
    expect(two.write('/node', 'x')).toBe(write);
    dom0.setPermissions('/node', `${letter}0`);
    dom0.write('/node', 'value');
    expect(two.read('/node')).toBe(read);
    expect(two.write('/node', 'x')).toBe(write);
    dom0.setPermissions('/node', 'b0', 'n2');
    expect(two.read('/node')).toBe('EACCES\0');
  });

  it('hide whether a node exists from those who may not read above it', () => {
    const { two, dom0 } = setUp();
    dom0.write('/dir/there', '');
    expect([two.read('/dir/there'), two.read('/dir/none')]).toEqual(['EACCES\0', 'EACCES\0']);
    dom0.setPermissions('/dir', 'n0', 'r2');
    expect([two.read('/dir/there'), two.read('/dir/none')]).toEqual(['EACCES\0', 'ENOENT\0']);
  });

  it('let the owner of a node remove all below it', () => {
    const { one, dom0 } = setUp();
    one.write('data/a/b', '');
    dom0.setPermissions('/local/domain/1/data/a/b', 'n0');
    expect(one.text('XS_RM', 'data/a/b\0')).toBe('EACCES\0');
    expect(one.text('XS_RM', 'data/a\0')).toBe(OK);
  });

  it('of a domain that is gone do not pass to the next of its number', () => {
    const { store, dom0, two } = setUp();
    dom0.write('/node', 'value');
    dom0.setPermissions('/node', 'n0', 'r2', 'b1');
    expect(two.read('/node')).toBe('value');
    store.releaseDomain(2);
    const next = store.introduceDomain(2);
    const session = store.session(2);
    expect(next).not.toBe(two.connection);
    expect(session.tryRead('/node')).toBeUndefined();
    dom0.write('/node', 'changed');
    dom0.write('/node/child', 'made');
    expect(session.tryRead('/node')).toBeUndefined();
    expect(session.tryRead('/node/child')).toBeUndefined();
    dom0.setPermissions('/node', 'n0', 'r2');
    expect(session.tryRead('/node')).toBe('changed');
  });

  it('for a domain that is not known yet are void, also when it comes', () => {
    const { store, dom0 } = setUp();
    dom0.write('/node', 'value');
    dom0.setPermissions('/node', 'n0', 'r9');
    store.addDomain(9);
    expect(store.session(9).tryRead('/node')).toBeUndefined();
    dom0.setPermissions('/node', 'n0', 'r9');
    store.introduceDomain(9);
    expect(store.session(9).read('/node')).toBe('value');
  });

  it('of the nodes that a domain owned: they go with it, and watchers hear of it', () => {
    const { store, dom0, one, tool } = setUp();
    one.write('data/a', '');
    dom0.setPermissions('/', 'n1');
    tool.watch('/local/domain/1', 't');
    tool.takeEvents();
    store.releaseDomain(1);
    expect(tool.takeEvents()).toEqual(['/local/domain/1/data t']);
    expect(dom0.list('/local/domain/1')).toEqual(['name']);
    expect(dom0.permissions('/')).toEqual(['n0']);
    expect(() => store.session(1)).toThrow('ENOENT');
  });
});
